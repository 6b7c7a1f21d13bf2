// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "proxy/connection_end.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static void on_event(uv_poll_t *handle, int status, int events);

void connection_enter(struct connection *c, enum connection_state state) {
  c->state = state;
  c->timer.due_ms = 0; // each state has its own deadline
}

static int wanted_events(const struct connection *c) {
  int events = pump_kept(&c->out) > 0 ? UV_WRITABLE : 0;
  if (c->eof)
    return events;
  switch (c->state) {
  case CONNECTION_IDLE:
  case CONNECTION_HEAD:
  case CONNECTION_LINGER: return events | UV_READABLE;
  case CONNECTION_BUSY:
    // With the request complete one more read notices the end of the connection or holds the next
    // request; more than that waits in the kernel.
    if (c->request_complete ? c->at == c->len
                            : c->len < WORKER_BLOCK && exchange_wants_request(&c->run.exchange))
      events |= UV_READABLE;
    return events;
  case CONNECTION_CLOSED: return 0;
  }
  return 0;
}

static uint64_t due_ms(const struct connection *c) {
  const struct worker_limits *limits = c->worker->settings.limits;
  int64_t after = 0, now = worker_now_ms(c->worker);
  switch (c->state) {
  case CONNECTION_IDLE:
    after = c->worker->draining ? limits->drain_idle_ms : limits->idle_timeout_ms;
    break;
  case CONNECTION_HEAD: after = limits->header_timeout_ms; break;
  case CONNECTION_LINGER: after = limits->linger_ms; break;
  case CONNECTION_BUSY: return (uint64_t)exchange_deadline(&c->run.exchange);
  case CONNECTION_CLOSED: return 0;
  }
  // Heads and farewells are counted from their beginning: a further byte is no new chance.
  if (c->state != CONNECTION_IDLE && c->timer.due_ms != 0)
    return c->timer.due_ms;
  return (uint64_t)(now + after);
}

static void update_poll(struct connection *c) {
  int events = wanted_events(c);
  if (events == c->polled)
    return;
  c->polled = events;
  if (events)
    (void)uv_poll_start(&c->poll, events, on_event);
  else
    (void)uv_poll_stop(&c->poll);
}

// Makes room behind the kept body for further bytes.
static void make_room(struct connection *c) {
  if (!c->run.active || c->request_complete)
    return;
  bool open = c->run.exchange.try == EXCHANGE_TRY_OPEN;
  bool keeps = exchange_run_keeps_request(&c->run);
  if (keeps && open && c->head_end + c->kept + 4096 > WORKER_BLOCK) {
    exchange_run_event(&c->run, EXCHANGE_ON_COPY_LOST);
    keeps = false;
  }
  if (!keeps && open)
    c->kept = 0; // all of it was written or is in the pump's own memory
  size_t to = c->head_end + c->kept;
  if (c->at > to) {
    memmove(c->block + to, c->block + c->at, c->len - c->at);
    c->len = to + (c->len - c->at);
    c->at = to;
  }
}

void connection_update(struct connection *c) {
  if (c->state == CONNECTION_CLOSED)
    return;
  make_room(c);
  worker_timer_set(&c->timer, due_ms(c));
  update_poll(c);
}

// Puts what is not decoded yet at the front, so that a head is always in one piece.
static void to_front(struct connection *c) {
  if (c->at > 0) {
    memmove(c->block, c->block + c->at, c->len - c->at);
    c->len -= c->at;
    c->at = 0;
  }
  c->head_end = c->kept = 0;
}

static void next_request(struct connection *c) {
  if (c->close || c->eof || !c->request_complete) {
    if (c->run.cut_hard && c->run.exchange.cut)
      connection_end_now(c, true);
    else if (c->run.exchange.status == 0 || (c->run.exchange.flags & EXCHANGE_DC))
      connection_end_now(c, false);
    else
      connection_end_linger(c);
    return;
  }
  connection_enter(c, CONNECTION_IDLE);
  c->request_complete = false;
  to_front(c);
  if (c->len == 0)
    connection_end_input(c);
  http1_decoder_start(&c->decoder, &c->run.request, false);
}

