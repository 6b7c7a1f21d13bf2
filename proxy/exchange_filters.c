// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange_filters.h"

#include "manifests/base/clock.h"
#include "proxy/connection.h"
#include "proxy/exchange_run.h"
#include "proxy/exchange_send.h"
#include "proxy/fault.h"
#include "proxy/head_rules.h"
#include "proxy/header_format.h"
#include "proxy/mirror.h"
#include "proxy/socket_text.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

// The request ends here with this answer, whatever the route says.
static void answer_here(struct exchange_run *run, struct exchange_event *event,
                        const struct exchange_reply *reply) {
  event->kind = EXCHANGE_ON_LOCAL;
  event->reply = *reply;
  run->decision.kind = ROUTE_REPLY; // nothing is counted for the cluster
}

static bool begin_fault(struct exchange_run *run, const struct table_fault *fault,
                        struct exchange_event *event) {
  struct stats *stats = run->worker->stats;
  struct fault_verdict verdict;
  fault_decide(fault, rng_next(&run->worker->rng), rng_next(&run->worker->rng), &verdict);
  event->delay_ms = verdict.delay_ms;
  if (verdict.delay_ms > 0)
    stats_add(&stats->fault_delays_injected, 1);
  if (verdict.is_aborted) {
    stats_add(&stats->fault_aborts_injected, 1);
    answer_here(run, event, &verdict.reply);
  }
  run->has_fault = verdict.delay_ms > 0 || verdict.is_aborted;
  stats_add(&stats->fault_active_faults, run->has_fault);
  return verdict.is_aborted;
}

static void begin_cors(struct exchange_run *run, const struct table_cors *cors,
                       struct exchange_event *event) {
  static const struct exchange_reply preflight = {200, 0, STR_NULL, STR("cors_response")};
  struct stats *stats = run->worker->stats;
  run->cors_kind = cors_check(cors, &run->request, &run->worker->router.regex, &run->cors);
  if (run->cors_kind == CORS_ALLOWED || run->cors_kind == CORS_PREFLIGHT)
    stats_add(&stats->cors_origin_valid, 1);
  else if (run->cors_kind != CORS_NONE)
    stats_add(&stats->cors_origin_invalid, 1);
  if (cors_is_answered(run->cors_kind))
    answer_here(run, event, &preflight);
}

void exchange_filters_begin(struct exchange_run *run, struct exchange_event *event) {
  const struct table_route *route = run->decision.route;
  if (!route || !route->filters)
    return;
  bool aborted = route->filters->fault && begin_fault(run, route->filters->fault, event);
  if (route->filters->cors && !aborted)
    begin_cors(run, route->filters->cors, event);
}

void exchange_filters_response(struct exchange_run *run, struct head *head) {
  if (run->cors_kind != CORS_NONE)
    cors_respond(run->decision.route->filters->cors, run->cors_kind, &run->cors, head);
}

void exchange_filters_end(struct exchange_run *run) {
  if (run->has_fault)
    stats_add(&run->worker->stats->fault_active_faults, (uint64_t)-1);
  if (run->mirrors)
    mirror_detach(run);
  if (run->scratch)
    worker_block_put(run->worker, run->scratch);
  run->scratch = NULL;
}

void exchange_filters_sent(struct exchange_run *run, const struct http1_write_options *options) {
  const struct table_route *route = run->decision.route;
  if (!route || !route->filters || route->filters->mirror_count == 0)
    return;
  mirror_begin(run, options);
  struct exchange_kept at = {0};
  struct str piece;
  while (exchange_send_next_kept(run, &at, &piece))
    mirror_body(run->mirrors, piece);
  if (run->exchange.request == EXCHANGE_CLOSED)
    mirror_end(run->mirrors);
}

static struct str without_port(struct str address) {
  size_t at = address.len;
  while (at > 0 && address.ptr[at - 1] != ':')
    at--;
  if (at == 0)
    return address;
  bool bracketed = address.ptr[0] == '[';
  return str_slice(address, bracketed, at - 1 - bracketed);
}

static struct str number(char *out, long long value) {
  int len = snprintf(out, HEADER_TEXT_ROOM, "%lld", value);
  return (struct str){out, len > 0 ? (size_t)len : 0};
}

static struct str format_address(struct exchange_run *run, enum header_command command, char *out) {
  bool local = command == HEADER_TEXT_LOCAL_ADDRESS || command == HEADER_TEXT_LOCAL_IP ||
               command == HEADER_TEXT_LOCAL_PORT;
  struct str address = local ? socket_text_local(run->connection->fd, out)
                             : connection_peer_text(run->connection, out);
  if (command == HEADER_TEXT_LOCAL_PORT)
    return number(out, run->connection->port);
  if (command == HEADER_TEXT_REMOTE_IP || command == HEADER_TEXT_DIRECT_REMOTE_IP ||
      command == HEADER_TEXT_LOCAL_IP)
    return without_port(address);
  return address;
}

