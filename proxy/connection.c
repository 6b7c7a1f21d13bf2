// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "proxy/connection_end.h"
#include "proxy/connection_wait.h"
#include "proxy/socket_text.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"
#include "proxy/worker_poll.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static void on_event(uv_poll_t *handle, int status, int events);

void connection_enter(struct connection *c, enum connection_state state) {
  c->state = state;
  c->timer.due_ms = 0; // each state has its own deadline
}

static void update_poll(struct connection *c) {
  worker_poll_set(c->poll, connection_wanted_events(c), on_event);
}

// Makes room behind the kept body for further bytes.
static void make_room(struct connection_work *work) {
  if (!work->run.active)
    return;
  if (work->run.exchange.try == EXCHANGE_TRY_OPEN && !exchange_run_keeps_request(&work->run)) {
    work->kept = 0; // all of it was written or is in the pump's own memory
    body_copy_clear(work->run.worker, &work->copy);
  }
  if (work->request_complete)
    return;
  size_t to = work->head_end + work->kept;
  if (work->at > to) {
    memmove(work->block + to, work->block + work->at, work->len - work->at);
    work->len = to + (work->len - work->at);
    work->at = to;
  }
}

void connection_update(struct connection *c) {
  if (c->state == CONNECTION_CLOSED)
    return;
  if (c->work)
    make_room(c->work);
  worker_timer_set(&c->timer, connection_due_ms(c));
  update_poll(c);
}

// Puts what is not decoded yet at the front, so that a head is always in one piece.
static void to_front(struct connection_work *work) {
  if (work->at > 0) {
    memmove(work->block, work->block + work->at, work->len - work->at);
    work->len -= work->at;
    work->at = 0;
  }
  work->head_end = work->kept = 0;
  body_copy_clear(work->run.worker, &work->copy);
}

// The client said that this was its last request, all of it was read and all of the answer is with
// the kernel: nothing can come that closing at once would answer with a reset.
static bool is_farewell(const struct connection_work *work) {
  return !work->run.request.keep_alive && work->request_complete && work->at == work->len &&
         pump_kept(&work->out) == 0;
}

static void next_request(struct connection *c) {
  struct connection_work *work = c->work;
  if (c->close || c->eof || !work->request_complete) {
    if (work->run.cut_hard && work->run.exchange.cut)
      connection_end_now(c, true);
    else if (work->run.exchange.status == 0 || (work->run.exchange.flags & EXCHANGE_DC))
      connection_end_now(c, false);
    else if (is_farewell(work))
      connection_end_now(c, false);
    else
      connection_end_linger(c);
    return;
  }
  connection_enter(c, CONNECTION_IDLE);
  if (work->at == work->len) {
    connection_work_put(c);
    return;
  }
  work->request_complete = false;
  to_front(work);
  http1_decoder_start(&work->decoder, &work->run.request, false);
}

static void on_request_head(struct connection *c) {
  struct connection_work *work = c->work;
  work->head_end = work->at;
  work->head_bytes = work->decoder.head_len;
  connection_enter(c, CONNECTION_BUSY);
  if (connection_is_used_up(c)) {
    stats_add(&c->worker->stats->downstream_cx_max_duration_reached, 1);
    c->close = true;
  }
  bool has_body = work->run.request.length != 0;
  work->request_complete = false;
  exchange_run_begin(&work->run, has_body);
}

// Whether a piece may stay behind the head: as long as half a block is left to read into, or
// nothing more is to be read.
static bool fits_behind_head(const struct connection_work *work, size_t len) {
  size_t end = work->head_end + work->kept + len;
  bool is_all = work->run.request.length == (int64_t)(work->kept + len);
  return !work->copy.first && end <= (is_all ? WORKER_BLOCK : WORKER_BLOCK / 2);
}

// Whether the copy for other tries must be given up: it gets too long, or is known to get so, which
// saves the copying (but not in a pause, where all that comes is needed).
static bool is_too_long(const struct connection_work *work, size_t len) {
  bool will_be = work->run.request.length > (int64_t)BODY_COPY_MAX &&
                 work->run.exchange.try == EXCHANGE_TRY_OPEN && !fits_behind_head(work, len);
  return will_be || work->kept + work->copy.len + len > BODY_COPY_MAX;
}

// A piece of the body: kept while it may be needed again, and passed on.
static void on_request_body(struct connection_work *work, struct str piece) {
  if (exchange_run_keeps_request(&work->run) && is_too_long(work, piece.len))
    exchange_run_event(&work->run, EXCHANGE_ON_COPY_LOST);
  if (exchange_run_keeps_request(&work->run)) {
    if (fits_behind_head(work, piece.len)) {
      char *to = work->block + work->head_end + work->kept;
      if (to != piece.ptr)
        memmove(to, piece.ptr, piece.len);
      piece.ptr = to;
      work->kept += piece.len;
    } else {
      body_copy_add(work->run.worker, &work->copy, piece);
    }
  }
  exchange_run_request_body(&work->run, piece);
}

static void on_request_fault(struct connection *c) {
  struct connection_work *work = c->work;
  if (c->state != CONNECTION_BUSY) {
    connection_end_refuse(c, work->decoder.fault.status, work->decoder.fault.details);
    return;
  }
  c->close = true; // never resynchronise
  exchange_run_request_fault(&work->run, &work->decoder.fault);
  work->request_complete = true;
}

// Another protocol: all bytes pass as they are.
static void pass_on(struct connection_work *work) {
  struct str piece = {work->block + work->at, work->len - work->at};
  work->at = work->len;
  if (piece.len > 0)
    exchange_run_request_body(&work->run, piece);
}

