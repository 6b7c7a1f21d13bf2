// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "proxy/socket_text.h"
#include "proxy/upstream_pool.h"
#include "proxy/upstream_sent.h"
#include "proxy/upstream_socket.h"
#include "proxy/worker.h"
#include "proxy/worker_poll.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FREE_KEPT 128u

static void on_timer_closed(uv_handle_t *handle) {
  struct upstream *u = container_of(handle, struct upstream, timer.timer);
  struct worker *worker = u->worker;
  if (worker->free_upstream_count >= FREE_KEPT) {
    http1_decoder_dispose(&u->decoder);
    head_dispose(&u->head);
    xfree(u);
    return;
  }
  u->next = worker->free_upstreams;
  worker->free_upstreams = u;
  worker->free_upstream_count++;
}

static void count_closed(struct upstream *u) {
  // A slot may have been given to another cluster meanwhile: its counters are none of ours.
  if (atomic_load_explicit(&u->cluster_stats->generation, memory_order_relaxed) ==
      u->cluster_generation) {
    stats_add(&u->cluster_stats->upstream_cx_active, (uint64_t)-1);
    stats_add(&u->cluster_stats->upstream_cx_destroy, 1);
  }
  if (atomic_load_explicit(&u->endpoint_stats->generation, memory_order_relaxed) ==
      u->endpoint_generation)
    stats_add(&u->endpoint_stats->cx_active, (uint64_t)-1);
  stats_add(&u->base->connections_closed, 1);
}

// What was written since it was last counted.
static void count_written(struct upstream *u) {
  uint64_t len = u->out.written - u->counted;
  u->counted = u->out.written;
  stats_add(&u->base->received_bytes, len);
  stats_add(&u->cluster_stats->upstream_cx_tx_bytes_total, len);
}

void upstream_reset(struct upstream *u) {
  if (u->state == UPSTREAM_CLOSED)
    return;
  count_written(u);
  if (u->state == UPSTREAM_IDLE)
    upstream_pool_take(u);
  if (u->state == UPSTREAM_CONNECTING)
    u->pool->connecting--;
  else
    count_closed(u);
  u->state = UPSTREAM_CLOSED;
  u->user = NULL;
  worker_block_put(u->worker, u->block);
  u->block = NULL;
  struct worker *worker = u->worker;
  if (u->prev)
    u->prev->next = u->next;
  else
    worker->upstreams = u->next;
  if (u->next)
    u->next->prev = u->prev;
  int fd = u->out.fd;
  pump_dispose(&u->out);
  worker_poll_give(u->poll);
  worker_timer_close(&u->timer, on_timer_closed);
  (void)close(fd);
  upstream_pool_closed(u);
}

void upstream_drop_connecting(struct upstream_pool *pool) {
  struct upstream *next;
  for (struct upstream *u = pool->worker->upstreams; u; u = next) {
    next = u->next;
    if (u->pool == pool && u->state == UPSTREAM_CONNECTING)
      upstream_reset(u);
  }
}

static void on_event(uv_poll_t *handle, int status, int events);

void upstream_update(struct upstream *u) {
  int events = 0;
  switch (u->state) {
  case UPSTREAM_CONNECTING: events = UV_WRITABLE; break;
  case UPSTREAM_IDLE: events = UV_READABLE; break;
  case UPSTREAM_ACTIVE:
    // A dead connection must be read to its end, wanted or not.
    events = u->write_failed || u->user->ops->wants_response(u->user) ? UV_READABLE : 0;
    if (pump_kept(&u->out) > 0 && !u->write_failed)
      events |= UV_WRITABLE;
    break;
  case UPSTREAM_CLOSED: return;
  }
  worker_poll_set(u->poll, events, on_event);
}

static void count_connected(struct upstream *u) {
  stats_add(&u->cluster_stats->upstream_cx_active, 1);
  stats_add(&u->endpoint_stats->cx_active, 1);
  stats_add(&u->cluster_stats->upstream_cx_total, 1);
  stats_add(&u->cluster_stats->upstream_cx_http1_total, 1);
  stats_add(&u->endpoint_stats->cx_total, 1);
  stats_add(&u->base->connections_opened, 1);
}

// It waits for a request, at most until its time is over.
static void become_idle(struct upstream *u) {
  uint64_t due = uv_now(&u->worker->loop) + u->idle_timeout_ms;
  u->state = UPSTREAM_IDLE;
  upstream_pool_put(u);
  worker_timer_set(&u->timer, u->expires_ms && u->expires_ms < due ? u->expires_ms : due);
}

