// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_end.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "proxy/access_log.h"
#include "proxy/connection.h"
#include "proxy/exchange_send.h"
#include "proxy/http1_write.h"
#include "proxy/worker.h"
#include "proxy/worker_poll.h"

#include <sys/socket.h>
#include <unistd.h>

#define FREE_KEPT 256u

static void on_timer_closed(uv_handle_t *handle) {
  struct connection *c = container_of(handle, struct connection, timer.timer);
  struct worker *worker = c->worker;
  if (worker->free_connection_count >= FREE_KEPT) {
    xfree(c);
    return;
  }
  c->next = worker->free_connections;
  worker->free_connections = c;
  worker->free_connection_count++;
}

void connection_end_now(struct connection *c, bool reset) {
  if (c->state == CONNECTION_CLOSED)
    return;
  BUG_ON(c->work && c->work->run.active);
  struct worker *worker = c->worker;
  c->state = CONNECTION_CLOSED;
  stats_add(&worker->stats->downstream_cx_active, (uint64_t)-1);
  if (c->listener_stats)
    stats_add(&c->listener_stats->downstream_cx_active, (uint64_t)-1);
  stats_add(&worker->stats->downstream_cx_destroy, 1);
  stats_add(&worker->stats->downstream_cx_rx_bytes_total, c->received);
  connection_work_put(c);
  stats_add(&worker->stats->downstream_cx_tx_bytes_total, c->sent);
  if (c->prev)
    c->prev->next = c->next;
  else
    worker->connections = c->next;
  if (c->next)
    c->next->prev = c->prev;
  worker->connection_count--;
  if (reset) {
    struct linger now = {.l_onoff = 1};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }
  worker_poll_give(c->poll);
  worker_timer_close(&c->timer, on_timer_closed);
  (void)close(c->fd);
  worker_check_drained(worker);
}

void connection_end_writing(struct connection *c) {
  if (c->work && pump_kept(&c->work->out) > 0)
    return;
  connection_work_put(c);
  (void)shutdown(c->fd, SHUT_WR);
}

void connection_end_linger(struct connection *c) {
  if (c->eof) {
    connection_end_now(c, false);
    return;
  }
  connection_enter(c, CONNECTION_LINGER);
  if (c->work)
    connection_work_drop_input(c);
  connection_end_writing(c);
  connection_update(c);
}

void connection_end_refuse(struct connection *c, int status, struct str details) {
  struct worker *worker = c->worker;
  struct head head;
  bool overloaded = status == 503;
  struct str body = overloaded ? STR("envoy overloaded") : str_of(http1_reason(status));
  head_init(&head);
  head.status = status;
  head.length = (int64_t)body.len;
  head_add(&head, HEAD_CONTENT_TYPE, STR("text/plain"));
  head_add(&head, HEAD_DATE, worker_date(worker));
  const struct table_listener *listener =
      worker->table ? table_listener_at(worker->table, c->listener) : NULL;
  head_add(&head, HEAD_SERVER, table_persona_server(listener ? listener->persona : TABLE_MESH));
  struct http1_write_options options = {.framing = HTTP1_LENGTH, .close = true};
  char *text = worker->response_text;
  size_t len = http1_write_response(text, HTTP1_HEAD_ROOM, &head, &options);
  head_dispose(&head);
  pump_add(&c->work->out, text, len);
  pump_add(&c->work->out, body.ptr, body.len);
  (void)pump_flush(&c->work->out);
  bool is_fault = status == 400 || (status > 500 && !overloaded); // not a limit, not a timeout
  if (overloaded)
    stats_add(&worker->stats->downstream_rq_overload_close, 1);
  if (is_fault)
    stats_add(&worker->stats->downstream_cx_protocol_error, 1);
  if (status == 413)
    stats_add(&worker->stats->downstream_rq_too_large, 1);
  stats_add(status < 500 ? &worker->stats->downstream_rq_4xx : &worker->stats->downstream_rq_5xx,
            1);
  if (worker->access_log) {
    char peer[64];
    const struct head *request = &c->work->run.request; // as far as it was understood
    struct access_log_entry entry = {.start_wall_ms = worker_wall_ms(),
                                     .method = request->method,
                                     .path = request->path,
                                     .authority = request->authority,
                                     .flags = is_fault     ? STR("DPE")
                                              : overloaded ? STR("OM")
                                                           : STR("-"),
                                     .details = details,
                                     .status = status,
                                     .bytes_sent = body.len,
                                     .service_ms = -1,
                                     .downstream_remote = connection_peer_text(c, peer)};
    access_log_add(worker->access_log, &entry);
  }
  connection_end_linger(c);
}

void connection_end_drain(struct worker *worker, bool now) {
  struct connection *next;
  for (struct connection *c = worker->connections; c; c = next) {
    next = c->next;
    if (c->state == CONNECTION_IDLE && now)
      connection_end_linger(c);
    else if (c->state == CONNECTION_IDLE)
      connection_update(c); // a request may be on its way: it is still answered
  }
}

void connection_end_listener(struct worker *worker, struct table_slot slot) {
  struct connection *next;
  for (struct connection *c = worker->connections; c; c = next) {
    next = c->next;
    if (c->listener.index != slot.index || c->listener.generation != slot.generation)
      continue;
    c->close = true;
    if (c->state == CONNECTION_IDLE)
      connection_update(c); // it waits only as long as in a drain
  }
}

#define SHED_AT_ONCE 16u

// A request may have come that this turn has not read yet.
static bool has_input(const struct connection *c) {
  char byte;
  return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void connection_end_some(struct worker *worker) {
  struct connection *idle[SHED_AT_ONCE];
  unsigned count = 0;
  // New ones stand in front: the last ones found are the oldest.
  for (struct connection *c = worker->connections; c; c = c->next) {
    if (c->state == CONNECTION_IDLE)
      idle[count++ % SHED_AT_ONCE] = c;
  }
  for (unsigned i = 0; i < count && i < SHED_AT_ONCE; i++) {
    if (!has_input(idle[i]))
      connection_end_now(idle[i], false);
  }
}

void connection_end_all(struct worker *worker) {
  while (worker->connections) {
    struct connection *c = worker->connections;
    c->eof = c->close = true;
    if (c->work && c->work->run.active)
      exchange_run_event(&c->work->run, EXCHANGE_ON_CLIENT_GONE);
    connection_end_now(c, false);
  }
}

void connection_end_free(struct worker *worker) {
  while (worker->free_connections) {
    struct connection *c = worker->free_connections;
    worker->free_connections = c->next;
    xfree(c);
  }
  worker_spare_free_all(&worker->works);
}
