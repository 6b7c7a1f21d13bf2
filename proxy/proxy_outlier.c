// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy_outlier.h"

#include "manifests/base/bug.h"
#include "manifests/base/clock.h"

static void on_changed(uv_async_t *async) {
  struct proxy_outlier *outlier = container_of(async, struct proxy_outlier, changed);
  if (outlier->table)
    outlier_set_make_rings(outlier->set, outlier->table);
}

static void tell_changed(void *ctx) {
  struct proxy_outlier *outlier = ctx;
  (void)uv_async_send(&outlier->changed);
}

void proxy_outlier_open(struct proxy_outlier *outlier, uv_loop_t *loop) {
  outlier->set = outlier_set_new(tell_changed, outlier);
  outlier->table = NULL;
  BUG_ON(uv_timer_init(loop, &outlier->timer) != 0);
  BUG_ON(uv_async_init(loop, &outlier->changed, on_changed) != 0);
}

static void sweep(uv_timer_t *timer) {
  struct proxy_outlier *outlier = container_of(timer, struct proxy_outlier, timer);
  int64_t now_ms = clock_mono_ms();
  int64_t next_ms = outlier_set_sweep(outlier->set, outlier->table, now_ms);
  uv_update_time(timer->loop);
  if (next_ms > 0)
    (void)uv_timer_start(timer, sweep, (uint64_t)(next_ms > now_ms ? next_ms - now_ms : 1), 0);
  else
    (void)uv_timer_stop(timer);
}

void proxy_outlier_take(struct proxy_outlier *outlier, struct proxy_table *table) {
  outlier_set_fit(outlier->set, table, clock_mono_ms());
  table_unref(outlier->table);
  outlier->table = table_ref(table);
  outlier_set_make_rings(outlier->set, table);
  sweep(&outlier->timer);
}

void proxy_outlier_close(struct proxy_outlier *outlier) {
  uv_close((uv_handle_t *)&outlier->timer, NULL);
  uv_close((uv_handle_t *)&outlier->changed, NULL);
}

void proxy_outlier_dispose(struct proxy_outlier *outlier) {
  table_unref(outlier->table);
  outlier->table = NULL;
  outlier_set_free(outlier->set);
}
