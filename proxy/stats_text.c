// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats_text.h"

#include "manifests/base/bug.h"
#include "manifests/base/exposition.h"
#include "proxy/exchange.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// One label set with the numbers of all workers.
struct sum {
  struct str labels;
  uint16_t status;
  int16_t grpc_status;
  bool is_grpc;
  uint32_t flags;
  uint64_t requests, opened, closed;
  uint64_t duration[STATS_BUCKETS + 1], request[STATS_BUCKETS + 1], response[STATS_BUCKETS + 1];
};

struct sums {
  struct arena arena;
  struct map by_key;
};

static struct sum *sum_of(struct sums *sums, const struct stats_base *base,
                          const struct stats_series *series) {
  struct str key =
      series ? arena_printf(&sums->arena, "%.*s|%u|%d|%d|%u", STR_ARG(base->labels), series->status,
                            series->grpc_status, series->is_grpc, series->flags)
             : base->labels;
  struct sum *sum = map_get(&sums->by_key, key);
  if (!sum) {
    sum = ARENA_NEW(&sums->arena, struct sum);
    sum->labels = base->labels;
    if (series) {
      sum->status = series->status;
      sum->grpc_status = series->grpc_status;
      sum->is_grpc = series->is_grpc;
      sum->flags = series->flags;
    }
    (void)map_put(&sums->by_key, key, sum);
  }
  return sum;
}

static void add_histogram(uint64_t *to, const struct stats_histogram *from) {
  for (size_t i = 0; i < STATS_BUCKETS; i++)
    to[i] += stats_read(&from->buckets[i]);
  to[STATS_BUCKETS] += stats_read(&from->sum);
}

static void collect(struct sums *requests, struct sums *connections,
                    const struct stats_text_input *input) {
  for (size_t w = 0; w < input->count; w++) {
    const struct stats_base *base =
        atomic_load_explicit(&input->workers[w]->bases, memory_order_acquire);
    for (; base; base = atomic_load_explicit(&base->next, memory_order_acquire)) {
      uint64_t opened = stats_read(&base->connections_opened);
      if (opened > 0) {
        struct sum *sum = sum_of(connections, base, NULL);
        sum->opened += opened;
        sum->closed += stats_read(&base->connections_closed);
      }
      const struct stats_series *series = atomic_load_explicit(&base->series, memory_order_acquire);
      for (; series; series = atomic_load_explicit(&series->next, memory_order_acquire)) {
        uint64_t count = stats_read(&series->requests);
        if (count == 0) // the shared series, mostly
          continue;
        struct sum *sum = sum_of(requests, base, series);
        sum->requests += count;
        add_histogram(sum->duration, &series->duration_ms);
        add_histogram(sum->request, &series->request_bytes);
        add_histogram(sum->response, &series->response_bytes);
      }
    }
  }
}

static const char *reporter_name(unsigned reporter) {
  return reporter == STATS_SOURCE ? "source" : "destination";
}

// All 25 labels in Envoy's order (docs/dataplane.md 5.2).
static struct str request_labels(struct arena *arena, const struct sum *sum, unsigned reporter) {
  char flags[64], grpc[8] = "";
  struct str flag_text = exchange_flags_text(sum->flags, flags);
  if (sum->is_grpc && sum->grpc_status >= 0)
    (void)snprintf(grpc, sizeof(grpc), "%d", sum->grpc_status);
  return arena_printf(arena,
                      "reporter=\"%s\",%.*s,request_protocol=\"%s\",response_code=\"%u\",grpc_"
                      "response_status=\"%s\""
                      ",response_flags=\"%.*s\",connection_security_policy=\"%s\"",
                      reporter_name(reporter), STR_ARG(sum->labels), sum->is_grpc ? "grpc" : "http",
                      sum->status, grpc, STR_ARG(flag_text),
                      reporter == STATS_SOURCE ? "unknown" : "none");
}