static void on_connect_result(struct upstream *u, int error) {
  struct upstream_pool *pool = u->pool;
  if (error == 0) {
    pool->connecting--;
    count_connected(u);
    become_idle(u);
    if (!pool->waiting && upstream_pool_is_gone(pool))
      upstream_reset(u);
    return;
  }
  stats_add(&u->cluster_stats->upstream_cx_connect_fail, 1);
  stats_add(&u->endpoint_stats->cx_connect_fail, 1);
  if (error == ETIMEDOUT)
    stats_add(&u->cluster_stats->upstream_cx_connect_timeout, 1);
  upstream_reset(u);
  upstream_pool_fail(pool, error == ETIMEDOUT ? EXCHANGE_REASON_CONNECT_TIMEOUT
                                              : EXCHANGE_REASON_REMOTE_CONNECT);
}

static bool is_expired(const struct upstream *u) {
  return u->expires_ms != 0 && uv_now(&u->worker->loop) >= u->expires_ms;
}

static void on_timer(struct worker_timer *timer) {
  struct upstream *u = container_of(timer, struct upstream, timer);
  struct upstream_pool *pool = u->pool;
  if (u->state == UPSTREAM_CONNECTING) {
    on_connect_result(u, ETIMEDOUT);
    upstream_pool_settle(pool);
  } else if (u->state == UPSTREAM_IDLE) {
    stats_add(is_expired(u) ? &u->cluster_stats->upstream_cx_max_duration_reached
                            : &u->cluster_stats->upstream_cx_idle_timeout,
              1);
    upstream_reset(u);
  }
}

// Whether anything of the request may have come over there before the connection ended. What was
// not is no risk to send again: so the end of a kept connection is not the error of a POST either.
// Only an orderly end tells: its segment acknowledges all that had come. A reset acknowledges
// nothing, and the acknowledgement of what the other side has read may not have been sent yet.
static bool was_received(const struct upstream *u, bool orderly) {
  uint64_t acked;
  return !orderly || !upstream_sent_acked(u->out.fd, &acked) || acked > u->sent_mark;
}

static void report_reset(struct upstream *u, enum exchange_reason reason, bool orderly) {
  struct upstream_user *user = u->user;
  bool started = u->response_started;
  bool sent = upstream_has_sent(u) && (started || was_received(u, orderly));
  stats_add(&u->cluster_stats->upstream_rq_rx_reset, 1);
  upstream_reset(u);
  user->ops->reset(user, reason, sent, started);
}

// Hands the events of the buffered bytes to the exchange until they are used up or it lets go.
static void decode(struct upstream *u) {
  struct upstream_user *user = u->user;
  while (u->user == user && u->state == UPSTREAM_ACTIVE) {
    size_t used;
    struct str piece;
    if (u->raw) {
      piece = (struct str){u->block + u->at, u->len - u->at};
      u->at = u->len;
      if (piece.len > 0)
        user->ops->response(user, HTTP1_BODY, piece);
      return;
    }
    enum http1_event event =
        http1_decode(&u->decoder, u->block + u->at, u->len - u->at, &used, &piece);
    u->at += used;
    if (event == HTTP1_MORE)
      return;
    if (event == HTTP1_FAULT) {
      report_reset(u, EXCHANGE_REASON_PROTOCOL, false);
      return;
    }
    u->extra = u->at < u->len;
    user->ops->response(user, event, piece);
  }
}

static void on_eof(struct upstream *u, int error) {
  if (u->state == UPSTREAM_IDLE) {
    upstream_reset(u);
    return;
  }
  if (error == 0 && (u->raw || http1_decode_eof(&u->decoder) == HTTP1_END)) {
    u->head.keep_alive = false;
    u->user->ops->response(u->user, HTTP1_END, STR_NULL);
    return;
  }
  report_reset(u, EXCHANGE_REASON_TERMINATED, error == 0);
}

static void on_readable(struct upstream *u) {
  if (!u->block) {
    u->block = worker_block_get(u->worker);
    u->at = u->len = 0;
  }
  ssize_t n;
  do
    n = recv(u->out.fd, u->block + u->len, WORKER_BLOCK - u->len, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) {
    on_eof(u, n < 0 ? errno : 0);
    return;
  }
  if (u->state == UPSTREAM_IDLE) { // nobody asked: whatever it says, it is no answer
    upstream_reset(u);
    return;
  }
  u->response_started = true;
  u->len += (size_t)n;
  stats_add(&u->base->sent_bytes, (uint64_t)n);
  stats_add(&u->cluster_stats->upstream_cx_rx_bytes_total, (uint64_t)n);
  decode(u);
  if (u->state != UPSTREAM_ACTIVE || !u->block)
    return;
  // All but an unfinished head was handed on (and will be written before this turn ends).
  if (u->decoder.head_done && u->at == u->len)
    u->at = u->len = 0;
}

