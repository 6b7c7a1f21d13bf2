// SPDX-License-Identifier: Apache-2.0
#include "proxy/dump_json.h"

#include "manifests/text/time.h"
#include "proxy/dump_route.h"
#include "proxy/outlier.h"
#include "proxy/gateway_status.h"

void dump_json_listeners(struct arena *arena, struct json *root, const struct proxy_table *table,
                         const struct dump_listening *listening) {
  struct json *list = json_need_array(arena, root, "listeners");
  for (size_t i = 0; i < table->listener_count; i++) {
    struct json *item = json_new_object(arena);
    json_put_string(arena, item, "address", table->listeners[i].address);
    json_put_int(arena, item, "port", table->listeners[i].port);
    json_put_z(arena, item, "persona", table_persona_name(table->listeners[i].persona));
    if (table->listeners[i].source.len)
      json_put_string(arena, item, "source", table->listeners[i].source);
    const char *error = listening ? listening->error(listening->ctx, &table->listeners[i]) : "";
    if (error[0])
      json_put_z(arena, item, "error", error);
    json_append(list, item);
  }
}

void dump_json_routes(struct arena *arena, struct json *root, const struct proxy_table *table) {
  struct json *hosts = json_need_array(arena, root, "hosts");
  for (size_t i = 0; i < table->host_count; i++) {
    const struct table_host *host = &table->hosts[i];
    struct json *item = json_new_object(arena);
    json_put_string(arena, item, "name", host->name);
    json_put_string(arena, item, "source", host->source);
    for (size_t j = 0; host->scope && j < table->listener_count; j++) {
      const struct table_listener *listener = &table->listeners[j];
      if (listener->scope == host->scope)
        json_append(
            json_need_array(arena, item, "listeners"),
            json_new_string(
                arena, arena_printf(arena, "%.*s:%u", STR_ARG(listener->address), listener->port)));
    }
    struct json *domains = json_need_array(arena, item, "domains");
    for (size_t j = 0; j < host->domain_count; j++)
      json_append(domains, json_new_string(arena, host->domains[j]));
    struct json *routes = json_need_array(arena, item, "routes");
    for (size_t j = 0; j < host->route_count; j++)
      json_append(routes, dump_route(arena, &host->routes[j]));
    json_append(hosts, item);
  }
}

static void dump_json_stats(struct arena *arena, struct json *item,
                            const struct dump_endpoint_stats *stats) {
  struct json *numbers = json_need_object(arena, item, "stats");
  json_put_int(arena, numbers, "cx_active", (int64_t)stats->cx_active);
  json_put_int(arena, numbers, "cx_connect_fail", (int64_t)stats->cx_connect_fail);
  json_put_int(arena, numbers, "cx_total", (int64_t)stats->cx_total);
  json_put_int(arena, numbers, "rq_active", (int64_t)stats->rq_active);
  json_put_int(arena, numbers, "rq_error", (int64_t)stats->rq_error);
  json_put_int(arena, numbers, "rq_success", (int64_t)stats->rq_success);
  json_put_int(arena, numbers, "rq_timeout", (int64_t)stats->rq_timeout);
  json_put_int(arena, numbers, "rq_total", (int64_t)stats->rq_total);
}

static struct json *dump_json_endpoint(struct arena *arena, const struct table_endpoint *endpoint) {
  struct json *item = json_new_object(arena);
  json_put_string(arena, item, "address", endpoint->key);
  if (endpoint->hostname.len)
    json_put_string(arena, item, "pod", endpoint->hostname);
  json_put_string(arena, item, "workload", endpoint->peer.workload);
  json_put_string(arena, item, "namespace", endpoint->peer.workload_namespace);
  json_put_string(arena, item, "app", endpoint->peer.app);
  json_put_string(arena, item, "version", endpoint->peer.version);
  return item;
}

void dump_json_endpoints(struct arena *arena, struct json *root, const struct proxy_table *table) {
  struct json *list = json_need_array(arena, root, "endpoints");
  for (size_t i = 0; i < table->cluster_count; i++) {
    const struct table_cluster *cluster = &table->clusters[i];
    for (size_t j = 0; j < cluster->endpoint_count; j++) {
      struct json *item = dump_json_endpoint(arena, &cluster->endpoints[j]);
      json_put_string(arena, item, "cluster", cluster->id);
      json_append(list, item);
    }
  }
}

