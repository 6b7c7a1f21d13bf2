// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange_record.h"
#include "proxy/exchange_step.h"

#include "manifests/base/bug.h"
#include "proxy/balance.h"
#include "proxy/connection.h"
#include "proxy/exchange_filters.h"
#include "proxy/exchange_send.h"
#include "proxy/head_rules.h"
#include "proxy/http1_write.h"
#include "proxy/mirror.h"
#include "proxy/outlier.h"
#include "proxy/upstream_pool.h"
#include "proxy/worker.h"

static void then(struct exchange_run *run, const struct exchange_event *event) {
  run->next = *event;
  run->has_next = true;
}

static void count_try(struct exchange_run *run, int by) {
  struct stats *stats = run->worker->stats;
  struct stats_cluster *cluster = stats_cluster(stats, run->decision.cluster->slot);
  struct stats_endpoint *endpoint = stats_endpoint(stats, run->endpoint->slot);
  stats_add(&cluster->upstream_rq_active, (uint64_t)by);
  stats_add(&endpoint->rq_active, (uint64_t)by);
  if (by > 0) {
    stats_add(&cluster->upstream_rq_total, 1);
    stats_add(&endpoint->rq_total, 1);
  }
}

static void try_begins(struct exchange_run *run) {
  run->load = upstream_load_at(run->worker->settings.load, run->endpoint->slot.index);
  if (run->load)
    atomic_fetch_add_explicit(run->load, 1, memory_order_relaxed);
}

// It has a connection.
static void try_attached(struct exchange_run *run, struct upstream *upstream) {
  run->upstream = upstream;
  count_try(run, 1);
}

static void try_ended(struct exchange_run *run) {
  if (run->upstream)
    count_try(run, -1);
  run->upstream = NULL;
  if (run->load)
    atomic_fetch_sub_explicit(run->load, 1, memory_order_relaxed);
  run->load = NULL;
  upstream_pool_leave(&run->user);
}

static void report(struct exchange_run *run, enum outlier_event event, int status) {
  if (run->decision.cluster->outlier)
    outlier_report(run->worker, run->decision.cluster, run->endpoint, event, status);
}

void exchange_run_give_retry(struct exchange_run *run) {
  if (run->retry_of)
    breaker_give(&run->retry_of->retries);
  run->retry_of = NULL;
}

static const struct upstream_user_ops user_ops;

static void ask_for_connection(struct exchange_run *run) {
  struct exchange_event event = exchange_run_make_event(run, EXCHANGE_ON_CONNECTED);
  bool check = !run->exchange.policy.is_idempotent;
  struct upstream *upstream;
  run->user = (struct upstream_user){.ops = &user_ops,
                                     .worker = run->worker,
                                     .cluster = run->decision.cluster,
                                     .endpoint = run->endpoint,
                                     .base = run->base};
  switch (upstream_pool_ask(&run->user, run->exchange.fresh, check, &upstream, &event.reason)) {
  case UPSTREAM_WAITS: return;
  case UPSTREAM_READY:
    report(run, OUTLIER_CONNECTED, 0);
    try_attached(run, upstream);
    event.reused = upstream->served > 1;
    break;
  case UPSTREAM_REFUSED:
    if (event.reason == EXCHANGE_REASON_REMOTE_CONNECT)
      report(run, OUTLIER_FAILURE, 0);
    try_ended(run);
    event.kind = EXCHANGE_ON_CONNECT_FAILED;
    event.rnd = rng_next(&run->worker->rng);
    break;
  }
  then(run, &event);
}

static void act_connect(struct exchange_run *run) {
  struct worker *worker = run->worker;
  const struct table_cluster *cluster = run->decision.cluster;
  bool avoid = run->exchange.policy.retry->ignore_previous_hosts && run->exchange.retries > 0;
  if (!run->exchange.fresh || !run->endpoint)
    run->endpoint = balance_pick(run, avoid);
  if (!run->endpoint) {
    struct exchange_event event = exchange_run_make_event(run, EXCHANGE_ON_NO_ENDPOINT);
    struct route_reply none = route_reply_no_endpoint();
    event.reply = (struct exchange_reply){none.status, exchange_flag_find(none.flag), none.body,
                                          none.details};
    then(run, &event);
    return;
  }
  if (run->exchange.fresh)
    stats_add(&stats_cluster(worker->stats, cluster->slot)->upstream_stale_connection, 1);
  pick_tried_add(&run->tried, run->endpoint);
  run->base = upstream_pool_base(upstream_pool_of(worker, cluster, run->endpoint), cluster,
                                 run->endpoint, run->table->table->version);
  try_begins(run);
  ask_for_connection(run);
}

