// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange_send.h"

#include "manifests/base/bug.h"
#include "proxy/connection.h"
#include "proxy/exchange_filters.h"
#include "proxy/exchange_run.h"
#include "proxy/head_rules.h"
#include "proxy/host.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

// Decimal text at the end of out[0..room); no formatting machinery on this path.
static struct str number_text(char *out, size_t room, int64_t value) {
  uint64_t rest = value < 0 ? 0 : (uint64_t)value;
  size_t at = room;
  do
    out[--at] = (char)('0' + rest % 10);
  while ((rest /= 10) > 0 && at > 0);
  return (struct str){out + at, room - at};
}

struct str exchange_send_uuid(struct exchange_run *run, char *out) {
  static const unsigned char ends[] = {8, 12, 16, 20, 32}; // of the groups: 8-4-4-4-12
  char digits[32];
  str_put_hex(digits, (rng_next(&run->worker->rng) & ~UINT64_C(0xf000)) | 0x4000); // version 4
  str_put_hex(digits + 16, rng_next(&run->worker->rng) >> 2 | UINT64_C(1) << 63);  // variant 1
  size_t from = 0, at = 0;
  for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
    memcpy(out + at, digits + from, ends[i] - from);
    at += ends[i] - from;
    from = ends[i];
    if (from < sizeof digits)
      out[at++] = '-';
  }
  return (struct str){out, at};
}

// The client's address without its port; the text lives as long as the request.
static struct str peer_ip(struct exchange_run *run) {
  struct str text = connection_peer_text(run->connection, run->peer_text), name;
  uint16_t port;
  host_split(text, &name, &port);
  return name;
}

static void start_trace(struct exchange_run *run) {
  struct rng *rng = &run->worker->rng;
  enum trace_mode mode = run->worker->settings.tracing;
  if (mode == TRACE_OFF || trace_context_is_there(&run->request))
    return;
  const uint64_t random[TRACE_RANDOM] = {rng_next(rng), rng_next(rng), rng_next(rng)};
  trace_context_start(&run->request, mode, random, run->trace_text);
}

// What every request gets, whoever answers it: once.
void exchange_send_identify(struct exchange_run *run) {
  bool is_gateway = run->is_gateway;
  if (run->prepared)
    return;
  run->prepared = true;
  struct head_rules_request rules = {.is_gateway = is_gateway};
  if (is_gateway)
    rules.peer = peer_ip(run);
  const struct head_field *id = head_find(&run->request, HEAD_X_REQUEST_ID);
  if (is_gateway || !id || id->value.len == 0)
    rules.new_id = exchange_send_uuid(run, run->id_text);
  head_rules_request(&run->request, &rules);
}

static void prepare_request(struct exchange_run *run) {
  exchange_send_identify(run);
  start_trace(run);
  const struct table_header_ops *ops[2];
  size_t count = route_header_ops(&run->decision, false, ops);
  for (size_t i = 0; i < count; i++)
    exchange_filters_apply(run, &run->request, ops[i]);
}

// The path and the Host as the route rewrites them; the request itself keeps those that came, for
// the log and for further tries. What is added to the head is valid until the worker's next request
// is written.
static void rewrite_target(struct exchange_run *run, struct http1_write_options *options) {
  struct head *head = &run->request;
  struct str authority = route_authority(&run->decision);
  if (authority.len > 0)
    options->authority = authority;
  if (!route_has_rewrite(&run->decision))
    return;
  const struct route_request request = {.path = head->path, .query = head->query};
  struct str original;
  route_rewrite(&run->decision, &request, &run->worker->router, &options->path, &original);
  head_remove_name(head, STR("x-envoy-original-path"));
  (void)head_add_name(head, STR("x-envoy-original-path"), original);
}

