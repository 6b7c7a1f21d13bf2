// SPDX-License-Identifier: Apache-2.0
#include "proxy/dump.h"

#include "manifests/base/bug.h"
#include "manifests/text/json.h"
#include "manifests/text/time.h"
#include "proxy/dump_json.h"

// One "cluster::..." line of Envoy's /clusters.
static void dump_line(struct buf *out, struct str cluster, struct str rest, const char *name,
                      uint64_t value) {
  (void)buf_addf(out, "%.*s::%.*s::%s::%llu\n", STR_ARG(cluster), STR_ARG(rest), name,
                 (unsigned long long)value);
}

static void dump_endpoint_lines(struct buf *out, const struct table_cluster *cluster,
                                const struct table_endpoint *endpoint,
                                const struct dump_endpoint_stats *stats) {
  const struct {
    const char *name;
    uint64_t value;
  } numbers[] = {
      {"cx_active", stats->cx_active},   {"cx_connect_fail", stats->cx_connect_fail},
      {"cx_total", stats->cx_total},     {"rq_active", stats->rq_active},
      {"rq_error", stats->rq_error},     {"rq_success", stats->rq_success},
      {"rq_timeout", stats->rq_timeout}, {"rq_total", stats->rq_total},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    dump_line(out, cluster->id, endpoint->key, numbers[i].name, numbers[i].value);
  (void)buf_addf(out, "%.*s::%.*s::hostname::%.*s\n", STR_ARG(cluster->id), STR_ARG(endpoint->key),
                 STR_ARG(endpoint->hostname));
  (void)buf_addf(out, "%.*s::%.*s::health_flags::%s\n", STR_ARG(cluster->id),
                 STR_ARG(endpoint->key), stats->is_ejected ? "/failed_outlier_check" : "healthy");
  if (stats->is_ejected) {
    struct arena arena;
    arena_init(&arena);
    (void)buf_addf(out, "%.*s::%.*s::ejected_until::%.*s\n", STR_ARG(cluster->id),
                   STR_ARG(endpoint->key),
                   STR_ARG(time_format_ms(&arena, stats->ejected_until_ms)));
    arena_dispose(&arena);
  }
  dump_line(out, cluster->id, endpoint->key, "weight", endpoint->weight);
  static const char *const constants[] = {"region::",
                                          "zone::",
                                          "sub_zone::",
                                          "canary::false",
                                          "priority::0",
                                          "success_rate::-1",
                                          "local_origin_success_rate::-1"};
  for (size_t i = 0; i < ARRAY_LEN(constants); i++)
    (void)buf_addf(out, "%.*s::%.*s::%s\n", STR_ARG(cluster->id), STR_ARG(endpoint->key),
                   constants[i]);
}

static void dump_limits(struct buf *out, const struct table_cluster *cluster) {
  const struct table_pool *pool = &cluster->pool;
  struct str priority = STR("default_priority");
  dump_line(out, cluster->id, priority, "max_connections", pool->max_connections);
  dump_line(out, cluster->id, priority, "max_pending_requests", pool->max_pending);
  dump_line(out, cluster->id, priority, "max_requests", pool->max_requests);
  dump_line(out, cluster->id, priority, "max_retries", pool->max_retries);
}

static int dump_cluster_lines(struct buf *out, const struct proxy_table *table, dump_stats_fn stats,
                              void *ctx) {
  for (size_t i = 0; i < table->cluster_count; i++) {
    const struct table_cluster *cluster = &table->clusters[i];
    (void)buf_addf(out, "%.*s::observability_name::%.*s\n", STR_ARG(cluster->id),
                   STR_ARG(cluster->id));
    (void)buf_addf(out, "%.*s::added_via_api::true\n", STR_ARG(cluster->id));
    dump_limits(out, cluster);
    for (size_t j = 0; j < cluster->endpoint_count; j++) {
      struct dump_endpoint_stats numbers = {0};
      if (stats)
        stats(ctx, cluster, &cluster->endpoints[j], &numbers);
      dump_endpoint_lines(out, cluster, &cluster->endpoints[j], &numbers);
    }
  }
  return out->failed ? RC_LIMIT : 0;
}

// Writes what `fill` puts into an object.
static int dump_write(struct buf *out, const struct proxy_table *table,
                      void (*fill)(struct arena *, struct json *, const struct proxy_table *)) {
  struct arena arena;
  arena_init(&arena);
  struct json *root = json_new_object(&arena);
  fill(&arena, root, table);
  int rc = json_write_pretty(out, root);
  arena_dispose(&arena);
  return rc;
}

int dump_routes(struct buf *out, const struct proxy_table *table) {
  return dump_write(out, table, dump_json_routes);
}

int dump_endpoints(struct buf *out, const struct proxy_table *table) {
  return dump_write(out, table, dump_json_endpoints);
}

int dump_listeners(struct buf *out, const struct proxy_table *table, bool json,
                   const struct dump_listening *listening) {
  if (json) {
    struct arena arena;
    arena_init(&arena);
    struct json *root = json_new_object(&arena);
    dump_json_listener_page(&arena, root, table, listening);
    int rc = json_write_pretty(out, root);
    arena_dispose(&arena);
    return rc;
  }
  for (size_t i = 0; i < table->listener_count; i++) {
    const struct table_listener *listener = &table->listeners[i];
    (void)buf_addf(out, "%s::%.*s:%u\n", table_persona_name(listener->persona),
                   STR_ARG(listener->address), listener->port);
  }
  return out->failed ? RC_LIMIT : 0;
}

int dump_clusters(struct buf *out, const struct proxy_table *table, bool json, dump_stats_fn stats,
                  void *ctx) {
  if (!json)
    return dump_cluster_lines(out, table, stats, ctx);
  struct arena arena;
  arena_init(&arena);
  struct json *root = json_new_object(&arena);
  dump_json_cluster_page(&arena, root, table, stats, ctx);
  int rc = json_write_pretty(out, root);
  arena_dispose(&arena);
  return rc;
}

int dump_config(struct buf *out, const struct proxy_table *table, struct str source,
                struct str last_error, const struct dump_listening *listening) {
  struct arena arena;
  arena_init(&arena);
  struct json *root = json_new_object(&arena);
  dump_json_config(&arena, root, table, source, last_error, listening);
  int rc = json_write_pretty(out, root);
  arena_dispose(&arena);
  return rc;
}