static void act_reset_upstream(struct exchange_run *run) {
  struct upstream *upstream = run->upstream;
  if (!upstream && !run->user.waits)
    return;
  if (run->exchange.timed_out)
    report(run, OUTLIER_TIMEOUT, 0);
  run->exchange.timed_out = false;
  try_ended(run);
  if (!upstream)
    return;
  stats_add(&upstream->cluster_stats->upstream_rq_tx_reset, 1);
  upstream_reset(upstream);
}

static void act_release_upstream(struct exchange_run *run) {
  struct upstream *upstream = run->upstream;
  try_ended(run);
  exchange_run_give_retry(run);
  upstream_release(upstream);
}

static void act_forward_request(struct exchange_run *run) {
  struct upstream *upstream = run->upstream;
  if (!upstream->write_failed && http1_body_add(&upstream->body, run->piece) != 0)
    upstream->write_failed = true;
}

static void act_forward_response(struct exchange_run *run) {
  run->response_body_bytes += run->piece.len;
  if (run->exchange.tunnel)
    ws_frames_feed(&run->response_ws, run->piece);
  if (run->is_grpc)
    run->response_messages += grpc_frames_count(&run->response_frames, run->piece);
  if (run->request.is_head)
    return;
  // A failed write shows again in the flush that ends this turn.
  (void)http1_body_add(&run->connection->work->body, run->piece);
}

static void act_reset_client(struct exchange_run *run) {
  stats_add(&run->worker->stats->downstream_rq_tx_reset, 1);
  run->connection->close = true;
  // What came before the fault is the client's: a head in the log was also sent.
  http1_body_close_chunk(&run->connection->work->body);
  (void)pump_flush(&run->connection->work->out);
}

static void act_finish(struct exchange_run *run) {
  exchange_record(run);
  if (run->is_stream)
    worker_sweep_remove(run);
  exchange_filters_end(run);
  run->active = false;
  act_reset_upstream(run);
  exchange_run_give_retry(run);
  worker_table_unref(run->worker, run->table);
  run->table = NULL;
}

// The actions in the order of their bits.
static void (*const actions[])(struct exchange_run *run) = {
    act_reset_upstream,
    act_connect,
    exchange_send_request,
    act_forward_request,
    exchange_send_request_end,
    exchange_send_interim,
    exchange_send_response,
    act_forward_response,
    exchange_send_response_end,
    exchange_send_reply,
    act_release_upstream,
    act_reset_client,
    act_finish,
};

void exchange_run_apply(struct exchange_run *run, const struct exchange_event *first) {
  struct exchange_event event = *first;
  for (;;) {
    uint32_t todo = run->active ? exchange_step(&run->exchange, &event) : 0;
    for (size_t i = 0; todo != 0; i++, todo >>= 1) {
      BUG_ON(i >= ARRAY_LEN(actions));
      if (todo & 1)
        actions[i](run);
    }
    if (!run->has_next)
      return;
    event = run->next;
    run->has_next = false;
  }
}

void exchange_run_request_body(struct exchange_run *run, struct str piece) {
  run->request_body_bytes += piece.len;
  if (run->exchange.tunnel)
    ws_frames_feed(&run->request_ws, piece);
  if (run->is_grpc)
    run->request_messages += grpc_frames_count(&run->request_frames, piece);
  run->piece = piece;
  if (run->mirrors)
    mirror_body(run->mirrors, piece);
  exchange_run_event(run, EXCHANGE_ON_REQUEST_BODY);
}

void exchange_run_event(struct exchange_run *run, enum exchange_event_kind kind) {
  struct exchange_event event = exchange_run_make_event(run, kind);
  if (kind == EXCHANGE_ON_TIMER)
    event.rnd = rng_next(&run->worker->rng);
  if (kind == EXCHANGE_ON_REQUEST_END && run->mirrors)
    mirror_end(run->mirrors);
  exchange_run_apply(run, &event);
}

void exchange_run_request_fault(struct exchange_run *run, const struct http1_fault *fault) {
  struct exchange_event event = exchange_run_make_event(run, EXCHANGE_ON_REQUEST_FAULT);
  event.reply = (struct exchange_reply){fault->status, fault->status == 413 ? 0u : EXCHANGE_DPE,
                                        str_of(http1_reason(fault->status)), fault->details};
  exchange_run_apply(run, &event);
}

static struct exchange_run *run_of(const struct upstream_user *user) {
  union {
    const void *in;
    void *out;
  } ptr = {user};
  return container_of((struct upstream_user *)ptr.out, struct exchange_run, user);
}

static void on_connected(struct upstream_user *user, struct upstream *upstream, bool reused) {
  struct exchange_run *run = run_of(user);
  struct exchange_event event = exchange_run_make_event(run, EXCHANGE_ON_CONNECTED);
  event.reused = reused;
  report(run, OUTLIER_CONNECTED, 0);
  try_attached(run, upstream);
  exchange_run_apply(run, &event);
}

