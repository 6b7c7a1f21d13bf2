// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange.h"

#include "manifests/base/bug.h"
#include "proxy/exchange_due.h"
#include "proxy/exchange_words.h"

void exchange_init(struct exchange *x, const struct exchange_policy *policy, bool has_body,
                   int64_t now_ms) {
  *x = (struct exchange){.policy = *policy,
                         .request = has_body ? EXCHANGE_BODY : EXCHANGE_CLOSED,
                         .started_ms = now_ms,
                         .request_end_ms = has_body ? 0 : now_ms,
                         .active_ms = now_ms};
}

static bool try_runs(const struct exchange *x) {
  return x->try == EXCHANGE_TRY_CONNECTING || x->try == EXCHANGE_TRY_OPEN;
}

// Ends the try, if one runs, by dropping its connection.
static uint32_t drop_try(struct exchange *x) {
  uint32_t actions = try_runs(x) ? EXCHANGE_DO_RESET_UPSTREAM : 0;
  x->try = EXCHANGE_TRY_NONE;
  return actions;
}

static uint32_t finish(struct exchange *x) {
  if (x->finished)
    return 0;
  x->finished = true;
  x->request = x->response = EXCHANGE_CLOSED;
  return drop_try(x) | EXCHANGE_DO_FINISH;
}

// Answers here when nothing was sent yet, else cuts the response.
static uint32_t answer(struct exchange *x, const struct exchange_reply *reply) {
  x->flags |= reply->flags;
  x->details = reply->details;
  uint32_t actions = drop_try(x);
  if (x->response != EXCHANGE_HEAD) {
    x->cut = true;
    return actions | EXCHANGE_DO_RESET_CLIENT | finish(x);
  }
  x->reply = *reply;
  x->status = reply->status;
  x->response = EXCHANGE_CLOSED;
  return actions | EXCHANGE_DO_REPLY;
}

static uint32_t answer_reason(struct exchange *x, enum exchange_reason reason) {
  const struct exchange_reason_row *row = exchange_reason_row(reason);
  struct exchange_reply reply = {row->status, row->flag,
                                 x->retries > 0 ? row->body_retried : row->body, row->details};
  if (x->response == EXCHANGE_BODY)
    reply.details = STR("upstream_reset_after_response_started{connection_termination}");
  return answer(x, &reply);
}

static uint32_t connect(struct exchange *x, int64_t now_ms) {
  x->try = EXCHANGE_TRY_CONNECTING;
  x->upstream_full = false;
  x->try_ms = now_ms;
  return EXCHANGE_DO_CONNECT;
}

// A delay comes before everything else: no timer of the route runs yet, nobody is picked, nothing
// is retried.
static uint32_t on_begin(struct exchange *x, const struct exchange_event *event) {
  x->reply = event->reply; // status 0: none
  if (event->delay_ms > 0) {
    x->flags |= EXCHANGE_DI;
    x->try = EXCHANGE_TRY_DELAY;
    x->delay_until_ms = event->now_ms + event->delay_ms;
    return 0;
  }
  return event->kind == EXCHANGE_ON_LOCAL ? answer(x, &event->reply) : connect(x, event->now_ms);
}

static uint32_t on_delay_over(struct exchange *x, int64_t now_ms) {
  const struct exchange_reply reply = x->reply;
  x->try = EXCHANGE_TRY_NONE;
  x->active_ms = now_ms;
  if (x->request == EXCHANGE_CLOSED)
    x->request_end_ms = now_ms; // the route's timeout begins here
  return reply.status ? answer(x, &reply) : connect(x, now_ms);
}

static bool can_replay(const struct exchange *x) {
  return x->response == EXCHANGE_HEAD && !x->copy_lost && !x->interim_forwarded;
}