static struct str expected_timeout(struct exchange_run *run) {
  int64_t budget = exchange_try_budget(&run->exchange, worker_now_ms(run->worker));
  return budget > 0 ? number_text(run->timeout_text, sizeof(run->timeout_text), budget) : STR_NULL;
}

// What a gRPC backend has for this try, where the route has a timeout.
static void set_grpc_timeout(struct exchange_run *run, struct str budget) {
  if (!run->is_grpc || run->decision.timeout_ms == 0 || budget.len == 0)
    return;
  int len =
      snprintf(run->grpc_timeout_text, sizeof(run->grpc_timeout_text), "%.*sm", STR_ARG(budget));
  struct str name = STR("grpc-timeout"), value = {run->grpc_timeout_text, (size_t)len};
  head_remove_name(&run->request, name);
  if (budget.len <= 8) // more digits are not allowed
    (void)head_add_name(&run->request, name, value);
}

bool exchange_send_next_kept(const struct exchange_run *run, struct exchange_kept *at,
                             struct str *ret_piece) {
  const struct connection_work *work = run->connection->work;
  if (!at->begun && work->kept > 0) {
    at->begun = true;
    *ret_piece = (struct str){work->block + work->head_end, work->kept};
    return true;
  }
  at->begun = true;
  return body_copy_next(&work->copy, &at->block, ret_piece);
}

static void send_kept(struct exchange_run *run) {
  struct upstream *upstream = run->upstream;
  struct exchange_kept at = {0};
  struct str piece;
  while (!upstream->write_failed && exchange_send_next_kept(run, &at, &piece)) {
    if (http1_body_add(&upstream->body, piece) != 0)
      upstream->write_failed = true;
  }
}

static enum http1_framing request_framing(struct head *head) {
  if (head->length == HEAD_LENGTH_UNKNOWN)
    return HTTP1_CHUNKED;
  return head->length > 0 || head_find(head, HEAD_CONTENT_LENGTH) ? HTTP1_LENGTH : HTTP1_NO_BODY;
}

void exchange_send_request(struct exchange_run *run) {
  struct upstream *upstream = run->upstream;
  struct head *head = &run->request;
  bool first = !run->prepared;
  if (first)
    prepare_request(run);
  struct str budget = expected_timeout(run);
  head_rules_try(
      head, number_text(run->attempt_text, sizeof(run->attempt_text), run->exchange.tries), budget);
  set_grpc_timeout(run, budget);
  struct http1_write_options options = {.framing = request_framing(head), .upgrade = run->upgrade};
  rewrite_target(run, &options);
  char *text = run->worker->request_text;
  size_t len = http1_write_request(text, HTTP1_HEAD_ROOM, head, &options);
  pump_add(&upstream->out, text, len);
  http1_body_init(&upstream->body, &upstream->out, options.framing == HTTP1_CHUNKED);
  http1_decoder_start(&upstream->decoder, &upstream->head, head->is_head);
  upstream->at = upstream->len = 0;
  run->sent_ns = uv_hrtime();
  if (len == 0) // configured headers beyond all measure: the try ends as if nobody were there
    (void)shutdown(upstream->out.fd, SHUT_RDWR);
  if (run->worker->access_log)
    memcpy(run->upstream_local, upstream_local_text(upstream).ptr, sizeof(run->upstream_local));
  send_kept(run);
  if (first)
    exchange_filters_sent(run, &options);
  if (run->exchange.request == EXCHANGE_CLOSED)
    exchange_send_request_end(run);
}

// Ends a body, with trailers where there are some. They are written where the head of this turn
// was, which goes first therefore.
static void end_body(struct http1_body *body, const struct head_trailers *trailers, char *text) {
  struct str last = STR_NULL;
  if (trailers && body->chunked) {
    http1_body_close_chunk(body);
    (void)pump_flush(body->pump); // what fails here fails again in the flush that ends this turn
    last = (struct str){text, http1_write_trailers(text, HTTP1_HEAD_ROOM, trailers)};
  }
  http1_body_end(body, last);
}

