// SPDX-License-Identifier: Apache-2.0
#include "proxy/worker_sweep.h"

#include "manifests/base/bug.h"
#include "proxy/connection.h"
#include "proxy/connection_work.h"
#include "proxy/exchange_run.h"
#include "proxy/table_live.h"
#include "proxy/upstream_pool.h"
#include "proxy/worker.h"

#include <stdio.h>

#define POOLS_A_STEP 512u
#define STREAMS_A_STEP 256u
#define STEP_MS 1
#define TICK_MIN_MS 10
#define TICK_MAX_MS 1000
#define ENDED INT64_MAX // drain_due_ms of a stream that was told to end

static void on_timer(uv_timer_t *timer);

void worker_sweep_open(struct worker *worker) {
  (void)uv_timer_init(&worker->loop, &worker->sweep.timer);
}

static void schedule(struct worker *worker, int64_t after_ms) {
  (void)uv_timer_start(&worker->sweep.timer, on_timer, (uint64_t)after_ms, 0);
}

void worker_sweep_start(struct worker *worker) {
  struct worker_sweep *sweep = &worker->sweep;
  sweep->pool_at = 0;
  sweep->pools_left = worker->pool_count > 0;
  sweep->stream_at = sweep->streams;
  sweep->streams_left = sweep->streams != NULL;
  if (sweep->pools_left || sweep->streams_left)
    schedule(worker, STEP_MS);
}

void worker_sweep_add(struct exchange_run *run) {
  struct worker_sweep *sweep = &run->worker->sweep;
  if (run->is_stream)
    return;
  run->is_stream = true;
  run->drain_due_ms = 0;
  run->stream_prev = NULL;
  run->stream_next = sweep->streams;
  if (run->stream_next)
    run->stream_next->stream_prev = run;
  sweep->streams = run;
  if (run->table != run->worker->holder) // it began with an older table: nobody has looked yet
    worker_sweep_start(run->worker);
}

static void set_due(struct exchange_run *run, int64_t due_ms) {
  struct worker *worker = run->worker;
  int by = (due_ms != 0) - (run->drain_due_ms != 0);
  run->drain_due_ms = due_ms;
  worker->sweep.draining += (unsigned)by;
  stats_add(&worker->stats->streams_draining, (uint64_t)by);
}

void worker_sweep_remove(struct exchange_run *run) {
  struct worker_sweep *sweep = &run->worker->sweep;
  if (!run->is_stream)
    return;
  set_due(run, 0);
  run->is_stream = false;
  if (sweep->stream_at == run)
    sweep->stream_at = run->stream_next;
  if (run->stream_prev)
    run->stream_prev->stream_next = run->stream_next;
  else
    sweep->streams = run->stream_next;
  if (run->stream_next)
    run->stream_next->stream_prev = run->stream_prev;
}

// A WebSocket is told to both sides as its own endpoints would, where a frame may begin. What does
// not fit into the sockets now is not waited for.
static void say_farewell(struct exchange_run *run) {
  struct upstream *upstream = run->upstream;
  if (ws_frames_at_boundary(&run->response_ws))
    (void)http1_body_add(&run->connection->work->body, ws_close_to_client);
  if (!upstream || !ws_frames_at_boundary(&run->request_ws) || !pump_is_empty(&upstream->out))
    return;
  pump_add(&upstream->out, ws_close_to_server.ptr, ws_close_to_server.len);
  (void)pump_flush(&upstream->out);
}

static void end_stream(struct exchange_run *run) {
  if (run->exchange.tunnel)
    say_farewell(run);
  set_due(run, ENDED);
  stats_add(&run->worker->stats->streams_drained, 1);
  exchange_run_event(run, EXCHANGE_ON_STREAM_DRAINED);
  exchange_run_flush(run);
}

static const struct table_endpoint *find(const struct table_cluster *cluster,
                                         struct table_slot slot) {
  for (size_t i = 0; i < cluster->endpoint_count; i++) {
    if (cluster->endpoints[i].slot.index == slot.index)
      return &cluster->endpoints[i];
  }
  return NULL;
}