static void on_request_head(struct connection *c) {
  c->head_end = c->at;
  c->head_bytes = c->decoder.head_len;
  connection_enter(c, CONNECTION_BUSY);
  bool has_body = c->run.request.length != 0;
  c->request_complete = false;
  exchange_run_begin(&c->run, has_body);
}

// A piece of the body: kept behind the head while it may be needed again, and passed on.
static void on_request_body(struct connection *c, struct str piece) {
  if (exchange_run_keeps_request(&c->run)) {
    char *to = c->block + c->head_end + c->kept;
    if (to != piece.ptr)
      memmove(to, piece.ptr, piece.len);
    piece.ptr = to;
    c->kept += piece.len;
  }
  exchange_run_request_body(&c->run, piece);
}

// Decodes what was read until more is needed or an exchange has all of its request.
static void decode(struct connection *c) {
  while (c->state != CONNECTION_LINGER && c->state != CONNECTION_CLOSED && !c->request_complete) {
    size_t used;
    struct str piece;
    if (c->at == c->len && c->state != CONNECTION_BUSY)
      return;
    if (c->state == CONNECTION_BUSY && c->run.exchange.tunnel) {
      piece = (struct str){c->block + c->at, c->len - c->at};
      c->at = c->len;
      if (piece.len > 0)
        exchange_run_request_body(&c->run, piece);
      return;
    }
    enum http1_event event =
        http1_decode(&c->decoder, c->block + c->at, c->len - c->at, &used, &piece);
    c->at += used;
    switch (event) {
    case HTTP1_MORE:
      if (c->state == CONNECTION_IDLE && http1_decoder_is_started(&c->decoder)) {
        connection_enter(c, CONNECTION_HEAD);
        c->run.start_ns = uv_hrtime();
      }
      return;
    case HTTP1_HEAD:
      if (c->state == CONNECTION_IDLE)
        c->run.start_ns = uv_hrtime();
      on_request_head(c);
      break;
    case HTTP1_BODY: on_request_body(c, piece); break;
    case HTTP1_END:
      c->request_complete = true;
      exchange_run_event(&c->run, EXCHANGE_ON_REQUEST_END);
      break;
    case HTTP1_FAULT:
      if (c->state != CONNECTION_BUSY) {
        connection_end_refuse(c, c->decoder.fault.status, c->decoder.fault.details);
      } else {
        c->close = c->eof = true; // never resynchronise
        exchange_run_event(&c->run, EXCHANGE_ON_REQUEST_FAULT);
        c->request_complete = true;
      }
      return;
    }
  }
}

// Decodes, performs and writes until nothing can go on without the network.
static void turn(struct connection *c) {
  while (c->state != CONNECTION_CLOSED && c->state != CONNECTION_LINGER) {
    if (c->block)
      decode(c);
    if (c->state != CONNECTION_BUSY)
      break;
    exchange_run_write(&c->run);
    if (!c->run.active) {
      next_request(c);
      continue;
    }
    break;
  }
  connection_update(c);
}

void connection_resume(struct connection *c) {
  turn(c);
}

void connection_finish(struct connection *c) {
  if (c->state != CONNECTION_BUSY)
    return;
  next_request(c);
  turn(c);
}

static void on_eof(struct connection *c, bool broken) {
  c->eof = true;
  switch (c->state) {
  case CONNECTION_IDLE:
  case CONNECTION_HEAD:
  case CONNECTION_LINGER: connection_end_now(c, false); return;
  case CONNECTION_BUSY:
    c->close = true;
    // A client that only ended its side still gets its answer.
    if (!broken && c->run.exchange.tunnel)
      exchange_run_event(&c->run, EXCHANGE_ON_REQUEST_END);
    else if (broken || !c->request_complete)
      exchange_run_event(&c->run, EXCHANGE_ON_CLIENT_GONE);
    return;
  case CONNECTION_CLOSED: return;
  }
}