void exchange_send_request_end(struct exchange_run *run) {
  end_body(&run->upstream->body, http1_decoder_trailers(&run->connection->work->decoder),
           run->worker->request_text);
}

// Whether all that is missing of the request was read already, so that the next one can be told
// from it whatever the answer is.
static bool request_is_at_hand(const struct exchange_run *run) {
  const struct connection_work *work = run->connection->work;
  if (run->exchange.request == EXCHANGE_CLOSED)
    return true;
  return run->request.length >= 0 && work->decoder.frame.left <= work->len - work->at;
}

// What becomes of the connection is decided with the head: later is too late to say so.
static bool closes_after(struct exchange_run *run) {
  struct connection *connection = run->connection;
  if (run->worker->draining && !connection->close)
    stats_add(&run->worker->stats->downstream_cx_drain_close, 1);
  const atomic_bool *hint = run->worker->settings.close_hint;
  connection->close |= run->exchange.cut || run->worker->draining || connection->eof ||
                       !run->request.keep_alive || !request_is_at_hand(run) ||
                       (hint && atomic_load_explicit(hint, memory_order_relaxed));
  return connection->close;
}

static void write_head(struct exchange_run *run, const struct head *head,
                       enum http1_framing framing) {
  struct connection *connection = run->connection;
  if (framing == HTTP1_UNTIL_EOF) {
    connection->close = true;
    run->cut_hard = true;
  }
  bool close = closes_after(run);
  struct http1_write_options options = {.framing = framing,
                                        .close = close,
                                        .keep = run->request.minor == 0 && !close,
                                        .upgrade = run->exchange.tunnel};
  struct pump *out = &connection->work->out;
  if (out->count > 0) // an interim head of this turn uses the same memory
    (void)pump_flush(out);
  char *text = run->worker->response_text;
  size_t len = http1_write_response(text, HTTP1_HEAD_ROOM, head, &options);
  if (len == 0)
    (void)shutdown(connection->fd, SHUT_RDWR);
  pump_add(out, text, len);
  http1_body_init(&connection->work->body, out, framing == HTTP1_CHUNKED);
}

void exchange_send_interim(struct exchange_run *run) {
  struct pump *out = &run->connection->work->out;
  struct http1_write_options options = {.framing = HTTP1_NO_BODY};
  char *text = run->worker->response_text;
  size_t len = http1_write_response(text, HTTP1_HEAD_ROOM, &run->upstream->head, &options);
  pump_add(out, text, len);
  (void)pump_flush(out);
}

static enum http1_framing response_framing(const struct exchange_run *run,
                                           const struct head *head) {
  if (run->request.is_head || head->status == 304)
    return head->length >= 0 ? HTTP1_LENGTH : HTTP1_NO_BODY;
  if (head->status == 204 || head->status == 101)
    return HTTP1_NO_BODY;
  if (head->length >= 0)
    return HTTP1_LENGTH;
  return run->request.minor == 1 ? HTTP1_CHUNKED : HTTP1_UNTIL_EOF;
}

static void apply_response_rules(struct exchange_run *run, struct head *head,
                                 struct str service_time) {
  struct head_rules_response rules = {
      .server = table_persona_server(run->is_gateway ? TABLE_GATEWAY : TABLE_MESH),
      .date = worker_date(run->worker),
      .service_time = service_time};
  head_rules_response(head, &rules);
  const struct table_header_ops *ops[2];
  size_t count = route_header_ops(&run->decision, true, ops);
  for (size_t i = 0; i < count; i++)
    exchange_filters_apply(run, head, ops[i]);
  exchange_filters_response(run, head);
}