static const char *dump_balancer(enum table_balancer balancer) {
  switch (balancer) {
  case TABLE_LEAST_REQUEST: return "LEAST_REQUEST";
  case TABLE_ROUND_ROBIN: return "ROUND_ROBIN";
  case TABLE_RANDOM: return "RANDOM";
  }
  return "";
}

static void dump_limit(struct arena *arena, struct json *item, const char *name, int64_t value,
                       bool given) {
  if (given)
    json_put_int(arena, item, name, value);
}

// Only what is given.
static void dump_pool(struct arena *arena, struct json *item, const struct table_pool *pool) {
  dump_limit(arena, item, "maxConnections", pool->max_connections,
             pool->max_connections != UINT32_MAX);
  dump_limit(arena, item, "maxPendingRequests", pool->max_pending, pool->max_pending != UINT32_MAX);
  dump_limit(arena, item, "maxRequests", pool->max_requests, pool->max_requests != UINT32_MAX);
  dump_limit(arena, item, "maxRetries", pool->max_retries,
             pool->max_retries != UINT32_MAX && !pool->has_retry_budget);
  dump_limit(arena, item, "retryBudgetPercent", (int64_t)pool->budget_percent,
             pool->has_retry_budget);
  dump_limit(arena, item, "retryBudgetMin", pool->budget_min, pool->has_retry_budget);
  dump_limit(arena, item, "idleTimeoutMs", pool->idle_timeout_ms, pool->idle_timeout_ms > 0);
  dump_limit(arena, item, "maxConnectionDurationMs", pool->max_duration_ms,
             pool->max_duration_ms > 0);
}

static struct str dump_hash_key(struct arena *arena, const struct table_hash *hash) {
  static const char *const kinds[] = {[TABLE_HASH_HEADER] = "header",
                                      [TABLE_HASH_COOKIE] = "cookie",
                                      [TABLE_HASH_SOURCE_IP] = "source address",
                                      [TABLE_HASH_QUERY] = "query parameter"};
  return arena_printf(arena, "%s%s%.*s", kinds[hash->key], hash->name.len ? " " : "",
                      STR_ARG(hash->name));
}

static void dump_outlier(struct arena *arena, struct json *item,
                         const struct table_cluster *cluster) {
  const struct outlier_policy *policy = cluster->outlier;
  json_put_int(arena, item, "consecutive5xx", policy->consecutive_5xx);
  json_put_int(arena, item, "consecutiveGatewayErrors",
               policy->enforce_gateway ? policy->consecutive_gateway : 0);
  if (policy->split_local)
    json_put_int(arena, item, "consecutiveLocalOriginFailures", policy->consecutive_local);
  json_put_int(arena, item, "intervalMs", policy->interval_ms);
  json_put_int(arena, item, "baseEjectionTimeMs", policy->base_ms);
  json_put_int(arena, item, "maxEjectionPercent", policy->max_percent);
  json_put_int(arena, item, "panicPercent", cluster->panic_percent);
}

static void dump_localities(struct arena *arena, struct json *list,
                            const struct table_cluster *cluster) {
  for (size_t i = 0; i < cluster->locality_count; i++) {
    const struct table_locality *locality = &cluster->localities[i];
    struct json *item = json_new_object(arena);
    json_put_string(arena, item, "name", locality->name);
    json_put_int(arena, item, "priority", locality->priority);
    if (locality->weight || locality->is_out)
      json_put_int(arena, item, "weight", locality->weight);
    json_append(list, item);
  }
}

static struct json *dump_json_cluster(struct arena *arena, const struct table_cluster *cluster) {
  struct json *item = json_new_object(arena);
  json_put_string(arena, item, "name", cluster->id);
  json_put_string(arena, item, "service", cluster->service->fqdn);
  json_put_int(arena, item, "port", cluster->port);
  json_put_string(arena, item, "subset", cluster->subset);
  json_put_string(arena, item, "destinationRule", cluster->rule);
  json_put_z(arena, item, "loadBalancer",
             cluster->hash ? (cluster->hash->is_maglev ? "MAGLEV" : "RING_HASH")
                           : dump_balancer(cluster->balancer));
  json_put_int(arena, item, "connectTimeoutMs", cluster->connect_timeout_ms);
  if (cluster->max_requests_per_connection)
    json_put_int(arena, item, "maxRequestsPerConnection", cluster->max_requests_per_connection);
  dump_pool(arena, item, &cluster->pool);
  if (cluster->hash)
    json_put_string(arena, item, "hashKey", dump_hash_key(arena, cluster->hash));
  if (cluster->outlier)
    dump_outlier(arena, json_need_object(arena, item, "outlierDetection"), cluster);
  if (cluster->locality_count)
    dump_localities(arena, json_need_array(arena, item, "localities"), cluster);
  if (cluster->warmup)
    json_put_int(arena, item, "warmupMs", cluster->warmup->duration_ms);
  json_put_int(arena, item, "endpoints", (int64_t)cluster->endpoint_count);
  json_put_int(arena, item, "unready", (int64_t)cluster->unready_count);
  return item;
}

