// SPDX-License-Identifier: Apache-2.0
// How an exchange begins: the route, the policy of its tries, the first event.
#include "proxy/breaker.h"
#include "proxy/connection.h"
#include "proxy/exchange_filters.h"
#include "proxy/exchange_send.h"
#include "proxy/exchange_step.h"

static bool request_header(const void *headers, struct str name, size_t nth,
                           struct str *ret_value) {
  const struct head *head = headers;
  for (unsigned i = 0; i < head->count; i++) {
    if (str_eq(head->fields[i].name, name) && nth-- == 0) {
      *ret_value = head->fields[i].value;
      return true;
    }
  }
  return false;
}

// A retry counts from here to the end of its try, the pause included.
static bool take_retry(void *ctx) {
  struct exchange_run *run = ctx;
  struct worker *worker = run->worker;
  const struct table_cluster *cluster = run->decision.cluster;
  const struct table_pool *pool = &cluster->pool;
  struct stats_cluster *stats = stats_cluster(worker->stats, cluster->slot);
  struct breaker *breaker = breaker_at(worker->settings.breakers, cluster->slot.index);
  uint32_t limit = pool->max_retries;
  if (pool->has_retry_budget)
    limit = retry_budget_limit(pool->budget_percent, pool->budget_min,
                               breakers_active(worker->settings.breakers, cluster->slot));
  exchange_run_give_retry(run);
  if (!breaker_take(&breaker->retries, limit)) {
    stats_add(&stats->upstream_rq_retry_overflow, 1);
    return false;
  }
  run->retry_of = breaker;
  stats_add(&stats->upstream_rq_retry, 1);
  stats_add(&stats->upstream_rq_retry_backoff_exponential, 1);
  return true;
}

static struct exchange_policy policy_of(struct exchange_run *run) {
  const struct worker_limits *limits = run->worker->settings.limits;
  struct exchange_policy policy = {.request_timeout_ms = limits->request_timeout_ms,
                                   .idle_timeout_ms = limits->stream_idle_ms,
                                   .client_idle_ms = limits->client_idle_ms,
                                   .take_retry = take_retry,
                                   .ctx = run,
                                   .is_idempotent = run->request.is_idempotent,
                                   .may_tunnel = run->upgrade};
  exchange_policy_read(&run->decision, &run->request, !run->is_gateway, run->is_grpc, &run->wishes,
                       &policy);
  return policy;
}

// WebSocket as RFC 6455 asks for it; a request with a body cannot: the two would run into each
// other.
static bool wants_websocket(struct head *head) {
  const struct head_field *upgrade = head_find(head, HEAD_UPGRADE);
  return head->wants_upgrade && upgrade && str_eq_nocase(upgrade->value, STR("websocket"));
}

static bool may_upgrade(struct head *head) {
  return head->minor == 1 && head->length == 0 && str_eq(head->method, STR("GET")) &&
         head_count(head, HEAD_UPGRADE) == 1;
}

static struct exchange_event first_event(struct exchange_run *run) {
  struct exchange_event event = exchange_run_make_event(run, EXCHANGE_ON_BEGIN);
  const struct route_reply *reply = &run->decision.reply;
  if (run->request.is_connect || (run->upgrade && !may_upgrade(&run->request))) {
    event.kind = EXCHANGE_ON_LOCAL;
    event.reply = (struct exchange_reply){403, 0, STR_NULL, STR("upgrade_failed")};
    run->connection->close = true;
  } else if (run->decision.kind != ROUTE_FORWARD) {
    event.kind = EXCHANGE_ON_LOCAL;
    event.reply = (struct exchange_reply){reply->status, exchange_flag_find(reply->flag),
                                          reply->body, reply->details};
    exchange_filters_begin(run, &event);
  } else {
    exchange_filters_begin(run, &event);
  }
  return event;
}

static void reset_run(struct exchange_run *run) {
  run->upstream = NULL;
  run->user.waits = NULL;
  run->retry_of = NULL;
  run->has_next = run->prepared = run->cut_hard = run->has_service_ms = run->is_grpc = false;
  run->active = true;
  run->endpoint = NULL;
  run->tried.count = 0;
  run->key.is_known = false;
  run->key.cookie = NULL;
  run->base = NULL;
  run->load = NULL;
  run->grpc_status = -1;
  run->sent_ns = run->request_body_bytes = run->response_body_bytes = 0;
  run->piece = STR_NULL;
  run->upstream_local[0] = '\0';
  run->has_fault = false;
  run->cors_kind = CORS_NONE;
  run->mirrors = NULL;
  run->scratch = NULL;
}

struct str exchange_run_scheme(struct exchange_run *run) {
  const struct head_field *proto = head_find(&run->request, HEAD_X_FORWARDED_PROTO);
  return proto && !run->is_gateway ? proto->value : STR("http");
}

void exchange_run_begin(struct exchange_run *run, bool has_body) {
  struct worker *worker = run->worker;
  struct head *head = &run->request;
  reset_run(run);
  run->table = worker_table_ref(worker);
  run->client_mark = run->connection->work->out.written;
  if (worker->access_log)
    run->start_wall_ms = worker_wall_ms();
  const struct table_listener *listener =
      table_listener_at(run->table->table, run->connection->listener);
  run->is_gateway = listener && listener->persona == TABLE_GATEWAY;
  struct route_request request = {.listener = listener,
                                  .listener_port = run->connection->port,
                                  .authority = head->authority,
                                  .method = head->method,
                                  .scheme = exchange_run_scheme(run),
                                  .path = head->path,
                                  .query = head->query,
                                  .header = request_header,
                                  .headers = head};
  route_match(run->table->table, &request, &worker->router, &run->decision);
  const struct head_field *type = head_find(head, HEAD_CONTENT_TYPE);
  run->is_grpc = type && str_starts(type->value, STR("application/grpc"));
  if (run->is_grpc) {
    run->request_frames = run->response_frames = (struct grpc_frames){0};
    run->request_messages = run->response_messages = 0;
  }
  run->upgrade = wants_websocket(head);
  struct exchange_policy policy = policy_of(run);
  exchange_init(&run->exchange, &policy, has_body, exchange_run_now_ms(run));
  stats_add(&worker->stats->downstream_rq_total, 1);
  stats_add(&worker->stats->downstream_rq_active, 1);
  struct exchange_event event = first_event(run);
  exchange_run_apply(run, &event);
}