static void histogram(struct buf *out, const char *name, struct str labels,
                      const uint64_t *buckets) {
  uint64_t count = 0;
  for (size_t i = 0; i < STATS_BUCKETS; i++) {
    count += buckets[i];
    (void)buf_addf(out, "%s_bucket{%.*s,le=\"", name, STR_ARG(labels));
    if (i < STATS_BOUNDS)
      (void)buf_addf(out, "%.32g", stats_bounds[i]);
    else
      (void)buf_add_z(out, "+Inf");
    (void)buf_addf(out, "\"} %" PRIu64 "\n", count);
  }
  (void)buf_addf(out, "%s_sum{%.*s} %" PRIu64 "\n", name, STR_ARG(labels), buckets[STATS_BUCKETS]);
  (void)buf_addf(out, "%s_count{%.*s} %" PRIu64 "\n", name, STR_ARG(labels), count);
}

enum family { FAMILY_REQUESTS, FAMILY_DURATION, FAMILY_REQUEST_BYTES, FAMILY_RESPONSE_BYTES };

static void request_family(struct buf *out, const struct sums *sums, struct arena *arena,
                           const struct stats_text_input *input, enum family family) {
  static const struct {
    const char *name, *type;
  } families[] = {
      [FAMILY_REQUESTS] = {"istio_requests_total", "counter"},
      [FAMILY_DURATION] = {"istio_request_duration_milliseconds", "histogram"},
      [FAMILY_REQUEST_BYTES] = {"istio_request_bytes", "histogram"},
      [FAMILY_RESPONSE_BYTES] = {"istio_response_bytes", "histogram"},
  };
  if (map_count(&sums->by_key) == 0)
    return;
  const char *name = families[family].name;
  exposition_family(out, name, families[family].type, NULL);
  struct map_iter it = map_begin(&sums->by_key);
  while (map_each(&it)) {
    const struct sum *sum = it.value;
    for (unsigned reporter = STATS_SOURCE; reporter <= STATS_DESTINATION; reporter <<= 1) {
      if (!(input->reporters & reporter))
        continue;
      struct str labels = request_labels(arena, sum, reporter);
      switch (family) {
      case FAMILY_REQUESTS:
        (void)buf_addf(out, "%s{%.*s} %" PRIu64 "\n", name, STR_ARG(labels), sum->requests);
        break;
      case FAMILY_DURATION: histogram(out, name, labels, sum->duration); break;
      case FAMILY_REQUEST_BYTES: histogram(out, name, labels, sum->request); break;
      case FAMILY_RESPONSE_BYTES: histogram(out, name, labels, sum->response); break;
      }
    }
  }
}

static void connection_family(struct buf *out, const struct sums *sums,
                              const struct stats_text_input *input, bool closed) {
  const char *name =
      closed ? "istio_tcp_connections_closed_total" : "istio_tcp_connections_opened_total";
  if (map_count(&sums->by_key) == 0)
    return;
  exposition_family(out, name, "counter", NULL);
  struct map_iter it = map_begin(&sums->by_key);
  while (map_each(&it)) {
    const struct sum *sum = it.value;
    for (unsigned reporter = STATS_SOURCE; reporter <= STATS_DESTINATION; reporter <<= 1) {
      if (input->reporters & reporter)
        (void)buf_addf(out,
                       "%s{reporter=\"%s\",%.*s,request_protocol=\"tcp\",response_flags=\"-\","
                       "connection_security_policy=\"%s\"} %" PRIu64 "\n",
                       name, reporter_name(reporter), STR_ARG(sum->labels),
                       reporter == STATS_SOURCE ? "unknown" : "none",
                       closed ? sum->closed : sum->opened);
    }
  }
}

struct named {
  const char *name;
  size_t offset;
  bool is_gauge;
};

static const struct named cluster_rows[] = {
#define XX(name) {#name, offsetof(struct stats_cluster, name), false},
    STATS_CLUSTER_MAP(XX)
#undef XX
#define XX(name) {#name, offsetof(struct stats_cluster, name), true},
        STATS_CLUSTER_GAUGE_MAP(XX)
#undef XX
};

