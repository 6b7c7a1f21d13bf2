// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy_main.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "proxy/access_log.h"
#include "proxy/admin.h"
#include "proxy/breaker.h"
#include "proxy/config.h"
#include "proxy/proxy_admin.h"
#include "proxy/proxy_handover.h"
#include "proxy/proxy_labels.h"
#include "proxy/proxy_options.h"
#include "proxy/proxy_state.h"
#include "proxy/stats_text.h"

#include <malloc.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

static void on_took(void *ctx, unsigned worker, uint64_t version) {
  struct proxy *proxy = ctx;
  atomic_store(&proxy->taken[worker], version);
  (void)uv_async_send(&proxy->async);
}

static void on_done(void *ctx, unsigned worker) {
  struct proxy *proxy = ctx;
  (void)worker;
  atomic_fetch_add(&proxy->ended, 1);
  (void)uv_async_send(&proxy->async);
}

static void on_grave(void *ctx) {
  struct proxy *proxy = ctx;
  (void)uv_async_send(&proxy->async);
}

static void on_publish(void *ctx, struct proxy_table *table) {
  struct proxy *proxy = ctx;
  upstream_load_fit(proxy->load, table->endpoint_slots);
  proxy_outlier_take(&proxy->outlier, table);
  breakers_fit(proxy->breakers, table->cluster_slots, table->endpoint_slots);
  proxy_listeners_open(proxy, table);
  for (unsigned i = 0; i < proxy->worker_count && !proxy->draining; i++)
    worker_publish(proxy->workers[i], table_ref(table));
  proxy_listeners_close_others(proxy, table);
  LOG(LOG_DEBUG, "new table", LOG_I("version", (int64_t)table->version),
      LOG_I("hosts", (int64_t)table->host_count), LOG_I("clusters", (int64_t)table->cluster_count),
      LOG_I("endpoints", (int64_t)table->endpoint_count),
      LOG_I("errors", (int64_t)table->findings.errors),
      LOG_I("warnings", (int64_t)table->findings.warnings));
  table_unref(table);
  // Reading and building took far more than what is kept. This thread serves nobody.
  (void)malloc_trim(0);
}

static void close_all(struct proxy *proxy) {
  if (proxy->closed)
    return;
  proxy->closed = true;
  handover_close(proxy->handover);
  proxy->handover = NULL;
  admin_close(proxy->admin);
  proxy->admin = NULL;
  uv_close((uv_handle_t *)&proxy->async, NULL);
  proxy_outlier_close(&proxy->outlier);
  uv_close((uv_handle_t *)&proxy->slow_drain, NULL);
  proxy_listeners_close(proxy);
  for (size_t i = 0; i < ARRAY_LEN(proxy->signals); i++)
    uv_close((uv_handle_t *)&proxy->signals[i], NULL);
}

static void check_ended(struct proxy *proxy) {
  if (proxy->quitting && !proxy->config && atomic_load(&proxy->ended) == proxy->worker_count)
    close_all(proxy);
}

static void on_config_closed(void *ctx) {
  struct proxy *proxy = ctx;
  proxy->config = NULL;
  check_ended(proxy);
}

static void on_async(uv_async_t *async) {
  struct proxy *proxy = container_of(async, struct proxy, async);
  uint64_t least = UINT64_MAX;
  for (unsigned i = 0; i < proxy->worker_count; i++) {
    uint64_t version = atomic_load(&proxy->taken[i]);
    least = version < least ? version : least;
  }
  if (least > proxy->confirmed && !proxy->draining) {
    bool first = proxy->confirmed == 0;
    proxy->confirmed = least;
    config_confirm(proxy->config, least);
    if (first)
      proxy_handover_ready(proxy);
  }
  table_grave_clear(&proxy->grave);
  check_ended(proxy);
}

void proxy_quit(struct proxy *proxy) {
  if (proxy->quitting)
    return;
  proxy->quitting = true;
  proxy_drain(proxy);
  // The Lease goes first: nobody waits for a proxy that will take no further table.
  if (proxy->config)
    config_close(proxy->config, on_config_closed, proxy);
  check_ended(proxy);
}

