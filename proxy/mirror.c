// SPDX-License-Identifier: Apache-2.0
#include "proxy/mirror.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "proxy/balance.h"
#include "proxy/connection.h"
#include "proxy/exchange_run.h"
#include "proxy/http1_write.h"
#include "proxy/upstream_pool.h"
#include "proxy/worker.h"

#include <string.h>

struct mirror {
  struct upstream_user user;
  struct worker *worker;
  struct worker_table *table; // holds what `user` points to
  struct mirror *next, *prev; // all of the worker that are not over
  struct mirror *sibling;     // the other copies of the same request
  struct upstream *upstream;  // NULL before and after
  atomic_uint *load;          // counts it at its endpoint, or NULL
  struct worker_timer timer;  // its end, and what frees it
  int64_t timeout_ms;         // from the end of the request
  bool is_open;               // not over yet
  bool is_attached;           // the exchange of its request holds it
  bool is_complete;           // the request has ended
  bool is_head, is_chunked;
  char *kept; // the head and, until there is a connection, the body
  size_t head_len, kept_len, room;
  size_t pending; // bytes that wait for the connection's socket
  uint64_t sent_ns;
};

static struct stats_cluster *cluster_of(const struct mirror *m) {
  return stats_cluster(m->worker->stats, m->user.cluster->slot);
}

static struct stats_endpoint *endpoint_of(const struct mirror *m) {
  return stats_endpoint(m->worker->stats, m->user.endpoint->slot);
}

static void on_timer_closed(uv_handle_t *handle) {
  struct mirror *m = container_of(handle, struct mirror, timer.timer);
  xfree(m);
}

// The memory stays until the loop's next turn: a callback of it may be on the stack.
static void free_unused(struct mirror *m) {
  if (!m->is_open && !m->is_attached)
    worker_timer_close(&m->timer, on_timer_closed);
}

static void drop_kept(struct mirror *m) {
  m->worker->mirror_bytes -= m->room;
  xfree(m->kept);
  m->kept = NULL;
  m->room = m->kept_len = 0;
}

static void count_pending(struct mirror *m, size_t pending) {
  m->worker->mirror_bytes += pending - m->pending; // the difference may be negative: it wraps
  m->pending = pending;
}

// Lets go of the connection, which is returned: its user hears nothing more.
static struct upstream *let_go(struct mirror *m) {
  struct upstream *upstream = m->upstream;
  count_pending(m, 0);
  if (upstream) {
    stats_add(&cluster_of(m)->upstream_rq_active, (uint64_t)-1);
    stats_add(&endpoint_of(m)->rq_active, (uint64_t)-1);
  }
  m->upstream = NULL;
  upstream_pool_leave(&m->user);
  if (m->load)
    atomic_fetch_sub_explicit(m->load, 1, memory_order_relaxed);
  m->load = NULL;
  return upstream;
}

// It is over; the connection was let go.
static void finish(struct mirror *m) {
  struct worker *worker = m->worker;
  m->is_open = false;
  drop_kept(m);
  if (m->prev)
    m->prev->next = m->next;
  else
    worker->mirrors = m->next;
  if (m->next)
    m->next->prev = m->prev;
  worker->mirror_count--;
  worker_table_unref(worker, m->table);
  worker_timer_set(&m->timer, 0);
  free_unused(m);
}

static void give_up(struct mirror *m) {
  struct stats_cluster *cluster = cluster_of(m);
  struct upstream *upstream = let_go(m);
  if (upstream) {
    stats_add(&cluster->upstream_rq_tx_reset, 1);
    upstream_reset(upstream);
  }
  finish(m);
}

// Its receiver is too slow for it.
static void abandon(struct mirror *m) {
  stats_add(&cluster_of(m)->retry_or_shadow_abandoned, 1);
  give_up(m);
}

static void on_timer(struct worker_timer *timer) {
  struct mirror *m = container_of(timer, struct mirror, timer);
  if (!m->is_open)
    return;
  stats_add(&cluster_of(m)->upstream_rq_timeout, 1);
  stats_add(&endpoint_of(m)->rq_timeout, 1);
  give_up(m);
}

static bool is_full(const struct worker *worker) {
  return worker->mirror_bytes > MIRROR_BYTES_MAX;
}

static void flush(struct mirror *m) {
  struct upstream *upstream = m->upstream;
  if (!upstream)
    return;
  http1_body_close_chunk(&upstream->body);
  if (!upstream->write_failed && !pump_is_empty(&upstream->out) && pump_flush(&upstream->out) != 0)
    upstream->write_failed = true; // what it said before it closed is read first
  if (upstream->write_failed)
    upstream->out.count = 0;
  count_pending(m, pump_kept(&upstream->out));
  if (m->pending > MIRROR_BUFFER_MAX || (m->pending > 0 && is_full(m->worker)))
    abandon(m);
  else
    upstream_update(upstream);
}