// Whether it has no end of its own. Looked at only where the length of the body is not known.
static bool is_stream(struct exchange_run *run, struct head *head) {
  static const struct str types[] = {STR("text/event-stream"), STR("application/grpc"),
                                     STR("application/x-ndjson"), STR("multipart/x-mixed-replace")};
  if (run->exchange.tunnel)
    return true;
  const struct head_field *type = head_find(head, HEAD_CONTENT_TYPE);
  for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++) {
    if (type->value.len >= types[i].len &&
        str_eq_nocase(str_slice(type->value, 0, types[i].len), types[i]))
      return true;
  }
  return false;
}

void exchange_send_response(struct exchange_run *run) {
  struct head *head = &run->upstream->head;
  run->service_ms = (uv_hrtime() - run->sent_ns) / 1000000;
  run->has_service_ms = true;
  apply_response_rules(
      run, head,
      number_text(run->service_text, sizeof(run->service_text), (int64_t)run->service_ms));
  struct buf cookie;
  buf_init(&cookie, HEAD_BYTES_MAX);
  if (run->key.cookie)
    balance_set_cookie(run, head, &cookie);
  // No byte of a body belongs to these, whatever the backend sends behind them.
  enum http1_framing framing = response_framing(run, head);
  write_head(run, head, framing);
  buf_dispose(&cookie);
  if (head->length < 0 && is_stream(run, head))
    worker_sweep_add(run);
  if (run->exchange.tunnel) {
    run->request_ws = run->response_ws = (struct ws_frames){0};
    run->upstream->raw = true;
    run->connection->work->request_complete = false;
  }
}

void exchange_send_response_end(struct exchange_run *run) {
  // An answer that came before the end of the request has lost its connection already.
  const struct head_trailers *trailers =
      run->upstream ? http1_decoder_trailers(&run->upstream->decoder) : NULL;
  const struct head_field *grpc = head_trailers_find(trailers, STR("grpc-status"));
  int64_t code;
  if (grpc && str_to_i64(grpc->value, &code) && code >= 0 && code <= 99)
    run->grpc_status = (int16_t)code;
  if (!head_takes_trailers(&run->request))
    trailers = NULL;
  end_body(&run->connection->work->body, trailers, run->worker->response_text);
}

void exchange_send_reply(struct exchange_run *run) {
  const struct exchange_reply *reply = &run->exchange.reply;
  struct head head;
  struct buf location;
  exchange_send_identify(run); // those that fail are looked for by their id
  head_init(&head);
  head.status = reply->status;
  head.length = (int64_t)reply->body.len;
  buf_init(&location, HEAD_BYTES_MAX);
  if (run->decision.kind == ROUTE_REDIRECT && reply->status == run->decision.reply.status) {
    bool https = str_eq_nocase(exchange_run_scheme(run), STR("https")); // nothing else a peer says
    struct route_request request = {.listener_port = run->connection->port,
                                    .authority = run->request.authority,
                                    .method = run->request.method,
                                    .scheme = https ? STR("https") : STR("http"),
                                    .path = run->request.path,
                                    .query = run->request.query};
    if (route_location(&run->decision, &request, &location) == 0)
      (void)head_add_name(&head, STR("location"), buf_str(&location));
  }
  if (reply->flags & EXCHANGE_UO)
    (void)head_add_name(&head, STR("x-envoy-overloaded"), STR("true"));
  struct str body = exchange_filters_grpc(run, &head, &location) ? STR_NULL : reply->body;
  apply_response_rules(run, &head, STR_NULL);
  if (head.length > 0 && !head_find(&head, HEAD_CONTENT_TYPE)) // the route may have its own
    head_add(&head, HEAD_CONTENT_TYPE, STR("text/plain"));
  bool empty = reply->status == 204 || reply->status == 304;
  write_head(run, &head, empty ? HTTP1_NO_BODY : HTTP1_LENGTH);
  if (!run->request.is_head && !empty) {
    run->response_body_bytes = body.len;
    pump_add(&run->connection->work->out, body.ptr, body.len);
  }
  buf_dispose(&location);
  head_dispose(&head);
}
