// SPDX-License-Identifier: Apache-2.0
// One loop on one thread with everything it owns: listeners, connections, upstream pools, timers,
// counters, memory. Workers share only immutable tables, the load counters, circuit breakers and
// their stats, which others read. The main thread speaks to a worker through worker_publish and
// worker_drain only.
#pragma once

#include "manifests/base/rng.h"
#include "proxy/http1.h"
#include "proxy/route.h"
#include "proxy/stats.h"
#include "proxy/trace_context.h"
#include "proxy/table_grave.h"
#include "proxy/upstream_load.h"
#include "proxy/worker_spare.h"
#include "proxy/worker_sweep.h"

#include <uv.h>

struct access_log_ring;
struct breakers;
struct connection;
struct connection_work;
struct listener;
struct mirror;
struct outlier_set;
struct pick_state;
struct upstream;
struct upstream_pool;
struct worker_poll;

// One block holds a request head, what is kept of its body, and bytes just read.
#define WORKER_BLOCK (80u * 1024)

// A table with the number of this worker's requests that use it: taking one costs no atomic
// operation.
struct worker_table {
  struct proxy_table *table;
  uint32_t users;
  bool current;
};

struct worker_limits {
  int64_t stream_drain_ms;    // a stream whose version has lost its traffic
  int64_t header_timeout_ms;  // from the first byte of a request to the end of its head
  int64_t request_timeout_ms; // from the end of its head to its end; 0: none
  int64_t connection_ms;      // how long a client connection may be used; 0: for ever
  int64_t idle_timeout_ms;    // a client connection without a request
  int64_t client_idle_ms;     // an exchange that waits for its client to send or to read
  int64_t stream_idle_ms;     // an exchange without a byte
  int64_t upstream_idle_ms;   // a kept upstream connection
  int64_t linger_ms;          // reading on after an answer that ends the connection
  int64_t drain_idle_ms;      // how long an idle connection may still send a request in a drain
  uint32_t connections_max;   // of one worker
  uint32_t blocks_max;        // in use by one worker before new requests are refused; 0: no limit
  struct http1_rules http1;   // how requests are read
};

struct worker_settings {
  const struct worker_limits *limits;
  struct upstream_load *load;
  struct outlier_set *outliers; // health, shared by all workers; NULL: all are healthy
  struct breakers *breakers;
  struct table_grave *grave;     // for tables that are not used any more; NULL: freed at once
  bool inherited;                // the listening sockets live on after this process
  const atomic_bool *close_hint; // answers say "connection: close" while it is set; may be NULL
  enum trace_mode tracing;       // what a request without a trace gets
  bool shadow_hosts;             // mirrored requests are for "host-shadow"
  uint64_t seed;
};

// Told on the worker's thread, must be quick and thread-safe.
typedef void (*worker_took_fn)(void *ctx, unsigned worker, uint64_t version);
typedef void (*worker_done_fn)(void *ctx, unsigned worker);

struct worker {
  unsigned index;
  struct worker_settings settings;
  uv_loop_t loop;
  uv_thread_t thread;
  uv_async_t async;
  uv_timer_t drain_timer;
  worker_took_fn took;
  worker_done_fn done;
  void *ctx;
  // From the main thread.
  _Atomic(struct proxy_table *) mailbox; // the newest table, or NULL when taken
  atomic_bool drain_asked, stop_asked;
  atomic_bool pools_asked;            // by another worker, for a connection or with a place for one
  _Atomic(const struct str *) handed; // what another process serves from now on, or NULL
  _Atomic int64_t drain_ms;
  // The worker's own.
  struct proxy_table *table;   // the current one, NULL before the first
  struct worker_table *holder; // of the same
  struct mirror *mirrors;      // those that are not over
  unsigned mirror_count;
  size_t mirror_bytes; // they keep
  struct route_worker router;
  struct rng rng;
  struct stats *stats;
  struct access_log_ring *access_log;  // NULL when off
  _Atomic(struct listener *) incoming; // a stack: listeners to be added
  struct listener *listeners;
  struct connection *connections, *free_connections;
  unsigned connection_count, free_connection_count;
  struct upstream *upstreams, *free_upstreams;
  unsigned free_upstream_count;
  struct upstream_pool **pools; // by endpoint slot
  struct worker_sweep sweep;
  struct upstream_pool *limited_pools, *blocked_pools;
  struct pick_state *picks; // by cluster slot
  uint32_t pool_count, pick_count;
  // The label set of the last request without endpoint.
  struct stats_base *local_base;
  uint64_t local_base_version;
  const char *local_base_service;
  struct worker_spare blocks, works; // free ones
  struct worker_poll **polls;        // by descriptor
  size_t poll_count;
  unsigned blocks_used;
  char *request_text, *response_text; // heads of this turn, HTTP1_HEAD_ROOM each
  char date[32];
  int64_t date_s, date_turn_ms;
  bool opened, draining, stopping;
};

// Starts nothing yet. `source` names this proxy in the metrics.
struct worker *worker_new(unsigned index, const struct worker_settings *settings,
                          const struct stats_source *source);
// A listening socket bound to this address, taken over. Before worker_start.
void worker_listen(struct worker *worker, int fd, const char *address, uint16_t port);
// From the main thread, while it runs. A listener of the newest table: it accepts when the worker
// has taken a table that declares it.
void worker_add_listener(struct worker *worker, struct listener *listener);
// It accepts no more, its connections end after the request they are busy with; not to be touched
// afterwards.
void worker_remove_listener(struct worker *worker, struct listener *listener);
// Opens the loop, without a thread: tests run it themselves.
int worker_open(struct worker *worker, worker_took_fn took, worker_done_fn done, void *ctx,
                struct err *err);
// The same and a thread that runs it.
int worker_start(struct worker *worker, worker_took_fn took, worker_done_fn done, void *ctx,
                 struct err *err);
// From the main thread: swallows one reference; worker_took_fn follows.
void worker_publish(struct worker *worker, struct proxy_table *table);
// From the main thread: stop accepting, answer what runs with "connection: close", end after at
// most drain_ms; worker_done_fn follows, then worker_join may be called.
void worker_drain(struct worker *worker, int64_t drain_ms);
// From the main thread, before worker_drain: another process has these addresses' listening sockets
// too ("ADDRESS PORT" lines, which outlive the worker): what waits in them is left to it.
void worker_hand_over(struct worker *worker, const struct str *served);
// From the main thread: ends now, whatever runs.
void worker_stop(struct worker *worker);
void worker_join(struct worker *worker);
// After worker_join of all workers: descriptors are everybody's.
void worker_free(struct worker *worker);

// On the worker's thread.
struct worker_table *worker_table_ref(struct worker *worker);
void worker_table_unref(struct worker *worker, struct worker_table *holder);
char *worker_block_get(struct worker *worker);
// So many are in use that no further request may begin.
bool worker_is_overloaded(const struct worker *worker);
void worker_block_put(struct worker *worker, char *block);
int64_t worker_now_ms(const struct worker *worker); // the loop's clock
int64_t worker_wall_ms(void);                       // since 1970
struct str worker_date(struct worker *worker);
void worker_check_drained(struct worker *worker);