// What a stream needs from now on stands in the worker's table, too: names for its record, the
// slots of its counters. Decisions about it have all been made.
static void move_to_table(struct exchange_run *run, const struct table_live *live) {
  struct worker *worker = run->worker;
  struct route_decision *decision = &run->decision;
  const struct table_cluster *cluster = &worker->table->clusters[live->cluster];
  const struct table_endpoint *endpoint = find(cluster, run->endpoint->slot);
  if (run->table == worker->holder || !endpoint || run->mirrors)
    return;
  (void)snprintf(run->route_text, sizeof(run->route_text), "%.*s", STR_ARG(decision->route_name));
  if (run->exchange.policy.retry != &run->wishes.retry)
    run->wishes.retry = *run->exchange.policy.retry;
  run->exchange.policy.retry = &run->wishes.retry;
  *decision = (struct route_decision){.kind = ROUTE_FORWARD,
                                      .cluster = cluster,
                                      .port = decision->port,
                                      .timeout_ms = decision->timeout_ms,
                                      .retry = &run->wishes.retry,
                                      .service = cluster->service->fqdn,
                                      .service_name = cluster->service->name,
                                      .service_namespace = cluster->service->namespace_,
                                      .route_name = str_of(run->route_text),
                                      .cluster_name = cluster->id};
  run->endpoint = run->user.endpoint = endpoint;
  run->user.cluster = cluster;
  worker_table_unref(worker, run->table);
  run->table = worker_table_ref(worker);
}

static void look_at(struct exchange_run *run) {
  struct worker *worker = run->worker;
  const struct table_live *live =
      run->endpoint ? table_live_at(worker->table, run->endpoint->slot) : NULL;
  int64_t now_ms = worker_now_ms(worker);
  if (run->drain_due_ms == ENDED)
    return;
  if (live)
    move_to_table(run, live);
  if (live && live->in_use)
    set_due(run, 0);
  else if (run->drain_due_ms == 0)
    set_due(run, now_ms + worker->settings.limits->stream_drain_ms);
  if (run->drain_due_ms != 0 && run->drain_due_ms <= now_ms)
    end_stream(run);
}

static void sweep_pools(struct worker *worker) {
  struct worker_sweep *sweep = &worker->sweep;
  uint32_t end = sweep->pool_at + POOLS_A_STEP;
  for (; sweep->pool_at < worker->pool_count && sweep->pool_at < end; sweep->pool_at++)
    upstream_pool_sweep(worker, sweep->pool_at);
  sweep->pools_left = sweep->pool_at < worker->pool_count;
}

static void sweep_streams(struct worker *worker) {
  struct worker_sweep *sweep = &worker->sweep;
  for (unsigned i = 0; sweep->stream_at && i < STREAMS_A_STEP; i++) {
    struct exchange_run *run = sweep->stream_at;
    sweep->stream_at = run->stream_next;
    look_at(run);
  }
  sweep->streams_left = sweep->stream_at != NULL;
}

static void on_timer(uv_timer_t *timer) {
  struct worker *worker = container_of(timer, struct worker, sweep.timer);
  struct worker_sweep *sweep = &worker->sweep;
  if (sweep->pools_left)
    sweep_pools(worker);
  if (sweep->streams_left)
    sweep_streams(worker);
  if (sweep->pools_left || sweep->streams_left) {
    schedule(worker, STEP_MS);
  } else if (sweep->draining > 0) { // look again, for their time and for traffic that came back
    int64_t tick_ms = worker->settings.limits->stream_drain_ms / 10;
    sweep->stream_at = sweep->streams;
    sweep->streams_left = true;
    schedule(worker, tick_ms < TICK_MIN_MS   ? TICK_MIN_MS
                     : tick_ms > TICK_MAX_MS ? TICK_MAX_MS
                                             : tick_ms);
  }
}

void worker_sweep_end_streams(struct worker *worker) {
  struct worker_sweep *sweep = &worker->sweep;
  sweep->stream_at = sweep->streams;
  while (sweep->stream_at) {
    struct exchange_run *run = sweep->stream_at;
    sweep->stream_at = run->stream_next;
    if (run->drain_due_ms != ENDED)
      end_stream(run);
  }
}