static void drop_input(struct connection *c) {
  char *block = c->worker->request_text;
  ssize_t n = recv(c->out.fd, block, HTTP1_HEAD_ROOM, 0);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
    connection_end_now(c, false);
}

static void on_readable(struct connection *c) {
  if (c->state == CONNECTION_LINGER) {
    drop_input(c);
    return;
  }
  if (!c->block)
    c->block = worker_block_get(c->worker);
  if (c->len == WORKER_BLOCK)
    return;
  ssize_t n;
  do
    n = recv(c->out.fd, c->block + c->len, WORKER_BLOCK - c->len, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) {
    on_eof(c, n < 0);
    return;
  }
  c->len += (size_t)n;
  c->received += (uint64_t)n;
}

static void on_event(uv_poll_t *handle, int status, int events) {
  struct connection *c = container_of(handle, struct connection, poll);
  if (status < 0) { // libuv has stopped the handle on an error of the socket
    c->polled = 0;
    events = UV_READABLE;
  }
  if ((events & UV_READABLE) && !c->eof)
    on_readable(c);
  if (c->state == CONNECTION_LINGER && (events & UV_WRITABLE)) {
    if (pump_flush(&c->out) != 0)
      connection_end_now(c, false);
    else
      connection_end_writing(c);
  }
  turn(c);
}

static void on_timer(struct worker_timer *timer) {
  struct connection *c = container_of(timer, struct connection, timer);
  switch (c->state) {
  case CONNECTION_IDLE:
    stats_add(&c->worker->stats->downstream_cx_idle_timeout, 1);
    connection_end_linger(c);
    return;
  case CONNECTION_HEAD:
    stats_add(&c->worker->stats->downstream_rq_header_timeout, 1);
    connection_end_refuse(c, 408, STR("request_header_timeout"));
    return;
  case CONNECTION_LINGER: connection_end_now(c, false); return;
  case CONNECTION_BUSY:
    exchange_run_event(&c->run, EXCHANGE_ON_TIMER);
    turn(c);
    return;
  case CONNECTION_CLOSED: return;
  }
}

static struct connection *alloc(struct worker *worker) {
  struct connection *c = worker->free_connections;
  if (!c) {
    c = XNEW(struct connection);
    http1_decoder_init(&c->decoder, false);
    return c;
  }
  worker->free_connections = c->next;
  worker->free_connection_count--;
  return c;
}

void connection_open(struct worker *worker, int fd, const struct sockaddr *peer, uint16_t port) {
  struct connection *c = alloc(worker);
  int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  c->worker = worker;
  c->polled = 0;
  c->port = port;
  c->eof = c->close = c->request_complete = false;
  c->received = 0;
  c->block = NULL;
  c->at = c->len = c->head_end = c->kept = 0;
  c->run.connection = c;
  c->run.worker = worker;
  c->run.active = false;
  if (peer->sa_family == AF_INET6)
    memcpy(&c->peer.v6, peer, sizeof(c->peer.v6));
  else
    memcpy(&c->peer.v4, peer, sizeof(c->peer.v4));
  c->prev = NULL;
  c->next = worker->connections;
  if (c->next)
    c->next->prev = c;
  worker->connections = c;
  worker->connection_count++;
  stats_add(&worker->stats->downstream_cx_active, 1);
  stats_add(&worker->stats->downstream_cx_total, 1);
  pump_init(&c->out, fd);
  http1_body_init(&c->body, &c->out, false);
  http1_decoder_start(&c->decoder, &c->run.request, false);
  (void)uv_poll_init(&worker->loop, &c->poll, fd);
  worker_timer_init(&c->timer, &worker->loop, on_timer);
  c->open_handles = 2;
  c->state = CONNECTION_IDLE;
  connection_update(c);
}

struct str connection_peer_text(const struct connection *c, char out[64]) {
  return upstream_address_text(&c->peer.any, out);
}