// Begins another try by policy and returns true, or notes why not.
static bool retry(struct exchange *x, const struct retry_event *what,
                  const struct exchange_event *event, uint32_t *actions) {
  if (!can_replay(x) || !x->policy.retry)
    return false;
  switch (retry_decide(x->policy.retry, x->retries, what)) {
  case RETRY_NO: x->retry_success = x->retries > 0; return false;
  case RETRY_LIMIT_EXCEEDED:
    x->flags |= EXCHANGE_URX;
    x->retry_limit = true;
    return false;
  case RETRY_YES: break;
  }
  if (x->policy.take_retry && !x->policy.take_retry(x->policy.ctx)) {
    x->flags |= EXCHANGE_UO;
    x->retry_overflow = true;
    return false;
  }
  *actions |= drop_try(x);
  x->fresh = false; // another try, perhaps elsewhere
  x->retries++;
  x->try = EXCHANGE_TRY_BACKOFF;
  x->backoff_until_ms = event->now_ms + retry_backoff_ms(x->policy.retry, x->retries, event->rnd);
  if (x->backoff_until_ms <= event->now_ms)
    *actions |= connect(x, event->now_ms);
  return true;
}

static uint32_t on_connect_failed(struct exchange *x, const struct exchange_event *event) {
  if (x->try != EXCHANGE_TRY_CONNECTING)
    return 0;
  x->try = EXCHANGE_TRY_NONE; // the connection is gone already
  if (!x->fresh)
    x->tries++;
  if (event->reason == EXCHANGE_REASON_OVERFLOW) // more of the same would not help
    return answer_reason(x, event->reason);
  struct retry_event what = {.kind = RETRY_EVENT_CONNECT_FAILURE, .grpc_status = -1};
  uint32_t actions = 0;
  return retry(x, &what, event, &actions) ? actions : answer_reason(x, event->reason);
}

static uint32_t on_connected(struct exchange *x, const struct exchange_event *event) {
  if (x->try != EXCHANGE_TRY_CONNECTING)
    return 0;
  // A try that replaces one on a dead connection is the same try.
  if (!x->fresh)
    x->tries++;
  x->fresh = false;
  x->try = EXCHANGE_TRY_OPEN;
  x->try_ms = event->now_ms;
  x->reused = event->reused;
  return EXCHANGE_DO_SEND_HEAD;
}

static uint32_t on_upstream_reset(struct exchange *x, const struct exchange_event *event) {
  if (x->try != EXCHANGE_TRY_OPEN)
    return 0;
  x->try = EXCHANGE_TRY_NONE;
  if (x->response != EXCHANGE_HEAD)
    return answer_reason(x, event->reason);
  // The other side closed a kept connection while we took it up: not the user's error. Nor is what
  // is left on it of the answer before, which its sender did not frame rightly.
  bool left_over = event->reason == EXCHANGE_REASON_PROTOCOL && x->policy.is_idempotent;
  bool stale =
      x->reused &&
      (left_over || (!event->response_started && event->reason != EXCHANGE_REASON_PROTOCOL));
  if (stale && can_replay(x) && (x->policy.is_idempotent || !event->request_started)) {
    x->fresh = true;
    return connect(x, event->now_ms);
  }
  struct retry_event what = {
      .kind = RETRY_EVENT_RESET, .grpc_status = -1, .request_started = event->request_started};
  uint32_t actions = 0;
  return retry(x, &what, event, &actions) ? actions : answer_reason(x, event->reason);
}

static uint32_t on_response_head(struct exchange *x, const struct exchange_event *event) {
  if (x->try != EXCHANGE_TRY_OPEN || x->response != EXCHANGE_HEAD)
    return 0;
  struct retry_event what = {.kind = RETRY_EVENT_RESPONSE,
                             .status = event->status,
                             .grpc_status = event->grpc_status,
                             .is_ratelimited = event->is_ratelimited,
                             .is_retriable = event->is_retriable};
  uint32_t actions = 0;
  if (retry(x, &what, event, &actions))
    return actions;
  x->response = EXCHANGE_BODY;
  x->status = event->status;
  x->details = STR("via_upstream");
  if (event->status == 101 && x->policy.may_tunnel) {
    x->tunnel = true;
    x->request = EXCHANGE_BODY; // what the client says from now on
    x->request_end_ms = 0;      // a tunnel has no end that a route's timeout could mean
  }
  // The rest of an upload may still be on its way when the response is over: no further request can
  // be told from it.
  if (x->request != EXCHANGE_CLOSED)
    x->cut = true;
  return EXCHANGE_DO_SEND_RESPONSE;
}

