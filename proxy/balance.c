// SPDX-License-Identifier: Apache-2.0
#include "proxy/balance.h"

#include "proxy/exchange_run.h"
#include "proxy/outlier_set.h"
#include "proxy/worker.h"

static uint32_t load_of(void *ctx, const struct table_endpoint *endpoint) {
  struct worker *worker = ctx;
  atomic_uint *load = upstream_load_at(worker->settings.load, endpoint->slot.index);
  return load ? atomic_load_explicit(load, memory_order_relaxed) : 0;
}

static bool is_ejected(void *ctx, const struct table_endpoint *endpoint) {
  struct worker *worker = ctx;
  return outlier_set_is_ejected(worker->settings.outliers, endpoint);
}

static uint32_t *cursor_of(struct worker *worker, struct table_slot slot) {
  return slot.index < worker->cursor_count ? &worker->cursors[slot.index] : &worker->cursors[0];
}

const struct table_endpoint *balance_pick(struct exchange_run *run, bool avoid) {
  struct worker *worker = run->worker;
  const struct table_cluster *cluster = run->decision.cluster;
  struct pick_view view = {load_of, NULL, worker};
  if (cluster->outlier && worker->settings.outliers) {
    uint32_t out = outlier_health_ejected(outlier_set_health(worker->settings.outliers, cluster));
    if (out > 0 &&
        100 * (cluster->endpoint_count - out) < cluster->panic_percent * cluster->endpoint_count)
      stats_add(&stats_cluster(worker->stats, cluster->slot)->lb_healthy_panic, 1);
    else if (out > 0)
      view.is_ejected = is_ejected;
  }
  return pick_endpoint(cluster, &view, avoid ? &run->tried : NULL, &worker->rng,
                       cursor_of(worker, cluster->slot));
}
