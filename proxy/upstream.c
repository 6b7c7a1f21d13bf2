// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "proxy/exchange_run.h"
#include "proxy/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FREE_KEPT 128u

struct upstream_pool *upstream_pool_of(struct worker *worker, struct table_slot slot) {
  if (slot.index >= worker->pool_count) {
    uint32_t count = slot.index + 64;
    worker->pools = xrealloc(worker->pools, count * sizeof(struct upstream_pool *));
    while (worker->pool_count < count)
      worker->pools[worker->pool_count++] = NULL;
  }
  struct upstream_pool *pool = worker->pools[slot.index];
  if (!pool)
    pool = worker->pools[slot.index] = XNEW(struct upstream_pool);
  if (pool->generation != slot.generation) {
    while (pool->idle)
      upstream_reset(pool->idle);
    *pool = (struct upstream_pool){.generation = slot.generation};
  }
  return pool;
}

static void idle_remove(struct upstream *u) {
  if (u->idle_prev)
    u->idle_prev->idle_next = u->idle_next;
  else
    u->pool->idle = u->idle_next;
  if (u->idle_next)
    u->idle_next->idle_prev = u->idle_prev;
  u->idle_next = u->idle_prev = NULL;
  u->pool->idle_count--;
}

static void on_handle_closed(struct upstream *u) {
  if (--u->open_handles > 0)
    return;
  struct worker *worker = u->worker;
  if (worker->free_upstream_count >= FREE_KEPT) {
    http1_decoder_dispose(&u->decoder);
    xfree(u);
    return;
  }
  u->next = worker->free_upstreams;
  worker->free_upstreams = u;
  worker->free_upstream_count++;
}

static void on_poll_closed(uv_handle_t *handle) {
  on_handle_closed(container_of(handle, struct upstream, poll));
}

static void on_timer_closed(uv_handle_t *handle) {
  on_handle_closed(container_of(handle, struct upstream, timer.timer));
}

void upstream_reset(struct upstream *u) {
  if (u->state == UPSTREAM_CLOSED)
    return;
  if (u->state == UPSTREAM_IDLE)
    idle_remove(u);
  if (u->state == UPSTREAM_CONNECTING) {
    stats_add(&u->cluster_stats->upstream_rq_pending_active, (uint64_t)-1);
  } else {
    stats_add(&u->cluster_stats->upstream_cx_active, (uint64_t)-1);
    stats_add(&u->endpoint_stats->cx_active, (uint64_t)-1);
    stats_add(&u->cluster_stats->upstream_cx_destroy, 1);
    stats_add(&u->base->connections_closed, 1);
  }
  u->state = UPSTREAM_CLOSED;
  u->run = NULL;
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
  uv_close((uv_handle_t *)&u->poll, on_poll_closed); // takes the descriptor out of epoll at once
  worker_timer_close(&u->timer, on_timer_closed);
  (void)close(fd);
}

static void on_event(uv_poll_t *handle, int status, int events);

void upstream_update(struct upstream *u) {
  int events = 0;
  switch (u->state) {
  case UPSTREAM_CONNECTING: events = UV_WRITABLE; break;
  case UPSTREAM_IDLE: events = UV_READABLE; break;
  case UPSTREAM_ACTIVE:
    // A dead connection must be read to its end, wanted or not.
    events = u->write_failed || exchange_run_wants_response(u->run) ? UV_READABLE : 0;
    if (pump_kept(&u->out) > 0 && !u->write_failed)
      events |= UV_WRITABLE;
    break;
  case UPSTREAM_CLOSED: return;
  }
  if (events == u->polled)
    return;
  u->polled = events;
  if (events)
    (void)uv_poll_start(&u->poll, events, on_event);
  else
    (void)uv_poll_stop(&u->poll);
}

static void count_connected(struct upstream *u) {
  stats_add(&u->cluster_stats->upstream_cx_active, 1);
  stats_add(&u->endpoint_stats->cx_active, 1);
  stats_add(&u->cluster_stats->upstream_cx_total, 1);
  stats_add(&u->endpoint_stats->cx_total, 1);
  stats_add(&u->base->connections_opened, 1);
}

// A request waits for the connection.
static void count_pending(struct upstream *u, int by) {
  stats_add(&u->cluster_stats->upstream_rq_pending_active, (uint64_t)by);
  if (by > 0)
    stats_add(&u->cluster_stats->upstream_rq_pending_total, 1);
}

static void on_connect_result(struct upstream *u, int error) {
  struct exchange_run *run = u->run;
  if (error == 0) {
    count_pending(u, -1);
    u->state = UPSTREAM_ACTIVE;
    worker_timer_set(&u->timer, 0);
    count_connected(u);
    exchange_run_connected(run, false);
    return;
  }
  stats_add(&u->cluster_stats->upstream_cx_connect_fail, 1);
  stats_add(&u->endpoint_stats->cx_connect_fail, 1);
  if (error == ETIMEDOUT)
    stats_add(&u->cluster_stats->upstream_cx_connect_timeout, 1);
  upstream_reset(u);
  exchange_run_connect_failed(run, error == ETIMEDOUT ? EXCHANGE_REASON_CONNECT_TIMEOUT
                                                      : EXCHANGE_REASON_REMOTE_CONNECT);
}