static void attach(struct mirror *m, struct upstream *upstream) {
  m->upstream = upstream;
  stats_add(&cluster_of(m)->upstream_rq_active, 1);
  stats_add(&cluster_of(m)->upstream_rq_total, 1);
  stats_add(&endpoint_of(m)->rq_active, 1);
  stats_add(&endpoint_of(m)->rq_total, 1);
  m->sent_ns = uv_hrtime();
  pump_add(&upstream->out, m->kept, m->head_len);
  http1_body_init(&upstream->body, &upstream->out, m->is_chunked);
  http1_decoder_start(&upstream->decoder, &upstream->head, m->is_head);
  upstream->at = upstream->len = 0;
  if (m->kept_len > m->head_len)
    (void)http1_body_add(&upstream->body,
                         (struct str){m->kept + m->head_len, m->kept_len - m->head_len});
  if (m->is_complete)
    http1_body_end(&upstream->body, STR_NULL);
  // What the socket does not take is in the pump's own memory behind this.
  http1_body_close_chunk(&upstream->body);
  if (pump_flush(&upstream->out) != 0)
    upstream->write_failed = true;
  drop_kept(m);
  flush(m);
}

static struct mirror *mirror_of(struct upstream_user *user) {
  return container_of(user, struct mirror, user);
}

static void on_connected(struct upstream_user *user, struct upstream *upstream, bool reused) {
  (void)reused;
  attach(mirror_of(user), upstream);
}

static void on_failed(struct upstream_user *user, enum exchange_reason reason) {
  (void)reason; // the pool has counted it
  give_up(mirror_of(user));
}

static void on_reset(struct upstream_user *user, enum exchange_reason reason, bool request_started,
                     bool response_started) {
  struct mirror *m = mirror_of(user);
  (void)reason, (void)request_started, (void)response_started;
  stats_add(&endpoint_of(m)->rq_error, 1);
  (void)let_go(m); // the connection is gone already
  finish(m);
}

static void on_end(struct mirror *m) {
  struct upstream *upstream = m->upstream;
  int status = upstream->head.status;
  if (status < 200) { // the final head comes behind this one
    http1_decoder_start(&upstream->decoder, &upstream->head, m->is_head);
    return;
  }
  stats_response(cluster_of(m), (unsigned)status, (int64_t)((uv_hrtime() - m->sent_ns) / 1000000));
  stats_add(status < 500 ? &endpoint_of(m)->rq_success : &endpoint_of(m)->rq_error, 1);
  if (!m->is_complete) { // the rest of the request has nowhere to go
    give_up(m);
    return;
  }
  (void)let_go(m);
  upstream_release(upstream);
  finish(m);
}

static void on_response(struct upstream_user *user, enum http1_event event, struct str piece) {
  struct mirror *m = mirror_of(user);
  (void)piece; // nobody reads it
  if (event == HTTP1_HEAD && m->upstream->head.status == 101)
    give_up(m); // nobody asked for another protocol
  else if (event == HTTP1_END)
    on_end(m);
}

static bool wants_response(const struct upstream_user *user) {
  (void)user;
  return true;
}

static void on_flush(struct upstream_user *user) {
  flush(mirror_of(user));
}

static const struct upstream_user_ops user_ops = {
    .connected = on_connected,
    .failed = on_failed,
    .response = on_response,
    .reset = on_reset,
    .wants_response = wants_response,
    .flush = on_flush,
};

static bool keep(struct mirror *m, struct str piece) {
  struct worker *worker = m->worker;
  if (m->kept_len + piece.len > MIRROR_BUFFER_MAX + m->head_len)
    return false;
  if (m->kept_len + piece.len > m->room) {
    size_t room = (m->kept_len + piece.len + 0xfff) & ~(size_t)0xfff;
    room = m->room && room < 2 * m->room ? 2 * m->room : room;
    if (worker->mirror_bytes + (room - m->room) > MIRROR_BYTES_MAX)
      return false;
    worker->mirror_bytes += room - m->room;
    m->kept = xrealloc(m->kept, room);
    m->room = room;
  }
  memcpy(m->kept + m->kept_len, piece.ptr, piece.len);
  m->kept_len += piece.len;
  return true;
}

void mirror_body(struct mirror *list, struct str piece) {
  for (struct mirror *m = list; m; m = m->sibling) {
    if (!m->is_open)
      continue;
    if (!m->upstream) {
      if (!keep(m, piece))
        abandon(m);
      continue;
    }
    if (!m->upstream->write_failed && http1_body_add(&m->upstream->body, piece) != 0)
      m->upstream->write_failed = true;
    flush(m); // the piece may be gone when the exchange's turn ends
  }
}