static uint32_t on_response_end(struct exchange *x) {
  if (x->try != EXCHANGE_TRY_OPEN || x->response != EXCHANGE_BODY)
    return 0;
  x->response = EXCHANGE_CLOSED;
  if (x->request != EXCHANGE_CLOSED)
    return drop_try(x) | EXCHANGE_DO_END_RESPONSE;
  x->try = EXCHANGE_TRY_NONE;
  return EXCHANGE_DO_END_RESPONSE | EXCHANGE_DO_RELEASE_UPSTREAM;
}

// Both sides are told in an orderly way: what was sent stays whole.
static uint32_t on_stream_drained(struct exchange *x) {
  if (x->response != EXCHANGE_BODY)
    return 0;
  x->flags |= EXCHANGE_DT;
  x->details = STR("stream_drained");
  x->response = EXCHANGE_CLOSED;
  return drop_try(x) | EXCHANGE_DO_END_RESPONSE;
}

static uint32_t on_request_end(struct exchange *x, int64_t now_ms) {
  if (x->request != EXCHANGE_BODY)
    return 0;
  x->request = EXCHANGE_CLOSED;
  if (x->tunnel && x->response == EXCHANGE_BODY) { // one side ends both
    x->response = EXCHANGE_CLOSED;
    return drop_try(x) | EXCHANGE_DO_END_RESPONSE;
  }
  x->request_end_ms = now_ms;
  return x->try == EXCHANGE_TRY_OPEN ? EXCHANGE_DO_END_REQUEST : 0;
}

static uint32_t on_client_gone(struct exchange *x) {
  x->flags |= EXCHANGE_DC;
  x->details = STR("downstream_remote_disconnect");
  x->cut = true;
  return finish(x);
}

static uint32_t on_idle(struct exchange *x) {
  bool complete = x->request == EXCHANGE_CLOSED;
  struct exchange_reply reply = {complete ? 504 : 408, EXCHANGE_SI, STR("stream timeout"),
                                 STR("stream_idle_timeout")};
  return answer(x, &reply);
}

static uint32_t answer_timeout(struct exchange *x, struct str details) {
  struct exchange_reply reply = {504, EXCHANGE_UT, STR("upstream request timeout"), details};
  if (x->policy.timeout_is_204) {
    reply.status = 204;
    reply.body = STR("");
  }
  return answer(x, &reply);
}

static uint32_t on_try_timeout(struct exchange *x, const struct exchange_event *event) {
  struct retry_event what = {.kind = RETRY_EVENT_PER_TRY_TIMEOUT, .grpc_status = -1};
  uint32_t actions = 0;
  x->timed_out = true;
  x->try_timeouts++;
  return retry(x, &what, event, &actions) ? actions
                                          : answer_timeout(x, STR("upstream_per_try_timeout"));
}

static uint32_t on_request_timeout(struct exchange *x) {
  static const struct exchange_reply reply = {408, 0, STR("request timeout"),
                                              STR("request_overall_timeout")};
  x->cut = true;
  return answer(x, &reply);
}

static bool is_due(int64_t when, int64_t now_ms) {
  return when != 0 && when <= now_ms;
}

static uint32_t on_timer(struct exchange *x, const struct exchange_event *event) {
  int64_t now = event->now_ms;
  if (x->try == EXCHANGE_TRY_DELAY)
    return x->delay_until_ms <= now ? on_delay_over(x, now) : 0;
  if (x->response == EXCHANGE_CLOSED) // only the last bytes wait for a client that does not read
    return is_due(exchange_idle_due(x), now) ? on_client_gone(x) : 0;
  if (is_due(exchange_route_due(x), now)) {
    x->timed_out = x->try == EXCHANGE_TRY_OPEN;
    return answer_timeout(x, STR("upstream_response_timeout"));
  }
  if (is_due(exchange_request_due(x), now))
    return on_request_timeout(x);
  if (is_due(exchange_try_due(x), now))
    return on_try_timeout(x, event);
  if (x->try == EXCHANGE_TRY_BACKOFF && x->backoff_until_ms <= now)
    return connect(x, now);
  return is_due(exchange_idle_due(x), now) ? on_idle(x) : 0;
}