static const struct named downstream_rows[] = {
#define XX(name) {#name, offsetof(struct stats, name), false},
    STATS_DOWNSTREAM_MAP(XX)
#undef XX
#define XX(name) {#name, offsetof(struct stats, name), true},
        STATS_DOWNSTREAM_GAUGE_MAP(XX)
#undef XX
};

static uint64_t read_at(const void *base, size_t offset) {
  return stats_read((const stats_counter *)(const void *)((const char *)base + offset));
}

static uint64_t cluster_value(const struct stats_text_input *input, struct table_slot slot,
                              const struct named *row) {
  uint64_t value = 0;
  for (size_t w = 0; w < input->count; w++) {
    const struct stats_cluster *cluster = stats_find_cluster(input->workers[w], slot);
    if (cluster)
      value += read_at(cluster, row->offset);
  }
  return value;
}

static uint64_t downstream_value(const struct stats_text_input *input, const struct named *row) {
  uint64_t value = 0;
  for (size_t w = 0; w < input->count; w++)
    value += read_at(input->workers[w], row->offset);
  return value;
}

static uint64_t count_total(const struct table_cluster *cluster, uint32_t ejected) {
  (void)ejected;
  return cluster->endpoint_count;
}

static uint64_t count_healthy(const struct table_cluster *cluster, uint32_t ejected) {
  return cluster->endpoint_count > ejected ? cluster->endpoint_count - ejected : 0;
}

static uint64_t count_ejected(const struct table_cluster *cluster, uint32_t ejected) {
  (void)cluster;
  return ejected;
}

// What follows from the endpoints and who of them is out.
struct health_row {
  const char *name;
  uint64_t (*value)(const struct table_cluster *cluster, uint32_t ejected);
};

static const struct health_row health_rows[] = {
    {"membership_total", count_total},
    {"membership_healthy", count_healthy},
    {"outlier_detection_ejections_active", count_ejected},
};

static uint32_t ejected_of(const struct stats_text_input *input,
                           const struct table_cluster *cluster) {
  return input->outliers && cluster->outlier
             ? outlier_health_ejected(outlier_set_health(input->outliers, cluster))
             : 0;
}

static void health_family(struct buf *out, const struct stats_text_input *input,
                          const struct health_row *row) {
  (void)buf_addf(out, "# TYPE envoy_cluster_%s gauge\n", row->name);
  for (size_t i = 0; i < input->table->cluster_count; i++) {
    const struct table_cluster *cluster = &input->table->clusters[i];
    const struct exposition_label label = {"cluster_name", cluster->id};
    (void)buf_addf(out, "envoy_cluster_%s", row->name);
    exposition_labels(out, &label, 1);
    (void)buf_addf(out, " %" PRIu64 "\n", row->value(cluster, ejected_of(input, cluster)));
  }
}

static void envoy_families(struct buf *out, const struct stats_text_input *input) {
  for (size_t r = 0; input->table && r < ARRAY_LEN(cluster_rows); r++) {
    const struct named *row = &cluster_rows[r];
    (void)buf_addf(out, "# TYPE envoy_cluster_%s %s\n", row->name,
                   row->is_gauge ? "gauge" : "counter");
    for (size_t i = 0; i < input->table->cluster_count; i++) {
      const struct table_cluster *cluster = &input->table->clusters[i];
      const struct exposition_label label = {"cluster_name", cluster->id};
      (void)buf_addf(out, "envoy_cluster_%s", row->name);
      exposition_labels(out, &label, 1);
      (void)buf_addf(out, " %" PRIu64 "\n", cluster_value(input, cluster->slot, row));
    }
  }
  for (size_t r = 0; input->table && r < ARRAY_LEN(health_rows); r++)
    health_family(out, input, &health_rows[r]);
  for (size_t r = 0; r < ARRAY_LEN(downstream_rows); r++) {
    const struct named *row = &downstream_rows[r];
    (void)buf_addf(out, "# TYPE envoy_http_%s %s\n", row->name,
                   row->is_gauge ? "gauge" : "counter");
    (void)buf_addf(out, "envoy_http_%s{http_conn_manager_prefix=\"mesh\"} %" PRIu64 "\n", row->name,
                   downstream_value(input, row));
  }
}

