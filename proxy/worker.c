// SPDX-License-Identifier: Apache-2.0
#include "proxy/worker.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "proxy/breaker.h"
#include "proxy/connection_end.h"
#include "proxy/connection_work.h"
#include "proxy/handover.h"
#include "proxy/http1_write.h"
#include "proxy/listener.h"
#include "proxy/mirror.h"
#include "proxy/pick.h"
#include "proxy/upstream_pool.h"
#include "proxy/worker_poll.h"

#include <string.h>
#include <time.h>

struct worker *worker_new(unsigned index, const struct worker_settings *settings,
                          const struct stats_source *source) {
  struct worker *worker = XNEW(struct worker);
  worker->index = index;
  worker->settings = *settings;
  rng_init(&worker->rng, settings->seed);
  route_worker_init(&worker->router, rng_next(&worker->rng));
  worker->stats = stats_new(source);
  worker->blocks.dispose = xfree;
  connection_work_init_spare(worker);
  worker->request_text = xmalloc(HTTP1_HEAD_ROOM);
  worker->response_text = xmalloc(HTTP1_HEAD_ROOM);
  return worker;
}

void worker_listen(struct worker *worker, int fd, const char *address, uint16_t port) {
  struct listener *listener = listener_new(worker, fd, address, port);
  listener->next = worker->listeners;
  worker->listeners = listener;
}

void worker_add_listener(struct worker *worker, struct listener *listener) {
  listener->next = atomic_load(&worker->incoming);
  while (!atomic_compare_exchange_weak(&worker->incoming, &listener->next, listener))
    ;
  (void)uv_async_send(&worker->async);
}

void worker_remove_listener(struct worker *worker, struct listener *listener) {
  atomic_store(&listener->leave_asked, true);
  (void)uv_async_send(&worker->async);
}

// Those that were added while a table was on its way are taken up with it; those that were removed
// go.
static void check_listeners(struct worker *worker) {
  struct listener *next, *added = atomic_exchange(&worker->incoming, NULL);
  for (; added; added = next) {
    next = added->next;
    added->next = worker->listeners;
    worker->listeners = added;
    if (worker->draining)
      listener_stop(added, false);
    else if (worker->table)
      listener_take_table(added, worker->table);
  }
  for (struct listener **at = &worker->listeners; *at;) {
    struct listener *listener = *at;
    if (!atomic_load(&listener->leave_asked)) {
      at = &listener->next;
      continue;
    }
    *at = listener->next;
    listener_leave(listener);
  }
}

struct worker_table *worker_table_ref(struct worker *worker) {
  worker->holder->users++;
  return worker->holder;
}

static void holder_end(struct worker *worker, struct worker_table *holder) {
  if (holder->users > 0 || holder->current)
    return;
  table_unref_to(holder->table, worker->settings.grave);
  xfree(holder);
}

void worker_table_unref(struct worker *worker, struct worker_table *holder) {
  holder->users--;
  holder_end(worker, holder);
}

static void fit_picks(struct worker *worker, const struct proxy_table *table) {
  uint32_t count = table->cluster_slots;
  if (count <= worker->pick_count)
    return;
  worker->picks = xrealloc(worker->picks, count * sizeof(*worker->picks));
  while (worker->pick_count < count)
    worker->picks[worker->pick_count++] =
        (struct pick_state){.cursor = (uint32_t)rng_next(&worker->rng)};
}

// From now on new requests are routed with this table; those that run keep theirs.
static void take_table(struct worker *worker, struct proxy_table *table) {
  struct worker_table *old = worker->holder;
  worker->holder = XNEW(struct worker_table);
  *worker->holder = (struct worker_table){.table = table, .current = true};
  worker->table = table;
  fit_picks(worker, table);
  route_worker_fit(&worker->router, table);
  worker_sweep_start(worker);
  if (old) {
    old->current = false;
    holder_end(worker, old);
  }
  for (struct listener *l = worker->listeners; l && !worker->draining; l = l->next)
    listener_take_table(l, table);
  worker->took(worker->ctx, worker->index, table->version);
}

// The polls that are left are nobody's: worker_poll_free_all closes them.
static void close_handle(uv_handle_t *handle, void *arg) {
  (void)arg;
  if (!uv_is_closing(handle) && handle->type != UV_POLL)
    uv_close(handle, NULL);
}

static void end(struct worker *worker) {
  if (worker->stopping)
    return;
  worker->stopping = true;
  breakers_detach(worker->settings.breakers, worker->index);
  for (struct listener *l = worker->listeners; l; l = l->next)
    listener_stop(l, true);
  connection_end_all(worker);
  mirror_close_all(worker);
  while (worker->upstreams)
    upstream_reset(worker->upstreams);
  uv_walk(&worker->loop, close_handle, NULL);
}

void worker_check_drained(struct worker *worker) {
  if (worker->draining && !worker->stopping && worker->connection_count == 0)
    (void)uv_async_send(&worker->async); // ends on its own turn, not inside this one
}

static void on_farewells_over(uv_timer_t *timer) {
  end(container_of(timer, struct worker, drain_timer));
}

static void on_drain_over(uv_timer_t *timer) {
  struct worker *worker = container_of(timer, struct worker, drain_timer);
  if (!worker->sweep.streams) {
    end(worker);
    return;
  }
  // Their farewells need a moment on the wire.
  worker_sweep_end_streams(worker);
  (void)uv_timer_start(&worker->drain_timer, on_farewells_over,
                       (uint64_t)worker->settings.limits->linger_ms, 0);
}