// The first try gets the body as it comes; in a pause nobody does, so nobody ever would.
static uint32_t on_copy_lost(struct exchange *x) {
  static const struct exchange_reply reply = {
      507, 0, STR("exceeded request buffer limit while retrying upstream"),
      STR("request_payload_exceeded_retry_buffer_limit")};
  // Nobody has any of it yet: the client waits until the connection that comes takes what is held.
  if (x->try == EXCHANGE_TRY_CONNECTING || x->try == EXCHANGE_TRY_DELAY) {
    x->upstream_full = true;
    return 0;
  }
  x->copy_lost = true;
  if (x->try != EXCHANGE_TRY_BACKOFF)
    return 0;
  x->cut = true;
  return answer(x, &reply);
}

static uint32_t on_request_fault(struct exchange *x, const struct exchange_reply *reply) {
  x->cut = true;
  if (x->response == EXCHANGE_CLOSED) // only what is on its way to the client goes on
    return 0;
  return answer(x, reply);
}

uint32_t exchange_step(struct exchange *x, const struct exchange_event *event) {
  if (x->finished)
    return 0;
  if (event->kind != EXCHANGE_ON_TIMER)
    x->active_ms = event->now_ms;
  switch (event->kind) {
  case EXCHANGE_ON_BEGIN:
  case EXCHANGE_ON_LOCAL: return on_begin(x, event);
  case EXCHANGE_ON_REQUEST_BODY:
    return x->try == EXCHANGE_TRY_OPEN && x->response != EXCHANGE_CLOSED
               ? EXCHANGE_DO_FORWARD_REQUEST
               : 0;
  case EXCHANGE_ON_REQUEST_END: return on_request_end(x, event->now_ms);
  case EXCHANGE_ON_REQUEST_FAULT: return on_request_fault(x, &event->reply);
  case EXCHANGE_ON_CLIENT_GONE: return on_client_gone(x);
  case EXCHANGE_ON_CLIENT_FULL: x->client_full = true; return 0;
  case EXCHANGE_ON_CLIENT_READY: x->client_full = false; return 0;
  case EXCHANGE_ON_CLIENT_DRAINED:
    x->client_full = false;
    return x->response == EXCHANGE_CLOSED ? finish(x) : 0;
  case EXCHANGE_ON_CONNECTED: return on_connected(x, event);
  case EXCHANGE_ON_NO_ENDPOINT: x->try = EXCHANGE_TRY_NONE; return answer(x, &event->reply);
  case EXCHANGE_ON_CONNECT_FAILED: return on_connect_failed(x, event);
  case EXCHANGE_ON_UPSTREAM_FULL: x->upstream_full = true; return 0;
  case EXCHANGE_ON_UPSTREAM_READY: x->upstream_full = false; return 0;
  case EXCHANGE_ON_COPY_LOST: return on_copy_lost(x);
  case EXCHANGE_ON_INTERIM:
    if (x->try != EXCHANGE_TRY_OPEN || x->response != EXCHANGE_HEAD)
      return 0;
    x->interim_forwarded = true;
    return EXCHANGE_DO_FORWARD_INTERIM;
  case EXCHANGE_ON_RESPONSE_HEAD: return on_response_head(x, event);
  case EXCHANGE_ON_RESPONSE_BODY:
    return x->response == EXCHANGE_BODY ? EXCHANGE_DO_FORWARD_RESPONSE : 0;
  case EXCHANGE_ON_RESPONSE_END: return on_response_end(x);
  case EXCHANGE_ON_UPSTREAM_RESET: return on_upstream_reset(x, event);
  case EXCHANGE_ON_STREAM_DRAINED: return on_stream_drained(x);
  case EXCHANGE_ON_TIMER: return on_timer(x, event);
  }
  return 0;
}

bool exchange_is_delayed(const struct exchange *x) {
  return x->try == EXCHANGE_TRY_DELAY;
}

bool exchange_wants_request(const struct exchange *x) {
  return x->request == EXCHANGE_BODY && !x->upstream_full && x->response != EXCHANGE_CLOSED;
}

bool exchange_wants_response(const struct exchange *x) {
  return x->try == EXCHANGE_TRY_OPEN && !x->client_full;
}

bool exchange_keeps_request(const struct exchange *x) {
  if (x->finished || !can_replay(x))
    return false;
  if (x->try != EXCHANGE_TRY_OPEN) // what comes waits for a connection
    return true;
  return x->reused || (x->policy.retry && x->retries < x->policy.retry->attempts);
}
