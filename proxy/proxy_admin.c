// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy_admin.h"

#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"
#include "manifests/text/json.h"
#include "proxy/access_log.h"
#include "proxy/admin.h"
#include "proxy/config.h"
#include "proxy/dump.h"
#include "proxy/proxy_state.h"
#include "proxy/stats_plain.h"
#include "proxy/stats_text.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct proxy_table *table_of(const struct proxy *proxy) {
  return proxy->config ? config_table(proxy->config) : NULL;
}

static enum admin_state state(void *ctx) {
  const struct proxy *proxy = ctx;
  if (proxy->draining || atomic_load(&proxy->unhealthy))
    return ADMIN_DRAINING;
  return proxy->confirmed > 0 ? ADMIN_LIVE : ADMIN_PRE_INITIALIZING;
}

static uint64_t resident_bytes(void) {
  char text[128];
  unsigned long long pages = 0;
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  ssize_t len = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
  if (fd >= 0)
    (void)close(fd);
  text[len > 0 ? len : 0] = '\0';
  if (sscanf(text, "%*u %llu", &pages) != 1)
    return 0;
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct stats_view view_of(struct proxy *proxy) {
  return (struct stats_view){
      .workers = proxy->stats,
      .breakers = proxy->breakers,
      .count = proxy->worker_count,
      .table = table_of(proxy),
      .outliers = proxy->outlier.set,
      .reporters = proxy->reporters,
      .tcp_for_http = !proxy->options->no_tcp_metrics,
      .is_live = state(proxy) == ADMIN_LIVE,
      .is_draining = proxy->draining,
      .uptime_s = (uint64_t)(clock_mono_ms() - proxy->started_ms) / 1000,
      .access_log_dropped = access_log_dropped(proxy->access_log),
      .access_log_written = access_log_lines(proxy->access_log),
      .table_version = proxy->confirmed,
      .tables = proxy->config ? config_table_count(proxy->config) : 0,
      .memory_bytes = resident_bytes(),
  };
}

// An answer that is being written keeps the table it names things from.
struct metrics_stream {
  struct proxy_table *table;
  struct stats_text text;
};

static bool metrics_next(void *ctx, struct buf *out) {
  struct metrics_stream *stream = ctx;
  return stats_text_next(&stream->text, out);
}

static void metrics_close(void *ctx) {
  struct metrics_stream *stream = ctx;
  stats_text_close(&stream->text);
  table_unref(stream->table);
  xfree(stream);
}

static void metrics(void *ctx, struct admin_stream *ret_stream) {
  struct proxy *proxy = ctx;
  struct metrics_stream *stream = XNEW(struct metrics_stream);
  struct stats_view view = view_of(proxy);
  stream->table = view.table ? table_ref(config_table(proxy->config)) : NULL;
  stats_text_open(&stream->text, &view);
  *ret_stream = (struct admin_stream){metrics_next, metrics_close, stream};
}

struct stats_stream {
  struct proxy_table *table;
  struct regex *regex;
  struct stats_plain plain;
};

static bool stats_next(void *ctx, struct buf *out) {
  struct stats_stream *stream = ctx;
  return stats_plain_next(&stream->plain, out);
}

static void stats_close(void *ctx) {
  struct stats_stream *stream = ctx;
  stats_plain_close(&stream->plain);
  regex_free(stream->regex);
  table_unref(stream->table);
  xfree(stream);
}

static unsigned types_of(const struct admin_query *query) {
  if (!query->type || strcmp(query->type, "All") == 0)
    return STATS_COUNTERS | STATS_GAUGES | STATS_HISTOGRAMS;
  return strcmp(query->type, "Counters") == 0     ? STATS_COUNTERS
         : strcmp(query->type, "Gauges") == 0     ? STATS_GAUGES
         : strcmp(query->type, "Histograms") == 0 ? STATS_HISTOGRAMS
                                                  : 0;
}

static int stats(void *ctx, const struct admin_query *query, struct admin_stream *ret_stream) {
  struct proxy *proxy = ctx;
  struct regex *regex = NULL;
  struct err err;
  if (query->filter && query->filter[0] &&
      regex_compile(str_of(query->filter), false, &regex, &err) != 0)
    return RC_INVALID;
  struct stats_stream *stream = XNEW(struct stats_stream);
  struct stats_view view = view_of(proxy);
  struct stats_plain_options options = {.json = query->format && strcmp(query->format, "json") == 0,
                                        .used_only = query->used_only,
                                        .types = types_of(query),
                                        .regex = regex,
                                        .zero = &proxy->zero};
  stream->table = view.table ? table_ref(config_table(proxy->config)) : NULL;
  stream->regex = regex;
  stats_plain_open(&stream->plain, &view, &options);
  *ret_stream = (struct admin_stream){stats_next, stats_close, stream};
  return 0;
}

// Nobody but a worker writes its counters: from now on the old values are taken off.
static void reset_counters(void *ctx) {
  struct proxy *proxy = ctx;
  struct stats_view view = view_of(proxy);
  stats_plain_zero(&view, &proxy->zero);
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
  struct dump_listening listening = proxy_listeners_listening(ctx);
  return table ? dump_listeners(out, table, is_json(query), &listening) : RC_UNAVAILABLE;
}

static int config_dump(void *ctx, const struct admin_query *query, struct buf *out) {
  const struct proxy *proxy = ctx;
  const struct proxy_table *table = table_of(proxy);
  if (!table)
    return RC_UNAVAILABLE;
  struct dump_listening listening = proxy_listeners_listening(ctx);
  if (!query->resource)
    return dump_config(out, table, config_source(proxy->config), config_last_error(proxy->config),
                       &listening);
  if (strcmp(query->resource, "routes") == 0)
    return dump_routes(out, table);
  if (strcmp(query->resource, "endpoints") == 0)
    return dump_endpoints(out, table);
  return RC_NOT_FOUND;
}

static const char *state_name(enum admin_state state) {
  static const char *const names[] = {[ADMIN_PRE_INITIALIZING] = "PRE_INITIALIZING",
                                      [ADMIN_LIVE] = "LIVE",
                                      [ADMIN_DRAINING] = "DRAINING"};
  return names[state];
}

static struct str seconds_text(struct arena *arena, int64_t ms) {
  return arena_printf(arena, "%llds", (long long)ms / 1000);
}

static int server_info(void *ctx, struct buf *out) {
  struct proxy *proxy = ctx;
  const struct proxy_options *o = proxy->options;
  struct arena arena;
  arena_init(&arena);
  struct json *root = json_new_object(&arena);
  struct str uptime = seconds_text(&arena, clock_mono_ms() - proxy->started_ms);
  json_put_z(&arena, root, "version", "serin/" SERIN_VERSION);
  json_put_z(&arena, root, "state", state_name(state(proxy)));
  json_put_string(&arena, root, "uptime_current_epoch", uptime);
  json_put_string(&arena, root, "uptime_all_epochs", uptime);
  json_put_int(&arena, root, "concurrency", proxy->worker_count);
  json_put_int(&arena, root, "table_version", (int64_t)proxy->confirmed);
  json_put_string(&arena, root, "source",
                  proxy->config ? config_source(proxy->config) : STR("none"));
  struct json *node = json_need_object(&arena, root, "node");
  json_put_string(&arena, node, "id", o->name);
  json_put_string(&arena, node, "namespace", o->namespace_);
  struct json *options = json_need_object(&arena, root, "command_line_options");
  json_put_int(&arena, options, "concurrency", proxy->worker_count);
  json_put_string(&arena, options, "drain_time", seconds_text(&arena, o->drain_ms));
  json_put_string(&arena, options, "idle_timeout", seconds_text(&arena, o->idle_timeout_ms));
  json_put_string(&arena, options, "header_timeout", seconds_text(&arena, o->header_timeout_ms));
  json_put_string(&arena, options, "stream_idle_timeout", seconds_text(&arena, o->stream_idle_ms));
  json_put_int(&arena, options, "max_connections", o->connections_max);
  json_put_string(&arena, options, "reporter", o->reporter);
  json_put_string(&arena, options, "access_log", o->access_log);
  json_put_string(&arena, options, "access_log_format", o->access_log_format);
  int rc = json_write_pretty(out, root);
  arena_dispose(&arena);
  return rc;
}

static int memory(void *ctx, struct buf *out) {
  (void)ctx;
  struct mallinfo2 info = mallinfo2();
  return buf_addf(out,
                  "{\"allocated\":\"%zu\",\"heap_size\":\"%zu\",\"pageheap_unmapped\":\"0\","
                  "\"pageheap_free\":\"%zu\",\"total_thread_cache\":\"0\","
                  "\"total_physical_bytes\":\"%llu\"}\n",
                  info.uordblks + info.hblkhd, info.arena + info.hblkhd, info.fordblks,
                  (unsigned long long)resident_bytes());
}

static void drain(void *ctx, bool graceful, bool skip_exit) {
  if (graceful)
    proxy_drain_slowly(ctx, !skip_exit);
  else
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
                                  .memory = memory,
                                  .reset_counters = reset_counters,
                                  .drain = drain,
                                  .quit = quit,
                                  .set_health = set_health,
                                  .ctx = proxy};
}
