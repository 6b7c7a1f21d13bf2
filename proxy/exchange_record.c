// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange_record.h"

#include "proxy/access_log.h"
#include "proxy/connection.h"
#include "proxy/exchange_run.h"
#include "proxy/exchange_send.h"
#include "proxy/listener.h"
#include "proxy/worker.h"

static void count_response(struct exchange_run *run) {
  struct stats *stats = run->worker->stats;
  const struct exchange *x = &run->exchange;
  stats_counter *classes[] = {&stats->downstream_rq_1xx, &stats->downstream_rq_2xx,
                              &stats->downstream_rq_3xx, &stats->downstream_rq_4xx,
                              &stats->downstream_rq_5xx};
  stats_add(&stats->downstream_rq_completed, 1);
  stats_add(&stats->downstream_rq_active, (uint64_t)-1);
  if (x->status >= 100 && x->status < 600)
    stats_add(classes[x->status / 100 - 1], 1);
  if (x->status == 408 && str_eq(x->details, STR("request_overall_timeout")))
    stats_add(&stats->downstream_rq_timeout, 1);
  if (x->status == 413 && str_eq(x->details, STR("request_payload_too_large")))
    stats_add(&stats->downstream_rq_too_large, 1);
  if (x->flags & EXCHANGE_NR)
    stats_add(&stats->no_route, 1);
  if (x->status == 500 && str_eq(x->details, STR("route_pattern_limit")))
    stats_add(&stats->route_pattern_limit, 1);
  if (x->flags & EXCHANGE_DC)
    stats_add(&stats->downstream_rq_rx_reset, 1);
  if (run->decision.kind != ROUTE_FORWARD && !(x->flags & EXCHANGE_NR))
    stats_add(&stats->rq_direct_response, 1);
}

static int64_t since_sent_ms(const struct exchange_run *run) {
  return (int64_t)((uv_hrtime() - run->sent_ns) / 1000000);
}

static void count_cluster(struct exchange_run *run) {
  struct stats *stats = run->worker->stats;
  const struct exchange *x = &run->exchange;
  struct stats_cluster *cluster = stats_cluster(stats, run->decision.cluster->slot);
  if (x->status >= 200 && x->status < 600)
    stats_response(cluster, (unsigned)x->status, run->has_service_ms ? since_sent_ms(run) : -1);
  if (x->try_timeouts > 0)
    stats_add(&cluster->upstream_rq_per_try_timeout, x->try_timeouts);
  if ((x->flags & EXCHANGE_UT) && str_eq(x->details, STR("upstream_response_timeout")))
    stats_add(&cluster->upstream_rq_timeout, 1);
  if (x->retry_success)
    stats_add(&cluster->upstream_rq_retry_success, 1);
  if (x->retry_limit)
    stats_add(&cluster->upstream_rq_retry_limit_exceeded, 1);
  if (x->copy_lost)
    stats_add(&cluster->retry_or_shadow_abandoned, 1);
  bool overflow = (x->flags & EXCHANGE_UO) && !x->retry_overflow;
  if (!run->endpoint || overflow) // none was asked
    return;
  struct stats_endpoint *endpoint = stats_endpoint(stats, run->endpoint->slot);
  bool failed = x->status >= 500 || x->status == 0;
  stats_add(failed ? &endpoint->rq_error : &endpoint->rq_success, 1);
  if (x->flags & EXCHANGE_UT)
    stats_add(&endpoint->rq_timeout, 1);
}

// The label set of a request that reached no endpoint; such requests tend to repeat.
static struct stats_base *local_base(struct exchange_run *run) {
  struct worker *worker = run->worker;
  const struct route_decision *decision = &run->decision;
  uint64_t version = run->table->table->version;
  if (!worker->local_base || worker->local_base_version != version ||
      worker->local_base_service != decision->service.ptr) {
    worker->local_base = stats_base(worker->stats, NULL, decision->service, decision->service_name,
                                    decision->service_namespace);
    worker->local_base_version = version;
    worker->local_base_service = decision->service.ptr;
  }
  return worker->local_base;
}

static struct str field_value(struct head *head, enum head_name id) {
  const struct head_field *field = head_find(head, id);
  return field ? field->value : STR_NULL;
}

static void log_access(struct exchange_run *run, uint64_t duration_ms) {
  struct head *head = &run->request;
  char flags[64], peer[64], local[64];
  exchange_send_identify(run);
  struct access_log_entry entry = {
      .start_wall_ms = run->start_wall_ms,
      .method = head->method,
      .path = head->path,
      .query = head->query,
      .protocol = head->minor == 0 ? STR("HTTP/1.0") : STR("HTTP/1.1"),
      .flags = exchange_flags_text(run->exchange.flags, flags),
      .details = run->exchange.details,
      .status = run->exchange.status,
      .bytes_received = run->request_body_bytes,
      .bytes_sent = run->response_body_bytes,
      .duration_ms = (int64_t)duration_ms,
      .service_ms = run->has_service_ms ? (int64_t)run->service_ms : -1,
      .forwarded_for = field_value(head, HEAD_X_FORWARDED_FOR),
      .user_agent = field_value(head, HEAD_USER_AGENT),
      .request_id = field_value(head, HEAD_X_REQUEST_ID),
      .authority = head->authority,
      .upstream_host = run->endpoint ? run->endpoint->key : STR_NULL,
      .upstream_cluster = run->decision.cluster_name,
      .upstream_local = str_of(run->upstream_local),
      .downstream_local = listener_local_text(run->connection, local),
      .downstream_remote = connection_peer_text(run->connection, peer),
      .route_name =
          str_eq(run->decision.route_name, STR("-")) ? STR_NULL : run->decision.route_name,
  };
  access_log_add(run->worker->access_log, &entry);
}

void exchange_record(struct exchange_run *run) {
  struct connection_work *work = run->connection->work;
  uint64_t duration_ms = (uv_hrtime() - run->start_ns) / 1000000;
  count_response(run);
  if (run->decision.kind == ROUTE_FORWARD && run->decision.cluster)
    count_cluster(run);
  struct stats_sample sample = {.status = (uint16_t)run->exchange.status,
                                .grpc_status = run->is_grpc ? run->grpc_status : -1,
                                .is_grpc = run->is_grpc,
                                .flags = run->exchange.flags,
                                .duration_ms = duration_ms,
                                .request_bytes = work->head_bytes + work->decoder.frame.wire_bytes,
                                .response_bytes = work->out.written - run->client_mark};
  struct stats_base *base = run->base ? run->base : local_base(run);
  stats_record(run->worker->stats, base, &sample);
  if (run->is_grpc) {
    stats_add(&base->request_messages, run->request_messages);
    stats_add(&base->response_messages, run->response_messages);
  }
  if (run->worker->access_log)
    log_access(run, duration_ms);
}