static void begin_drain(struct worker *worker) {
  worker->draining = true;
  const struct str *handed = atomic_load(&worker->handed);
  for (struct listener *l = worker->listeners; l; l = l->next)
    listener_stop(l, (worker->settings.inherited && !l->is_of_gateway) ||
                         (handed && handover_serves(*handed, l->address, l->port)));
  upstream_close_idle(worker);
  connection_end_drain(worker, worker->settings.limits->drain_idle_ms == 0);
  (void)uv_timer_start(&worker->drain_timer, on_drain_over,
                       (uint64_t)atomic_load(&worker->drain_ms), 0);
  worker_check_drained(worker);
}

static void on_async(uv_async_t *async) {
  struct worker *worker = container_of(async, struct worker, async);
  struct proxy_table *table = atomic_exchange(&worker->mailbox, NULL);
  if (table)
    take_table(worker, table);
  if (!worker->stopping)
    check_listeners(worker);
  if (atomic_exchange(&worker->pools_asked, false) && !worker->stopping)
    upstream_pool_wake(worker);
  if (atomic_load(&worker->drain_asked) && !worker->draining)
    begin_drain(worker);
  if (atomic_load(&worker->stop_asked) || (worker->draining && worker->connection_count == 0))
    end(worker);
}

static void ask_pools(void *ctx) {
  struct worker *worker = ctx;
  atomic_store(&worker->pools_asked, true);
  (void)uv_async_send(&worker->async);
}

static void run(void *arg) {
  struct worker *worker = arg;
  (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
  worker->done(worker->ctx, worker->index);
}

int worker_open(struct worker *worker, worker_took_fn took, worker_done_fn done, void *ctx,
                struct err *err) {
  worker->took = took;
  worker->done = done;
  worker->ctx = ctx;
  int rc = uv_loop_init(&worker->loop);
  if (rc == 0)
    rc = uv_async_init(&worker->loop, &worker->async, on_async);
  if (rc == 0)
    rc = uv_timer_init(&worker->loop, &worker->drain_timer);
  if (rc == 0)
    worker_sweep_open(worker);
  if (rc != 0)
    return err_set(err, RC_IO, "cannot open a loop: %s", uv_strerror(rc));
  worker->opened = true;
  breakers_attach(worker->settings.breakers, worker->index, worker->stats, ask_pools, worker);
  return 0;
}

int worker_start(struct worker *worker, worker_took_fn took, worker_done_fn done, void *ctx,
                 struct err *err) {
  int rc = worker_open(worker, took, done, ctx, err);
  if (rc != 0)
    return rc;
  rc = uv_thread_create(&worker->thread, run, worker);
  return rc == 0 ? 0 : err_set(err, RC_IO, "cannot start a worker: %s", uv_strerror(rc));
}

void worker_publish(struct worker *worker, struct proxy_table *table) {
  table_unref(atomic_exchange(&worker->mailbox, table)); // one that was never taken
  (void)uv_async_send(&worker->async);
}

void worker_drain(struct worker *worker, int64_t drain_ms) {
  atomic_store(&worker->drain_ms, drain_ms);
  atomic_store(&worker->drain_asked, true);
  (void)uv_async_send(&worker->async);
}

void worker_hand_over(struct worker *worker, const struct str *served) {
  atomic_store(&worker->handed, served);
}

void worker_stop(struct worker *worker) {
  atomic_store(&worker->stop_asked, true);
  (void)uv_async_send(&worker->async);
}

void worker_join(struct worker *worker) {
  (void)uv_thread_join(&worker->thread);
}

void worker_free(struct worker *worker) {
  connection_end_free(worker);
  upstream_free_all(worker);
  upstream_pool_free_all(worker);
  for (struct listener *l = atomic_load(&worker->incoming), *next; l; l = next) {
    next = l->next;
    listener_free(l);
  }
  while (worker->listeners) {
    struct listener *next = worker->listeners->next;
    listener_free(worker->listeners);
    worker->listeners = next;
  }
  table_unref(atomic_load(&worker->mailbox));
  if (worker->holder) {
    worker->holder->current = false;
    holder_end(worker, worker->holder);
  }
  route_worker_dispose(&worker->router);
  stats_free(worker->stats);
  worker_spare_free_all(&worker->blocks);
  worker_poll_free_all(worker);
  if (worker->opened)
    BUG_ON(uv_loop_close(&worker->loop) != 0);
  for (uint32_t i = 0; i < worker->pick_count; i++)
    pick_state_dispose(&worker->picks[i]);
  xfree(worker->picks);
  xfree(worker->request_text);
  xfree(worker->response_text);
  xfree(worker);
}

char *worker_block_get(struct worker *worker) {
  char *block = worker_spare_take(&worker->blocks);
  worker->blocks_used++;
  return block ? block : xmalloc(WORKER_BLOCK);
}

void worker_block_put(struct worker *worker, char *block) {
  if (!block)
    return;
  worker->blocks_used--;
  worker_spare_put(&worker->blocks, block, worker_now_ms(worker));
}

bool worker_is_overloaded(const struct worker *worker) {
  uint32_t most = worker->settings.limits->blocks_max;
  return most > 0 && worker->blocks_used >= most;
}

int64_t worker_now_ms(const struct worker *worker) {
  return (int64_t)uv_now(&worker->loop);
}

int64_t worker_wall_ms(void) {
  return clock_wall_ms();
}

struct str worker_date(struct worker *worker) {
  int64_t turn_ms = worker_now_ms(worker);
  if (turn_ms == worker->date_turn_ms) // the clock was read in this turn
    return str_of(worker->date);
  worker->date_turn_ms = turn_ms;
  int64_t now_s = worker_wall_ms() / 1000;
  if (now_s != worker->date_s) {
    struct tm tm;
    time_t t = (time_t)now_s;
    (void)gmtime_r(&t, &tm);
    (void)strftime(worker->date, sizeof(worker->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    worker->date_s = now_s;
  }
  return str_of(worker->date);
}