// Part of a head is there, or what may become one.
static void on_some_head(struct connection *c) {
  const struct connection_work *work = c->work;
  bool begun = http1_decoder_is_started(&work->decoder) || work->at < work->len;
  if (c->state != CONNECTION_IDLE || !begun)
    return;
  connection_enter(c, CONNECTION_HEAD);
  c->work->run.start_ns = uv_hrtime();
}

// Decodes what was read until more is needed or an exchange has all of its request.
static void decode(struct connection *c) {
  struct connection_work *work = c->work;
  while (!work->request_complete) {
    size_t used;
    struct str piece;
    if (work->at == work->len && c->state != CONNECTION_BUSY)
      return;
    if (c->state == CONNECTION_BUSY && work->run.exchange.tunnel) {
      pass_on(work);
      return;
    }
    enum http1_event event =
        http1_decode(&work->decoder, work->block + work->at, work->len - work->at, &used, &piece);
    work->at += used;
    switch (event) {
    case HTTP1_MORE: on_some_head(c); return;
    case HTTP1_HEAD:
      if (c->state == CONNECTION_IDLE)
        work->run.start_ns = uv_hrtime();
      on_request_head(c);
      break;
    case HTTP1_BODY: on_request_body(work, piece); break;
    case HTTP1_END:
      work->request_complete = true;
      exchange_run_event(&work->run, EXCHANGE_ON_REQUEST_END);
      break;
    case HTTP1_FAULT: on_request_fault(c); return;
    }
  }
}

// Decodes, performs and writes until nothing can go on without the network.
static void turn(struct connection *c) {
  while (c->state != CONNECTION_CLOSED && c->state != CONNECTION_LINGER && c->work) {
    if (c->work->block)
      decode(c);
    if (c->state != CONNECTION_BUSY)
      break;
    exchange_run_write(&c->work->run);
    if (c->work->run.active)
      break;
    next_request(c);
  }
  if (c->state == CONNECTION_IDLE && c->work && c->work->at == c->work->len)
    connection_work_put(c); // there was nothing to read, or nothing but empty lines
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
    if (!broken && c->work->run.exchange.tunnel)
      exchange_run_event(&c->work->run, EXCHANGE_ON_REQUEST_END);
    else if (broken || !c->work->request_complete || exchange_is_delayed(&c->work->run.exchange))
      exchange_run_event(&c->work->run, EXCHANGE_ON_CLIENT_GONE);
    return;
  case CONNECTION_CLOSED: return;
  }
}

static void drop_input(struct connection *c) {
  char *block = c->worker->request_text;
  ssize_t n = recv(c->fd, block, HTTP1_HEAD_ROOM, 0);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
    connection_end_now(c, false);
}

static void on_readable(struct connection *c) {
  if (c->state == CONNECTION_LINGER) {
    drop_input(c);
    return;
  }
  if (!c->work)
    connection_work_take(c);
  struct connection_work *work = c->work;
  if (!work->block && c->state == CONNECTION_IDLE && worker_is_overloaded(c->worker)) {
    connection_end_refuse(c, 503, STR("overload"));
    return;
  }
  if (!work->block)
    work->block = worker_block_get(c->worker);
  if (work->len == WORKER_BLOCK)
    return;
  ssize_t n;
  do
    n = recv(c->fd, work->block + work->len, WORKER_BLOCK - work->len, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) {
    on_eof(c, n < 0);
    return;
  }
  work->len += (size_t)n;
  c->received += (uint64_t)n;
}

static void on_event(uv_poll_t *handle, int status, int events) {
  struct connection *c = worker_poll_owner(handle, status);
  if (status < 0)
    events = UV_READABLE;
  if ((events & UV_READABLE) && !c->eof)
    on_readable(c);
  if (c->state == CONNECTION_LINGER && (events & UV_WRITABLE)) {
    if (c->work && pump_flush(&c->work->out) != 0)
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
    stats_add(connection_is_used_up(c) ? &c->worker->stats->downstream_cx_max_duration_reached
                                       : &c->worker->stats->downstream_cx_idle_timeout,
              1);
    connection_end_linger(c);
    return;
  case CONNECTION_HEAD:
    stats_add(&c->worker->stats->downstream_rq_header_timeout, 1);
    connection_end_refuse(c, 408, STR("request_header_timeout"));
    return;
  case CONNECTION_LINGER: connection_end_now(c, false); return;
  case CONNECTION_BUSY:
    exchange_run_event(&c->work->run, EXCHANGE_ON_TIMER);
    turn(c);
    return;
  case CONNECTION_CLOSED: return;
  }
}

static struct connection *alloc(struct worker *worker) {
  struct connection *c = worker->free_connections;
  if (!c)
    return XNEW(struct connection);
  worker->free_connections = c->next;
  worker->free_connection_count--;
  return c;
}

struct connection *connection_open(struct worker *worker, int fd, const struct sockaddr *peer,
                                   uint16_t port, struct table_slot listener) {
  struct connection *c = alloc(worker);
  c->worker = worker;
  c->work = NULL;
  c->fd = fd;
  c->port = port;
  c->listener = listener;
  c->listener_stats = NULL;
  c->eof = c->close = false;
  c->opened_ms = worker_now_ms(worker);
  c->received = c->sent = 0;
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
  c->poll = worker_poll_take(worker, fd, c);
  worker_timer_init(&c->timer, &worker->loop, on_timer);
  c->state = CONNECTION_IDLE;
  connection_update(c);
  return c;
}

struct str connection_peer_text(const struct connection *c, char out[64]) {
  return socket_text_address(&c->peer.any, out);
}