void dump_json_clusters(struct arena *arena, struct json *root, const struct proxy_table *table,
                        dump_stats_fn stats, void *ctx) {
  struct json *list = json_need_array(arena, root, "clusters");
  for (size_t i = 0; i < table->cluster_count; i++) {
    const struct table_cluster *cluster = &table->clusters[i];
    struct json *item = dump_json_cluster(arena, cluster);
    struct json *hosts = json_need_array(arena, item, "hosts");
    for (size_t j = 0; j < cluster->endpoint_count; j++) {
      struct json *host = dump_json_endpoint(arena, &cluster->endpoints[j]);
      struct dump_endpoint_stats numbers = {0};
      if (stats) {
        stats(ctx, cluster, &cluster->endpoints[j], &numbers);
        dump_json_stats(arena, host, &numbers);
      }
      json_put_z(arena, host, "health", numbers.is_ejected ? "/failed_outlier_check" : "healthy");
      if (numbers.is_ejected)
        json_put_string(arena, host, "ejectedUntil",
                        time_format_ms(arena, numbers.ejected_until_ms));
      json_append(hosts, host);
    }
    json_append(list, item);
  }
}

// ---- Envoy's own lists, for tools that know them ----

static struct json *dump_socket_address(struct arena *arena, struct str address, uint16_t port) {
  struct json *outer = json_new_object(arena);
  struct json *inner = json_need_object(arena, outer, "socket_address");
  json_put_string(arena, inner, "address", address);
  json_put_int(arena, inner, "port_value", port);
  return outer;
}

// "127.0.0.1:80", "[::1]:80"
static struct json *dump_key_address(struct arena *arena, struct str key) {
  size_t colon = key.len;
  while (colon > 0 && key.ptr[colon - 1] != ':')
    colon--;
  uint64_t port = 0;
  (void)str_to_u64(str_slice(key, colon, key.len), &port);
  struct str host = str_slice(key, 0, colon > 0 ? colon - 1 : 0);
  if (host.len > 1 && host.ptr[0] == '[')
    host = str_slice(host, 1, host.len - 1);
  return dump_socket_address(arena, host, (uint16_t)port);
}

static void dump_status_number(struct arena *arena, struct json *list, const char *name,
                               uint64_t value) {
  struct json *item = json_new_object(arena);
  json_put_z(arena, item, "name", name);
  json_put_string(arena, item, "value", arena_printf(arena, "%llu", (unsigned long long)value));
  json_append(list, item);
}

static struct json *dump_host_status(struct arena *arena, const struct table_endpoint *endpoint,
                                     const struct dump_endpoint_stats *numbers) {
  struct json *host = json_new_object(arena);
  json_set(arena, host, STR("address"), dump_key_address(arena, endpoint->key));
  struct json *list = json_need_array(arena, host, "stats");
  dump_status_number(arena, list, "cx_active", numbers->cx_active);
  dump_status_number(arena, list, "cx_connect_fail", numbers->cx_connect_fail);
  dump_status_number(arena, list, "cx_total", numbers->cx_total);
  dump_status_number(arena, list, "rq_active", numbers->rq_active);
  dump_status_number(arena, list, "rq_error", numbers->rq_error);
  dump_status_number(arena, list, "rq_success", numbers->rq_success);
  dump_status_number(arena, list, "rq_timeout", numbers->rq_timeout);
  dump_status_number(arena, list, "rq_total", numbers->rq_total);
  struct json *health = json_need_object(arena, host, "health_status");
  json_put_z(arena, health, "eds_health_status", "HEALTHY");
  if (numbers->is_ejected)
    json_put_bool(arena, health, "failed_outlier_check", true);
  json_put_int(arena, host, "weight", endpoint->weight);
  json_put_string(arena, host, "hostname", endpoint->hostname);
  return host;
}

