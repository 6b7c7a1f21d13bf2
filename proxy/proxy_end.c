// SPDX-License-Identifier: Apache-2.0
// How a proxy process is told to end, and what it does until it has.
#include "manifests/base/bug.h"
#include "manifests/base/log.h"
#include "proxy/access_log.h"
#include "proxy/proxy_state.h"

#include <signal.h>

void proxy_drain(struct proxy *proxy) {
  if (proxy->draining)
    return;
  proxy->draining = true;
  LOG(LOG_INFO, "draining", LOG_I("ms", proxy->options->drain_ms));
  for (unsigned i = 0; i < proxy->worker_count; i++)
    worker_drain(proxy->workers[i], proxy->options->drain_ms);
}

static void on_slow_drain(uv_timer_t *timer) {
  proxy_drain(container_of(timer, struct proxy, slow_drain));
}

void proxy_drain_slowly(struct proxy *proxy, bool then_drain) {
  atomic_store(&proxy->unhealthy, true);
  LOG(LOG_INFO, "draining gracefully", LOG_I("ms", proxy->options->drain_ms));
  if (then_drain && !proxy->closed)
    (void)uv_timer_start(&proxy->slow_drain, on_slow_drain, (uint64_t)proxy->options->drain_ms, 0);
}

static void on_lame_duck(uv_timer_t *timer) {
  proxy_quit(container_of(timer, struct proxy, slow_drain));
}

// A load balancer hears of our end only from a failing /ready, or from an endpoint that goes, and
// sends connections until then. A second signal does not wait for it.
static bool goes_on_for_now(struct proxy *proxy) {
  if (!proxy->options->lame_duck_ms || proxy->leaving || proxy->quitting || proxy->draining)
    return false;
  proxy->leaving = true;
  atomic_store(&proxy->unhealthy, true);
  LOG(LOG_INFO, "told to end, serving on", LOG_I("ms", proxy->options->lame_duck_ms));
  (void)uv_timer_start(&proxy->slow_drain, on_lame_duck, (uint64_t)proxy->options->lame_duck_ms, 0);
  return true;
}

void proxy_on_signal(uv_signal_t *handle, int number) {
  struct proxy *proxy = handle->data;
  if (number == SIGHUP || number == SIGUSR1) { // log rotation
    access_log_reopen(proxy->access_log);
    return;
  }
  if (number == SIGTERM && goes_on_for_now(proxy))
    return;
  if (proxy->quitting && number == SIGINT) // a second Ctrl-C: no more patience
    for (unsigned i = 0; i < proxy->worker_count; i++)
      worker_stop(proxy->workers[i]);
  proxy_quit(proxy);
}