static uint64_t random_seed(void) {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
    seed = (uint64_t)clock_mono_us();
  return seed;
}

static enum trace_mode trace_mode_of(struct str name) {
  return str_eq(name, STR("b3")) ? TRACE_B3 : str_eq(name, STR("off")) ? TRACE_OFF : TRACE_W3C;
}

static int make_workers(struct proxy *proxy, struct err *err) {
  const struct proxy_options *options = proxy->options;
  struct worker_settings settings = {.limits = &proxy->limits,
                                     .load = proxy->load,
                                     .grave = &proxy->grave,
                                     .outliers = proxy->outlier.set,
                                     .breakers = proxy->breakers,
                                     .inherited = options->listen_fd_count > 0,
                                     .tracing = trace_mode_of(options->tracing),
                                     .shadow_hosts = options->shadow_hosts,
                                     .close_hint = &proxy->unhealthy};
  struct stats_source source =
      proxy_labels_source(options->name, options->namespace_, proxy->labels, options->label_count);
  if (options->access_log.len > 0) {
    char *path = xmemdup(options->access_log.ptr, options->access_log.len + 1);
    path[options->access_log.len] = '\0';
    enum access_log_format format =
        str_eq(options->access_log_format, STR("json")) ? ACCESS_LOG_JSON : ACCESS_LOG_TEXT;
    int rc = access_log_open(path, format, proxy->worker_count, &proxy->access_log, err);
    xfree(path);
    if (rc != 0)
      return rc;
  }
  for (unsigned i = 0; i < proxy->worker_count; i++) {
    settings.seed = random_seed();
    proxy->workers[i] = worker_new(i, &settings, &source);
    proxy->stats[i] = proxy->workers[i]->stats;
    if (proxy->access_log)
      proxy->workers[i]->access_log = access_log_ring_of(proxy->access_log, i);
  }
  return 0;
}

static int open_config(struct proxy *proxy, struct err *err) {
  const struct proxy_options *o = proxy->options;
  struct config_options options = {
      .manifests = o->manifests.len ? o->manifests.ptr : NULL,
      .kubeconfig = o->kubeconfig.len ? o->kubeconfig.ptr : NULL,
      .context = o->context.len ? o->context.ptr : NULL,
      .kube_api = o->kube_api.len ? o->kube_api.ptr : NULL,
      .settings = {.name = o->name,
                   .namespace_ = o->namespace_,
                   .locality = o->locality,
                   .controller = o->controller,
                   .labels = proxy->labels,
                   .label_count = o->label_count,
                   .literal_uuid = o->literal_uuid,
                   .consecutive_errors_5xx = o->consecutive_errors_5xx,
                   .listeners = proxy->sockets.listeners,
                   .listener_count = proxy->sockets.listener_count},
      .one_namespace = o->one_namespace,
      .dns_interval_ms = o->dns_interval_ms,
      .lease = o->manifests.len == 0,
      .listening = proxy_listeners_listening(proxy),
  };
  return config_open(&proxy->loop, &options, on_publish, proxy, &proxy->config, err);
}

int proxy_open_admin(struct proxy *proxy, struct err *err) {
  int fd = proxy->offer.admin;
  proxy->offer.admin = -1;
  int rc = fd >= 0 ? 0 : proxy_sockets_admin(proxy->options, &fd, err);
  if (rc != 0 || fd < 0)
    return rc;
  struct admin_host host;
  proxy_admin_host(proxy, &host);
  return admin_open(&proxy->loop, fd, &host, &proxy->admin, err);
}

static int start_workers(struct proxy *proxy, struct err *err) {
  for (unsigned i = 0; i < proxy->worker_count; i++) {
    int rc = worker_start(proxy->workers[i], on_took, on_done, proxy, err);
    if (rc != 0)
      return rc;
    proxy->started++;
  }
  return 0;
}

// Each exchange needs two descriptors; the usual soft limit of 1024 is for other programs.
static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