static void on_timer(struct worker_timer *timer) {
  struct upstream *u = container_of(timer, struct upstream, timer);
  if (u->state == UPSTREAM_CONNECTING)
    on_connect_result(u, ETIMEDOUT);
  else if (u->state == UPSTREAM_IDLE)
    upstream_reset(u);
}

static void report_reset(struct upstream *u, enum exchange_reason reason) {
  struct exchange_run *run = u->run;
  bool sent = upstream_has_sent(u), started = u->response_started;
  stats_add(&u->cluster_stats->upstream_rq_rx_reset, 1);
  upstream_reset(u);
  exchange_run_upstream_reset(run, reason, sent, started);
}

// Hands the events of the buffered bytes to the exchange until they are used up or it lets go.
static void decode(struct upstream *u) {
  struct exchange_run *run = u->run;
  while (u->run == run && u->state == UPSTREAM_ACTIVE) {
    size_t used;
    struct str piece;
    if (u->raw) {
      piece = (struct str){u->block + u->at, u->len - u->at};
      u->at = u->len;
      if (piece.len > 0)
        exchange_run_response(run, HTTP1_BODY, piece);
      return;
    }
    enum http1_event event =
        http1_decode(&u->decoder, u->block + u->at, u->len - u->at, &used, &piece);
    u->at += used;
    if (event == HTTP1_MORE)
      return;
    if (event == HTTP1_FAULT) {
      report_reset(u, EXCHANGE_REASON_PROTOCOL);
      return;
    }
    u->extra = u->at < u->len;
    exchange_run_response(run, event, piece);
  }
}

static void on_eof(struct upstream *u, int error) {
  if (u->state == UPSTREAM_IDLE) {
    upstream_reset(u);
    return;
  }
  if (error == 0 && (u->raw || http1_decode_eof(&u->decoder) == HTTP1_END)) {
    u->head.keep_alive = false;
    exchange_run_response(u->run, HTTP1_END, STR_NULL);
    return;
  }
  report_reset(u, EXCHANGE_REASON_TERMINATED);
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
  decode(u);
  if (u->state != UPSTREAM_ACTIVE || !u->block)
    return;
  // All but an unfinished head was handed on (and will be written before this turn ends).
  if (u->decoder.head_done && u->at == u->len)
    u->at = u->len = 0;
}