static struct str format_text(void *ctx, enum header_command command, char *out) {
  struct exchange_run *run = ctx;
  const struct head_field *id;
  switch ((unsigned)command) {
  case HEADER_TEXT_PROTOCOL: return run->request.minor == 0 ? STR("HTTP/1.0") : STR("HTTP/1.1");
  case HEADER_TEXT_HOSTNAME: return gethostname(out, HEADER_TEXT_ROOM) == 0 ? str_of(out) : STR("");
  case HEADER_TEXT_UPSTREAM_HOST: return run->endpoint ? run->endpoint->key : STR("");
  case HEADER_TEXT_UPSTREAM_CLUSTER:
    return run->decision.cluster ? run->decision.cluster->id : STR("");
  case HEADER_TEXT_RESPONSE_CODE: return number(out, run->exchange.status);
  case HEADER_TEXT_RESPONSE_FLAGS: return exchange_flags_text(run->exchange.flags, out);
  case HEADER_TEXT_RESPONSE_DETAILS: return run->exchange.details;
  case HEADER_TEXT_ROUTE_NAME:
    return str_eq(run->decision.route_name, STR("-")) ? STR("") : run->decision.route_name;
  case HEADER_TEXT_UNIQUE_ID: return exchange_send_uuid(run, out);
  case HEADER_TEXT_STREAM_ID:
    id = head_find(&run->request, HEAD_X_REQUEST_ID);
    return id ? id->value : STR("");
  case HEADER_TEXT_DURATION:
    return run->exchange.status ? number(out, (long long)((uv_hrtime() - run->start_ns) / 1000000))
                                : STR("");
  default: return format_address(run, command, out);
  }
}

#define VALUES_MAX HEAD_FIELDS_ROOM

// Computes one value behind those of this request; "" when there is no room for it.
static struct str compute(struct exchange_run *run, const struct header_format *format,
                          struct header_format_view *view) {
  if (!run->scratch) {
    run->scratch = worker_block_get(run->worker);
    run->scratch_len = 0;
  }
  if (header_format_needs_time(format) && view->start_ms == 0)
    view->start_ms = clock_wall_ms() - (int64_t)((uv_hrtime() - run->start_ns) / 1000000);
  char *at = run->scratch + run->scratch_len;
  size_t len = header_format_write(format, view, at, WORKER_BLOCK - run->scratch_len);
  if (len == SIZE_MAX)
    return STR("");
  run->scratch_len += len;
  return (struct str){at, len};
}

static void apply_computed(struct exchange_run *run, struct head *head,
                           const struct table_header_ops *ops) {
  struct str values[VALUES_MAX];
  if (ops->format_count > VALUES_MAX) // no table has that many: a head has no room for them
    return;
  const struct head_field *proto = head_find(&run->request, HEAD_X_FORWARDED_PROTO);
  struct header_format_view view = {.request = &run->request,
                                    .response = head == &run->request ? NULL : head,
                                    .scheme = proto ? proto->value : STR("http"),
                                    .text = format_text,
                                    .ctx = run};
  size_t count = 0;
  for (size_t i = 0; i < ops->set_count; i++) {
    if (ops->set[i].format)
      values[count++] = compute(run, ops->set[i].format, &view);
  }
  for (size_t i = 0; i < ops->add_count; i++) {
    if (ops->add[i].format)
      values[count++] = compute(run, ops->add[i].format, &view);
  }
  head_rules_apply(head, ops, values);
}

void exchange_filters_apply(struct exchange_run *run, struct head *head,
                            const struct table_header_ops *ops) {
  if (ops->format_count == 0)
    head_rules_apply(head, ops, NULL);
  else
    apply_computed(run, head, ops);
}

// gRPC statuses of HTTP statuses, as the gRPC protocol maps them.
static int grpc_of(int status) {
  switch (status) {
  case 400: return 13;
  case 401: return 16;
  case 403: return 7;
  case 404: return 12;
  case 429:
  case 502:
  case 503:
  case 504: return 14;
  default: return status == 200 ? 0 : 2;
  }
}

static void add_message(struct head *head, struct str body, struct buf *text) {
  for (size_t i = 0; i < body.len && i < 1024; i++) {
    unsigned char c = (unsigned char)body.ptr[i];
    if (c < 0x20 || c > 0x7e || c == '%')
      (void)buf_addf(text, "%%%02X", c);
    else
      (void)buf_add_char(text, (char)c);
  }
  if (text->len > 0)
    (void)head_add_name(head, STR("grpc-message"), buf_str(text));
}

bool exchange_filters_grpc(struct exchange_run *run, struct head *head, struct buf *text) {
  static const char digits[] = "0001020304050607080910111213141516";
  const struct exchange_reply *reply = &run->exchange.reply;
  const struct table_route *route = run->decision.route;
  int status = -1;
  if ((reply->flags & EXCHANGE_FI) && route->filters->fault->abort_grpc >= 0)
    status = route->filters->fault->abort_grpc;
  else if (run->is_grpc && run->decision.kind != ROUTE_REDIRECT)
    status = grpc_of(reply->status);
  if (status < 0 || status > 16)
    return false;
  run->grpc_status = (int16_t)status;
  run->exchange.status = head->status = 200;
  head->length = 0;
  head_set(head, HEAD_CONTENT_TYPE, STR("application/grpc"));
  const char *at = digits + 2 * (size_t)status + (status < 10);
  head_add(head, HEAD_GRPC_STATUS, (struct str){at, status < 10 ? 1 : 2});
  add_message(head, reply->body, text);
  return true;
}