static void open_loop(struct proxy *proxy) {
  static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
  (void)uv_loop_init(&proxy->loop);
  (void)uv_async_init(&proxy->loop, &proxy->async, on_async);
  proxy_outlier_open(&proxy->outlier, &proxy->loop);
  proxy_listeners_init(proxy);
  (void)uv_timer_init(&proxy->loop, &proxy->slow_drain);
  for (size_t i = 0; i < ARRAY_LEN(proxy->signals); i++) {
    (void)uv_signal_init(&proxy->loop, &proxy->signals[i]);
    proxy->signals[i].data = proxy;
    (void)uv_signal_start(&proxy->signals[i], proxy_on_signal, numbers[i]);
  }
}

// What was made so far is taken apart in the same order as at the end of a good life.
static void give_up(struct proxy *proxy) {
  proxy->quitting = proxy->draining = true;
  for (unsigned i = 0; i < proxy->started; i++)
    worker_stop(proxy->workers[i]);
  atomic_fetch_add(&proxy->ended, proxy->worker_count - proxy->started);
  if (proxy->config)
    config_close(proxy->config, on_config_closed, proxy);
  check_ended(proxy);
}

static void dispose(struct proxy *proxy) {
  for (unsigned i = 0; i < proxy->started; i++)
    worker_join(proxy->workers[i]);
  for (unsigned i = 0; i < proxy->worker_count; i++) {
    if (proxy->workers[i])
      worker_free(proxy->workers[i]);
  }
  if (proxy->offer.admin >= 0)
    (void)close(proxy->offer.admin);
  handover_offer_dispose(&proxy->offer);
  table_grave_clear(&proxy->grave);
  access_log_close(proxy->access_log);
  upstream_load_free(proxy->load);
  proxy_outlier_dispose(&proxy->outlier);
  breakers_free(proxy->breakers);
  proxy_sockets_dispose(&proxy->sockets);
  proxy_listeners_dispose(proxy);
  map_dispose(&proxy->zero);
  xfree(proxy->workers);
  xfree(proxy->stats);
  xfree(proxy->taken);
}

int proxy_main(const struct proxy_options *options, struct err *err) {
  struct proxy proxy = {.options = options, .started_ms = clock_mono_ms()};
  struct http1_rules http1 = {0};
  int rc = proxy_options_check(options, &proxy.reporters, &http1, err);
  if (rc != 0)
    return rc;
  (void)signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  log_set_part("proxy");
  proxy.worker_count =
      options->workers > 0 ? (unsigned)options->workers : (unsigned)uv_available_parallelism();
  if (proxy.worker_count > BREAKER_WORKERS_MAX)
    proxy.worker_count = BREAKER_WORKERS_MAX;
  proxy.limits = proxy_options_limits(options, proxy.worker_count);
  proxy.limits.http1 = http1;
  proxy.workers = xcalloc(proxy.worker_count, sizeof(*proxy.workers));
  proxy.stats = xcalloc(proxy.worker_count, sizeof(*proxy.stats));
  proxy.taken = xcalloc(proxy.worker_count, sizeof(*proxy.taken));
  proxy.load = upstream_load_new();
  proxy.offer = (struct handover_offer){.connection = -1, .admin = -1};
  proxy_sockets_init(&proxy.sockets);
  map_init(&proxy.zero);
  proxy.grave = (struct table_grave){.wake = on_grave, .ctx = &proxy};
  proxy.breakers = breakers_new(proxy.worker_count);
  open_loop(&proxy);
  rc = proxy_labels_parse(&proxy.sockets.arena, options->labels, options->label_count,
                          &proxy.labels, err);
  if (rc == 0)
    rc = make_workers(&proxy, err);
  if (rc == 0)
    rc = proxy_handover_ask(&proxy, err);
  if (rc == 0)
    rc = proxy_sockets_open(&proxy.sockets, options, proxy.workers, proxy.worker_count, err);
  if (rc == 0 && proxy.offer.admin < 0)
    rc = proxy_open_admin(&proxy, err);
  if (rc == 0)
    rc = start_workers(&proxy, err);
  if (rc == 0)
    rc = open_config(&proxy, err);
  if (rc != 0)
    give_up(&proxy);
  (void)uv_run(&proxy.loop, UV_RUN_DEFAULT);
  dispose(&proxy);
  BUG_ON(uv_loop_close(&proxy.loop) != 0);
  if (rc == 0)
    LOG(LOG_INFO, "ended");
  return rc;
}