static void on_event(uv_poll_t *handle, int status, int events) {
  struct upstream *u = container_of(handle, struct upstream, poll);
  struct exchange_run *run = u->run;
  if (status < 0) { // libuv has stopped the handle on an error of the socket
    u->polled = 0;
    events = UV_READABLE | UV_WRITABLE;
  }
  if (u->state == UPSTREAM_CONNECTING) {
    int error = 0;
    socklen_t len = sizeof(error);
    (void)getsockopt(u->out.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    on_connect_result(u, status < 0 && error == 0 ? ECONNREFUSED : error);
  } else if (events & UV_READABLE) {
    on_readable(u);
  }
  // Kept bytes are written by the flush that every turn of an exchange ends with.
  if (run)
    exchange_run_flush(run);
  if (u->state != UPSTREAM_CLOSED)
    upstream_update(u);
}

static bool is_still_open(const struct upstream *u) {
  char byte;
  return recv(u->out.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void begin(struct upstream *u, struct exchange_run *run) {
  u->run = run;
  u->write_failed = u->response_started = u->extra = u->raw = false;
  u->sent_mark = u->out.written;
  u->served++;
}

static struct upstream *take_idle(struct upstream_pool *pool, bool check,
                                  struct exchange_run *run) {
  while (pool->idle) {
    struct upstream *u = pool->idle;
    if (check && !is_still_open(u)) {
      upstream_reset(u);
      continue;
    }
    idle_remove(u);
    u->state = UPSTREAM_ACTIVE;
    worker_timer_set(&u->timer, 0);
    begin(u, run);
    return u;
  }
  return NULL;
}

static struct upstream *alloc(struct worker *worker) {
  struct upstream *u = worker->free_upstreams;
  if (!u) {
    u = XNEW(struct upstream);
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

static int open_socket(const struct table_endpoint *endpoint, bool *ret_connected) {
  int family = endpoint->address.any.sa_family;
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  socklen_t len = family == AF_INET6 ? sizeof(endpoint->address.v6) : sizeof(endpoint->address.v4);
  *ret_connected = connect(fd, &endpoint->address.any, len) == 0;
  if (!*ret_connected && errno != EINPROGRESS) {
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

struct upstream *upstream_get(struct worker *worker, const struct table_cluster *cluster,
                              const struct table_endpoint *endpoint, struct stats_base *base,
                              bool fresh, bool check, struct exchange_run *run,
                              enum exchange_reason *ret_reason) {
  struct upstream_pool *pool = upstream_pool_of(worker, endpoint->slot);
  struct upstream *u = fresh ? NULL : take_idle(pool, check, run);
  if (u)
    return u;
  bool connected;
  int fd = open_socket(endpoint, &connected);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    upstream_close_idle(worker); // descriptors that only wait are worth less than a request
    fd = open_socket(endpoint, &connected);
  }
  if (fd < 0) {
    *ret_reason = errno == ECONNREFUSED || errno == ENETUNREACH || errno == EHOSTUNREACH
                      ? EXCHANGE_REASON_REMOTE_CONNECT
                      : EXCHANGE_REASON_LOCAL_CONNECT;
    return NULL;
  }
  u = alloc(worker);
  u->worker = worker;
  u->pool = pool;
  u->base = base;
  u->cluster_stats = stats_cluster(worker->stats, cluster->slot);
  u->endpoint_stats = stats_endpoint(worker->stats, endpoint->slot);
  u->max_requests = cluster->max_requests_per_connection;
  u->next = worker->upstreams;
  if (u->next)
    u->next->prev = u;
  worker->upstreams = u;
  pump_init(&u->out, fd);
  (void)uv_poll_init(&worker->loop, &u->poll, fd);
  worker_timer_init(&u->timer, &worker->loop, on_timer);
  u->open_handles = 2;
  u->state = UPSTREAM_CONNECTING;
  begin(u, run);
  if (connected) {
    u->state = UPSTREAM_ACTIVE;
    count_connected(u);
  } else {
    count_pending(u, 1);
    worker_timer_set(&u->timer, uv_now(&worker->loop) + (uint64_t)cluster->connect_timeout_ms);
  }
  upstream_update(u);
  return u;
}

bool upstream_has_sent(const struct upstream *u) {
  return u->out.written > u->sent_mark;
}

void upstream_release(struct upstream *u) {
  struct worker *worker = u->worker;
  bool used_up = u->max_requests > 0 && u->served >= u->max_requests;
  bool gone = worker->table && u->pool->seen_version != worker->table->version;
  if (used_up)
    stats_add(&u->cluster_stats->upstream_cx_max_requests, 1);
  if (used_up || gone || worker->draining || u->extra || u->write_failed || !u->head.keep_alive ||
      !pump_is_empty(&u->out)) {
    upstream_reset(u);
    return;
  }
  worker_block_put(worker, u->block);
  u->block = NULL;
  u->at = u->len = 0;
  u->run = NULL;
  u->state = UPSTREAM_IDLE;
  u->idle_prev = NULL;
  u->idle_next = u->pool->idle;
  if (u->idle_next)
    u->idle_next->idle_prev = u;
  u->pool->idle = u;
  u->pool->idle_count++;
  worker_timer_set(&u->timer,
                   uv_now(&worker->loop) + (uint64_t)worker->settings.limits->upstream_idle_ms);
  upstream_update(u);
}

struct str upstream_address_text(const struct sockaddr *address, char out[64]) {
  char host[INET6_ADDRSTRLEN] = "";
  union {
    const struct sockaddr *any;
    const struct sockaddr_in *v4;
    const struct sockaddr_in6 *v6;
  } a = {address};
  int len;
  if (address->sa_family == AF_INET6) {
    (void)inet_ntop(AF_INET6, &a.v6->sin6_addr, host, sizeof(host));
    len = snprintf(out, 64, "[%s]:%u", host, ntohs(a.v6->sin6_port));
  } else {
    (void)inet_ntop(AF_INET, &a.v4->sin_addr, host, sizeof(host));
    len = snprintf(out, 64, "%s:%u", host, ntohs(a.v4->sin_port));
  }
  return (struct str){out, len > 0 ? (size_t)len : 0};
}

struct str upstream_socket_text(int fd, char out[64]) {
  union {
    struct sockaddr any;
    struct sockaddr_in6 v6;
  } address = {0};
  socklen_t len = sizeof(address);
  if (getsockname(fd, &address.any, &len) != 0)
    return STR_NULL;
  return upstream_address_text(&address.any, out);
}

void upstream_take_table(struct worker *worker) {
  const struct proxy_table *table = worker->table;
  for (size_t i = 0; i < table->cluster_count; i++) {
    for (size_t k = 0; k < table->clusters[i].endpoint_count; k++)
      upstream_pool_of(worker, table->clusters[i].endpoints[k].slot)->seen_version = table->version;
  }
  for (uint32_t i = 0; i < worker->pool_count; i++) {
    struct upstream_pool *pool = worker->pools[i];
    while (pool && pool->idle && pool->seen_version != table->version)
      upstream_reset(pool->idle);
  }
}

void upstream_close_idle(struct worker *worker) {
  for (uint32_t i = 0; i < worker->pool_count; i++) {
    while (worker->pools[i] && worker->pools[i]->idle)
      upstream_reset(worker->pools[i]->idle);
  }
}

void upstream_free_all(struct worker *worker) {
  while (worker->free_upstreams) {
    struct upstream *u = worker->free_upstreams;
    worker->free_upstreams = u->next;
    http1_decoder_dispose(&u->decoder);
    xfree(u);
  }
  for (uint32_t i = 0; i < worker->pool_count; i++)
    xfree(worker->pools[i]);
  xfree(worker->pools);
  worker->pools = NULL;
}