static void complete(struct mirror *m) {
  m->is_complete = true;
  if (m->timeout_ms > 0)
    worker_timer_set(&m->timer, uv_now(&m->worker->loop) + (uint64_t)m->timeout_ms);
  if (m->upstream) {
    http1_body_end(&m->upstream->body, STR_NULL);
    flush(m);
  }
}

void mirror_end(struct mirror *list) {
  for (struct mirror *m = list; m; m = m->sibling) {
    if (m->is_open && !m->is_complete)
      complete(m);
  }
}

void mirror_detach(struct exchange_run *run) {
  struct mirror *next;
  for (struct mirror *m = run->mirrors; m; m = next) {
    next = m->sibling;
    m->sibling = NULL;
    m->is_attached = false;
    if (m->is_open && !m->is_complete)
      give_up(m);
    else
      free_unused(m);
  }
  run->mirrors = NULL;
}

void mirror_close_all(struct worker *worker) {
  while (worker->mirrors)
    give_up(worker->mirrors);
}

static bool write_head(struct mirror *m, const struct head *head,
                       const struct http1_write_options *options) {
  struct http1_write_options own = *options;
  char shadow[1100], *block = worker_block_get(m->worker);
  if (m->worker->settings.shadow_hosts)
    own.authority = mirror_shadow_host(own.authority.ptr ? own.authority : head->authority, shadow,
                                       sizeof(shadow));
  size_t len = http1_write_request(block, WORKER_BLOCK, head, &own);
  bool ok = len > 0 && keep(m, (struct str){block, len});
  m->head_len = len;
  worker_block_put(m->worker, block);
  return ok;
}

// One copy, not asked for a connection yet; NULL when there is nobody to send it to.
static struct mirror *make(struct exchange_run *run, const struct table_mirror *to) {
  struct worker *worker = run->worker;
  const struct table_cluster *cluster =
      route_destination_cluster(&to->destination, run->connection->port, run->decision.port);
  uint64_t version = run->table->table->version;
  const struct table_endpoint *endpoint =
      cluster ? balance_pick_any(worker, cluster, version) : NULL;
  if (!endpoint)
    return NULL;
  struct mirror *m = XNEW(struct mirror);
  m->worker = worker;
  m->table = run->table;
  m->table->users++;
  m->user = (struct upstream_user){
      .ops = &user_ops, .worker = worker, .cluster = cluster, .endpoint = endpoint};
  m->user.base =
      upstream_pool_base(upstream_pool_of(worker, cluster, endpoint), cluster, endpoint, version);
  m->is_open = m->is_attached = true;
  m->is_head = run->request.is_head;
  m->timeout_ms = run->exchange.policy.timeout_ms > 0 ? run->exchange.policy.timeout_ms
                                                      : worker->settings.limits->client_idle_ms;
  worker_timer_init(&m->timer, &worker->loop, on_timer);
  m->next = worker->mirrors;
  if (m->next)
    m->next->prev = m;
  worker->mirrors = m;
  worker->mirror_count++;
  m->sibling = run->mirrors;
  run->mirrors = m;
  return m;
}

static void begin_one(struct exchange_run *run, const struct table_mirror *to,
                      const struct http1_write_options *options) {
  struct mirror *m = make(run, to);
  struct upstream *upstream;
  enum exchange_reason reason;
  if (!m)
    return;
  m->is_chunked = options->framing == HTTP1_CHUNKED;
  if (!write_head(m, &run->request, options)) {
    abandon(m);
    return;
  }
  m->load = upstream_load_at(m->worker->settings.load, m->user.endpoint->slot.index);
  if (m->load)
    atomic_fetch_add_explicit(m->load, 1, memory_order_relaxed);
  // A copy is not sent again: a kept connection is looked at before.
  switch (upstream_pool_ask(&m->user, false, true, &upstream, &reason)) {
  case UPSTREAM_WAITS: break;
  case UPSTREAM_READY: attach(m, upstream); break;
  case UPSTREAM_REFUSED: give_up(m); break;
  }
}

void mirror_begin(struct exchange_run *run, const struct http1_write_options *options) {
  const struct table_filters *filters = run->decision.route->filters;
  const struct head_field *id = head_find(&run->request, HEAD_X_REQUEST_ID);
  uint32_t draw = mirror_draw(id ? id->value : STR(""));
  if (options->upgrade)
    return;
  for (size_t i = 0; i < filters->mirror_count; i++) {
    const struct table_mirror *to = &filters->mirrors[i];
    if (draw >= to->share)
      continue;
    if (run->worker->mirror_count < MIRROR_COUNT_MAX)
      begin_one(run, to, options);
    else
      stats_add(&stats_cluster(run->worker->stats, run->decision.cluster->slot)
                     ->retry_or_shadow_abandoned,
                1);
  }
}