static void on_event(uv_poll_t *handle, int status, int events) {
  struct upstream *u = worker_poll_owner(handle, status);
  struct upstream_user *user = u->user;
  struct upstream_pool *pool = u->pool;
  if (status < 0)
    events = UV_READABLE | UV_WRITABLE;
  if (u->state == UPSTREAM_CONNECTING) {
    int error = 0;
    socklen_t len = sizeof(error);
    (void)getsockopt(u->out.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    on_connect_result(u, status < 0 && error == 0 ? ECONNREFUSED : error);
  } else if (events & UV_READABLE) {
    on_readable(u);
  }
  // Kept bytes are written by the flush that every turn of an exchange ends with.
  if (user)
    user->ops->flush(user);
  if (u->state != UPSTREAM_CLOSED)
    upstream_update(u);
  if (pool->waiting || pool->is_limited)
    upstream_pool_settle(pool);
}

bool upstream_is_still_open(const struct upstream *u) {
  char byte;
  return recv(u->out.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void upstream_begin(struct upstream *u, struct upstream_user *user) {
  upstream_pool_take(u);
  u->state = UPSTREAM_ACTIVE;
  worker_timer_set(&u->timer, 0);
  u->user = user;
  u->write_failed = u->response_started = u->extra = u->raw = false;
  u->sent_mark = u->out.written;
  u->served++;
}

static struct upstream *alloc(struct worker *worker) {
  struct upstream *u = worker->free_upstreams;
  if (!u) {
    u = XNEW(struct upstream);
    head_init(&u->head);
    http1_decoder_init(&u->decoder, true, NULL);
    return u;
  }
  worker->free_upstreams = u->next;
  worker->free_upstream_count--;
  struct http1_decoder decoder = u->decoder;
  memset(u, 0, offsetof(struct upstream, head));
  u->decoder = decoder;
  u->block = NULL;
  u->at = u->len = 0;
  return u;
}

struct upstream *upstream_open(struct upstream_pool *pool, const struct upstream_user *user,
                               enum exchange_reason *ret_reason) {
  struct worker *worker = pool->worker;
  const struct table_cluster *cluster = user->cluster;
  int fd = upstream_socket_open(user);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    upstream_close_idle(worker); // descriptors that only wait are worth less than a request
    fd = upstream_socket_open(user);
  }
  if (fd < 0) {
    *ret_reason = errno == ECONNREFUSED || errno == ENETUNREACH || errno == EHOSTUNREACH
                      ? EXCHANGE_REASON_REMOTE_CONNECT
                      : EXCHANGE_REASON_LOCAL_CONNECT;
    return NULL;
  }
  uint64_t now = uv_now(&worker->loop);
  struct upstream *u = alloc(worker);
  u->worker = worker;
  u->pool = pool;
  u->base = user->base;
  u->cluster_stats = stats_cluster(worker->stats, cluster->slot);
  u->endpoint_stats = stats_endpoint(worker->stats, user->endpoint->slot);
  u->cluster_generation = cluster->slot.generation;
  u->endpoint_generation = user->endpoint->slot.generation;
  u->max_requests = cluster->max_requests_per_connection;
  u->idle_timeout_ms =
      (uint64_t)(cluster->pool.idle_timeout_ms > 0 ? cluster->pool.idle_timeout_ms
                                                   : worker->settings.limits->upstream_idle_ms);
  if (cluster->pool.max_duration_ms > 0)
    u->expires_ms = now + (uint64_t)cluster->pool.max_duration_ms;
  u->next = worker->upstreams;
  if (u->next)
    u->next->prev = u;
  worker->upstreams = u;
  pump_init(&u->out, fd);
  u->counted = 0;
  u->local[0] = '\0';
  u->poll = worker_poll_take(worker, fd, u);
  worker_timer_init(&u->timer, &worker->loop, on_timer);
  u->state = UPSTREAM_CONNECTING;
  worker_timer_set(&u->timer, now + (uint64_t)cluster->connect_timeout_ms);
  upstream_update(u);
  return u;
}

bool upstream_has_sent(const struct upstream *u) {
  return u->out.written > u->sent_mark;
}

void upstream_release(struct upstream *u) {
  struct worker *worker = u->worker;
  count_written(u);
  bool used_up = u->max_requests > 0 && u->served >= u->max_requests, expired = is_expired(u);
  if (used_up)
    stats_add(&u->cluster_stats->upstream_cx_max_requests, 1);
  else if (expired)
    stats_add(&u->cluster_stats->upstream_cx_max_duration_reached, 1);
  if (used_up || expired || upstream_pool_is_gone(u->pool) || u->extra || u->write_failed ||
      !u->head.keep_alive || !pump_is_empty(&u->out)) {
    upstream_reset(u);
    return;
  }
  worker_block_put(worker, u->block);
  u->block = NULL;
  u->at = u->len = 0;
  u->user = NULL;
  become_idle(u);
  upstream_update(u);
}

struct str upstream_local_text(struct upstream *u) {
  return u->local[0] ? str_of(u->local) : socket_text_local(u->out.fd, u->local);
}

void upstream_free_all(struct worker *worker) {
  while (worker->free_upstreams) {
    struct upstream *u = worker->free_upstreams;
    worker->free_upstreams = u->next;
    http1_decoder_dispose(&u->decoder);
    head_dispose(&u->head);
    xfree(u);
  }
}
