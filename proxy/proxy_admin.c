// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy_admin.h"

#include "manifests/base/clock.h"
#include "manifests/text/json.h"
#include "proxy/access_log.h"
#include "proxy/admin.h"
#include "proxy/config.h"
#include "proxy/dump.h"
#include "proxy/proxy_state.h"
#include "proxy/stats_text.h"

#include <string.h>

static const struct proxy_table *table_of(const struct proxy *proxy) {
  return proxy->config ? config_table(proxy->config) : NULL;
}

static enum admin_state state(void *ctx) {
  const struct proxy *proxy = ctx;
  if (proxy->draining || atomic_load(&proxy->unhealthy))
    return ADMIN_DRAINING;
  return proxy->confirmed > 0 ? ADMIN_LIVE : ADMIN_PRE_INITIALIZING;
}

static struct stats_text_input input_of(struct proxy *proxy) {
  return (struct stats_text_input){
      .workers = proxy->stats,
      .count = proxy->worker_count,
      .table = table_of(proxy),
      .outliers = proxy->outlier.set,
      .reporters = proxy->reporters,
      .tcp_for_http = !proxy->options->no_tcp_metrics,
      .is_live = state(proxy) == ADMIN_LIVE,
      .is_draining = proxy->draining,
      .uptime_s = (uint64_t)(clock_mono_ms() - proxy->started_ms) / 1000,
      .access_log_dropped = access_log_dropped(proxy->access_log),
      .table_version = proxy->confirmed,
  };
}

static int metrics(void *ctx, struct buf *out) {
  struct stats_text_input input = input_of(ctx);
  return stats_text_prometheus(out, &input);
}

static int stats(void *ctx, const struct admin_query *query, struct buf *out) {
  struct stats_text_input input = input_of(ctx);
  return stats_text_plain(out, &input, str_of(query->filter), query->used_only);
}

static void endpoint_stats(void *ctx, const struct table_cluster *cluster,
                           const struct table_endpoint *endpoint, struct dump_endpoint_stats *ret) {
  const struct proxy *proxy = ctx;
  memset(ret, 0, sizeof(*ret));
  int64_t until_ms = outlier_set_until_ms(proxy->outlier.set, cluster, endpoint);
  ret->is_ejected = until_ms > 0;
  if (until_ms > 0)
    ret->ejected_until_ms = clock_wall_ms() + until_ms - clock_mono_ms();
  for (unsigned i = 0; i < proxy->worker_count; i++) {
    const struct stats_endpoint *one = stats_find_endpoint(proxy->stats[i], endpoint->slot);
    if (!one)
      continue;
    ret->cx_active += stats_read(&one->cx_active);
    ret->cx_total += stats_read(&one->cx_total);
    ret->cx_connect_fail += stats_read(&one->cx_connect_fail);
    ret->rq_active += stats_read(&one->rq_active);
    ret->rq_total += stats_read(&one->rq_total);
    ret->rq_success += stats_read(&one->rq_success);
    ret->rq_error += stats_read(&one->rq_error);
    ret->rq_timeout += stats_read(&one->rq_timeout);
  }
}

static bool is_json(const struct admin_query *query) {
  return query->format && strcmp(query->format, "json") == 0;
}

static int clusters(void *ctx, const struct admin_query *query, struct buf *out) {
  const struct proxy_table *table = table_of(ctx);
  return table ? dump_clusters(out, table, is_json(query), endpoint_stats, ctx) : RC_UNAVAILABLE;
}

static int listeners(void *ctx, const struct admin_query *query, struct buf *out) {
  const struct proxy_table *table = table_of(ctx);
  return table ? dump_listeners(out, table, is_json(query)) : RC_UNAVAILABLE;
}

static int config_dump(void *ctx, const struct admin_query *query, struct buf *out) {
  const struct proxy *proxy = ctx;
  const struct proxy_table *table = table_of(proxy);
  if (!table)
    return RC_UNAVAILABLE;
  if (!query->resource)
    return dump_config(out, table, config_source(proxy->config), config_last_error(proxy->config));
  if (strcmp(query->resource, "routes") == 0)
    return dump_routes(out, table);
  if (strcmp(query->resource, "endpoints") == 0)
    return dump_endpoints(out, table);
  return RC_NOT_FOUND;
}

static int server_info(void *ctx, struct buf *out) {
  static const char *const names[] = {[ADMIN_PRE_INITIALIZING] = "PRE_INITIALIZING",
                                      [ADMIN_LIVE] = "LIVE",
                                      [ADMIN_DRAINING] = "DRAINING"};
  const struct proxy *proxy = ctx;
  // Neither the version nor a state needs escaping; the name is a Kubernetes name.
  return buf_addf(out,
                  "{\"version\":\"serin/%s\",\"state\":\"%s\",\"uptime_current_epoch\":\"%llds\","
                  "\"concurrency\":%u,\"node\":\"%.*s\",\"table_version\":%llu}\n",
                  SERIN_VERSION, names[state(ctx)],
                  (long long)(clock_mono_ms() - proxy->started_ms) / 1000, proxy->worker_count,
                  STR_ARG(proxy->options->name), (unsigned long long)proxy->confirmed);
}

static void drain(void *ctx) {
  proxy_drain(ctx);
}

static void quit(void *ctx) {
  proxy_quit(ctx);
}

static void set_health(void *ctx, bool ok) {
  struct proxy *proxy = ctx;
  atomic_store(&proxy->unhealthy, !ok);
}

void proxy_admin_host(struct proxy *proxy, struct admin_host *ret_host) {
  *ret_host = (struct admin_host){.state = state,
                                  .metrics = metrics,
                                  .stats = stats,
                                  .clusters = clusters,
                                  .config_dump = config_dump,
                                  .listeners = listeners,
                                  .server_info = server_info,
                                  .drain = drain,
                                  .quit = quit,
                                  .set_health = set_health,
                                  .ctx = proxy};
}