static void dump_cluster_statuses(struct arena *arena, struct json *root,
                                  const struct proxy_table *table, dump_stats_fn stats, void *ctx) {
  struct json *list = json_need_array(arena, root, "cluster_statuses");
  for (size_t i = 0; i < table->cluster_count; i++) {
    const struct table_cluster *cluster = &table->clusters[i];
    struct json *item = json_new_object(arena);
    json_put_string(arena, item, "name", cluster->id);
    json_put_bool(arena, item, "added_via_api", true);
    json_put_string(arena, item, "observability_name", cluster->id);
    struct json *hosts = json_need_array(arena, item, "host_statuses");
    for (size_t j = 0; j < cluster->endpoint_count; j++) {
      struct dump_endpoint_stats numbers = {0};
      stats(ctx, cluster, &cluster->endpoints[j], &numbers);
      json_append(hosts, dump_host_status(arena, &cluster->endpoints[j], &numbers));
    }
    json_append(list, item);
  }
}

static void dump_listener_statuses(struct arena *arena, struct json *root,
                                   const struct proxy_table *table) {
  struct json *list = json_need_array(arena, root, "listener_statuses");
  for (size_t i = 0; i < table->listener_count; i++) {
    const struct table_listener *listener = &table->listeners[i];
    struct json *item = json_new_object(arena);
    json_put_string(arena, item, "name",
                    arena_printf(arena, "%.*s_%u", STR_ARG(listener->address), listener->port));
    json_set(arena, item, STR("local_address"),
             dump_socket_address(arena, listener->address, listener->port));
    json_append(list, item);
  }
}

void dump_json_listener_page(struct arena *arena, struct json *root,
                             const struct proxy_table *table,
                             const struct dump_listening *listening) {
  dump_json_listeners(arena, root, table, listening);
  dump_listener_statuses(arena, root, table);
}

void dump_json_cluster_page(struct arena *arena, struct json *root, const struct proxy_table *table,
                            dump_stats_fn stats, void *ctx) {
  dump_json_clusters(arena, root, table, stats, ctx);
  if (stats)
    dump_cluster_statuses(arena, root, table, stats, ctx);
}

// Findings of one id, or all others.
static void dump_json_findings(struct arena *arena, struct json *list,
                               const struct findings *findings, bool not_enforced) {
  for (size_t i = 0; i < findings->count; i++) {
    const struct finding *finding = &findings->items[i];
    if (str_eq(finding->id, STR("not-enforced")) != not_enforced)
      continue;
    struct json *item = json_new_object(arena);
    json_put_z(arena, item, "level", finding_level_name(finding->level));
    json_put_string(arena, item, "id", finding->id);
    json_put_string(arena, item, "message", finding->message);
    if (finding->path.len)
      json_put_string(arena, item, "path", finding->path);
    if (finding->file.len) {
      json_put_string(arena, item, "file", finding->file);
      json_put_int(arena, item, "line", finding->line);
    }
    json_append(list, item);
  }
}

void dump_json_config(struct arena *arena, struct json *root, const struct proxy_table *table,
                      struct str source, struct str last_error,
                      const struct dump_listening *listening) {
  json_put_int(arena, root, "version", (int64_t)table->version);
  json_put_string(arena, root, "built", time_format_ms(arena, table->built_ms));
  json_put_string(arena, root, "source", source);
  if (last_error.len)
    json_put_string(arena, root, "lastError", last_error);
  struct json *sources = json_need_object(arena, root, "objects");
  for (size_t i = 0; i < table->source_count; i++)
    json_set(arena, sources, table->sources[i].key,
             json_new_string(arena, table->sources[i].revision));
  dump_json_findings(arena, json_need_array(arena, root, "notEnforced"), &table->findings, true);
  dump_json_findings(arena, json_need_array(arena, root, "findings"), &table->findings, false);
  if (table->findings.dropped)
    json_put_int(arena, root, "findingsNotShown", (int64_t)table->findings.dropped);
  const struct gateway_status_view view = {
      .table = table, .listening = listening, .now_ms = table->built_ms};
  json_put(arena, root, "gatewayApi", gateway_status_all(&view, arena));
  dump_json_listeners(arena, root, table, listening);
  dump_json_routes(arena, root, table);
  dump_json_clusters(arena, root, table, NULL, NULL);
}