static void on_failed(struct upstream_user *user, enum exchange_reason reason) {
  struct exchange_run *run = run_of(user);
  struct exchange_event event = exchange_run_make_event(run, EXCHANGE_ON_CONNECT_FAILED);
  event.reason = reason;
  event.rnd = rng_next(&run->worker->rng);
  // Limits and descriptors of ours say nothing about the endpoint.
  if (reason == EXCHANGE_REASON_REMOTE_CONNECT || reason == EXCHANGE_REASON_CONNECT_TIMEOUT)
    report(run, OUTLIER_FAILURE, 0);
  try_ended(run);
  exchange_run_apply(run, &event);
}

static void on_reset(struct upstream_user *user, enum exchange_reason reason, bool request_started,
                     bool response_started) {
  struct exchange_run *run = run_of(user);
  struct exchange_event event = exchange_run_make_event(run, EXCHANGE_ON_UPSTREAM_RESET);
  event.reason = reason;
  event.request_started = request_started;
  event.response_started = response_started;
  event.rnd = rng_next(&run->worker->rng);
  // A kept connection that was closed meanwhile says nothing about the endpoint.
  if (!run->exchange.reused || response_started || reason == EXCHANGE_REASON_PROTOCOL)
    report(run, OUTLIER_FAILURE, 0);
  try_ended(run);
  exchange_run_apply(run, &event);
}

// An interim head, or the final one.
static void on_head(struct exchange_run *run) {
  struct head *head = &run->upstream->head;
  struct exchange_event event = exchange_run_make_event(run, EXCHANGE_ON_RESPONSE_HEAD);
  event.status = head->status;
  if (head->status == 101 && !run->upgrade) { // nobody asked for another protocol
    struct upstream *upstream = run->upstream;
    bool sent = upstream_has_sent(upstream);
    upstream_reset(upstream);
    on_reset(&run->user, EXCHANGE_REASON_PROTOCOL, sent, true);
    return;
  }
  if (head->status < 200 && head->status != 101) {
    event.kind = EXCHANGE_ON_INTERIM;
    // 100 only for those who wait for it; HTTP/1.0 knows none of them.
    bool wanted = head->status == 100 ? run->request.expects_continue : run->request.minor == 1;
    if (wanted)
      exchange_run_apply(run, &event);
    return;
  }
  const struct head_field *grpc = head_find(head, HEAD_GRPC_STATUS);
  int64_t code;
  if (grpc && str_to_i64(grpc->value, &code) && code >= 0 && code <= 99) {
    event.grpc_status = (int)code;
    run->grpc_status = (int16_t)code;
  }
  event.is_ratelimited = head_find_name(head, STR("x-envoy-ratelimited")) != NULL;
  event.is_retriable =
      run->wishes.retriable_names.len > 0 && exchange_policy_is_retriable(&run->wishes, head);
  report(run, OUTLIER_RESPONSE,
         event.grpc_status >= 0 ? outlier_grpc_status(event.grpc_status) : head->status);
  event.rnd = rng_next(&run->worker->rng);
  exchange_run_apply(run, &event);
}

static void on_response(struct upstream_user *user, enum http1_event event, struct str piece) {
  struct exchange_run *run = run_of(user);
  struct upstream *upstream = run->upstream;
  switch (event) {
  case HTTP1_HEAD: on_head(run); break;
  case HTTP1_BODY:
    run->piece = piece;
    exchange_run_event(run, EXCHANGE_ON_RESPONSE_BODY);
    break;
  case HTTP1_END:
    if (upstream->head.status < 200 && !upstream->raw) // the final head comes behind this one
      http1_decoder_start(&upstream->decoder, &upstream->head, run->request.is_head);
    else
      exchange_run_event(run, EXCHANGE_ON_RESPONSE_END);
    break;
  case HTTP1_MORE:
  case HTTP1_FAULT: break;
  }
}

static bool wants_response(const struct upstream_user *user) {
  return exchange_wants_response(&run_of(user)->exchange);
}

static void on_flush(struct upstream_user *user) {
  exchange_run_flush(run_of(user));
}

static const struct upstream_user_ops user_ops = {
    .connected = on_connected,
    .failed = on_failed,
    .response = on_response,
    .reset = on_reset,
    .wants_response = wants_response,
    .flush = on_flush,
};

bool exchange_run_wants_request(const struct exchange_run *run, size_t held) {
  if (!exchange_wants_request(&run->exchange))
    return false;
  enum exchange_try try = run->exchange.try;
  bool flows = try == EXCHANGE_TRY_OPEN || try == EXCHANGE_TRY_BACKOFF;
  return flows || held < PUMP_HIGH; // else it could only be piled up
}

bool exchange_run_keeps_request(const struct exchange_run *run) {
  return exchange_keeps_request(&run->exchange);
}