static void own_families(struct buf *out, const struct stats_text_input *input) {
  uint64_t overflow = 0;
  for (size_t w = 0; w < input->count; w++)
    overflow += stats_read(&input->workers[w]->overflow);
  const struct {
    const char *name, *type;
    uint64_t value;
  } rows[] = {
      {"envoy_server_live", "gauge", input->is_live},
      {"envoy_server_uptime", "gauge", input->uptime_s},
      {"envoy_server_concurrency", "gauge", input->count},
      {"serin_proxy_draining", "gauge", input->is_draining},
      {"serin_proxy_table_version", "gauge", input->table_version},
      {"serin_proxy_series_overflow_total", "counter", overflow},
      {"serin_proxy_access_log_dropped_total", "counter", input->access_log_dropped},
  };
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    exposition_family(out, rows[i].name, rows[i].type, NULL);
    (void)buf_addf(out, "%s %" PRIu64 "\n", rows[i].name, rows[i].value);
  }
}

int stats_text_prometheus(struct buf *out, const struct stats_text_input *input) {
  struct sums requests = {0}, connections = {0};
  struct arena labels;
  arena_init(&labels);
  arena_init(&requests.arena);
  arena_init(&connections.arena);
  map_init(&requests.by_key);
  map_init(&connections.by_key);
  collect(&requests, &connections, input);
  exposition_family(out, "istio_build", "gauge", NULL);
  (void)buf_addf(out, "istio_build{component=\"proxy\",tag=\"%s\"} 1\n", SERIN_VERSION);
  for (int family = FAMILY_REQUESTS; family <= FAMILY_RESPONSE_BYTES; family++)
    request_family(out, &requests, &labels, input, (enum family)family);
  if (input->tcp_for_http) {
    connection_family(out, &connections, input, false);
    connection_family(out, &connections, input, true);
  }
  envoy_families(out, input);
  own_families(out, input);
  map_dispose(&requests.by_key);
  map_dispose(&connections.by_key);
  arena_dispose(&requests.arena);
  arena_dispose(&connections.arena);
  arena_dispose(&labels);
  return out->failed ? RC_LIMIT : 0;
}

static void plain(struct buf *out, struct str filter, bool used_only, const char *scope,
                  struct str of, const char *name, uint64_t value) {
  size_t before = out->len;
  if (used_only && value == 0)
    return;
  // Envoy has a scope of its own for these; with Prometheus all of it is one name.
  static const char outlier[] = "outlier_detection_";
  size_t head = strncmp(name, outlier, sizeof(outlier) - 1) == 0 ? sizeof(outlier) - 1 : 0;
  (void)buf_addf(out, "%s.%.*s.%s%s: %" PRIu64 "\n", scope, STR_ARG(of),
                 head ? "outlier_detection." : "", name + head, value);
  struct str line = str_slice(buf_str(out), before, out->len);
  if (filter.len > 0 && !str_contains(line, filter))
    out->len = before;
}

int stats_text_plain(struct buf *out, const struct stats_text_input *input, struct str filter,
                     bool used_only) {
  for (size_t i = 0; input->table && i < input->table->cluster_count; i++) {
    const struct table_cluster *cluster = &input->table->clusters[i];
    for (size_t r = 0; r < ARRAY_LEN(cluster_rows); r++)
      plain(out, filter, used_only, "cluster", cluster->id, cluster_rows[r].name,
            cluster_value(input, cluster->slot, &cluster_rows[r]));
    for (size_t r = 0; r < ARRAY_LEN(health_rows); r++)
      plain(out, filter, used_only, "cluster", cluster->id, health_rows[r].name,
            health_rows[r].value(cluster, ejected_of(input, cluster)));
  }
  for (size_t r = 0; r < ARRAY_LEN(downstream_rows); r++)
    plain(out, filter, used_only, "http", STR("mesh"), downstream_rows[r].name,
          downstream_value(input, &downstream_rows[r]));
  return out->failed ? RC_LIMIT : 0;
}
