// SPDX-License-Identifier: Apache-2.0
// One connection to an endpoint: opening it, reading responses, keeping it while it is idle.
// Decides nothing: what happens is told to its user, and who gets it next is the pool's business
// (upstream_pool.h).
#pragma once

#include "proxy/exchange.h"
#include "proxy/http1.h"
#include "proxy/http1_body.h"
#include "proxy/stats.h"
#include "proxy/worker_timer.h"

struct breaker;
struct upstream;
struct upstream_pool;
struct upstream_user;
struct worker;

// What a user hears. Only from the loop, never from inside a call of the user's own.
struct upstream_user_ops {
  // A connection for a request that waited. `reused`: it has served before.
  void (*connected)(struct upstream_user *user, struct upstream *upstream, bool reused);
  // None came; EXCHANGE_REASON_OVERFLOW: the cluster's limits.
  void (*failed)(struct upstream_user *user, enum exchange_reason reason);
  void (*response)(struct upstream_user *user, enum http1_event event, struct str piece);
  // The connection is gone.
  void (*reset)(struct upstream_user *user, enum exchange_reason reason, bool request_started,
                bool response_started);
  bool (*wants_response)(const struct upstream_user *user);
  // The end of a turn in which the above were called: what was staged must be written.
  void (*flush)(struct upstream_user *user);
};

// One who sends requests: an exchange. It is set up before upstream_pool_ask; all it points to
// stays valid until the user has let go.
struct upstream_user {
  const struct upstream_user_ops *ops;
  struct worker *worker;
  const struct table_cluster *cluster;
  const struct table_endpoint *endpoint;
  struct stats_base *base;
  // The pool's own.
  struct upstream_user *next, *prev; // those who wait
  struct upstream_pool *waits;       // NULL: it does not wait
  struct breaker *request;           // counts this request, or NULL
  bool fresh;                        // only a connection that has not served yet will do
  bool counts_pending;
};

enum upstream_state { UPSTREAM_CONNECTING, UPSTREAM_ACTIVE, UPSTREAM_IDLE, UPSTREAM_CLOSED };

struct upstream {
  struct worker *worker;
  struct upstream *next, *prev;           // all of the worker
  struct upstream *idle_next, *idle_prev; // of the pool
  struct upstream_pool *pool;
  enum upstream_state state;
  struct worker_poll *poll;
  struct worker_timer timer;
  struct upstream_user *user; // while ACTIVE
  struct stats_cluster *cluster_stats;
  struct stats_endpoint *endpoint_stats;
  struct stats_base *base;
  uint32_t cluster_generation, endpoint_generation; // of the slots these counters belong to
  uint32_t served, max_requests;
  uint64_t idle_timeout_ms, expires_ms; // the loop's clock; 0: never
  bool counts_idle;                     // in the breaker
  bool write_failed;     // the request cannot be written on; what is left to read decides
  bool response_started; // a byte came for this request
  bool extra;            // bytes behind the response
  bool raw;              // another protocol: nothing to decode
  uint64_t counted;      // out.written, as far as it is in the counters
  uint64_t sent_mark;    // out.written when this request began
  struct pump out;
  struct http1_body body;
  struct http1_decoder decoder;
  char local[64];   // upstream_local_text, "" before
  struct head head; // of the response
  char *block;      // NULL when nothing is buffered
  size_t at, len;
};

// Begins to connect. NULL when no socket can be made; *ret_reason says why.
struct upstream *upstream_open(struct upstream_pool *pool, const struct upstream_user *user,
                               enum exchange_reason *ret_reason);
// An idle connection serves this user from now on.
void upstream_begin(struct upstream *upstream, struct upstream_user *user);
// Whether the other side has not closed an idle connection (one system call).
bool upstream_is_still_open(const struct upstream *upstream);
// The exchange is over: keeps the connection when it may serve again, else closes it.
void upstream_release(struct upstream *upstream);
// Closes it at once; the user hears nothing more.
void upstream_reset(struct upstream *upstream);
// Closes the connections of the pool that are not made yet.
void upstream_drop_connecting(struct upstream_pool *pool);
// After the user's wishes or the pump changed.
void upstream_update(struct upstream *upstream);
// Whether a byte of this try's request was given to the kernel.
bool upstream_has_sent(const struct upstream *upstream);
void upstream_free_all(struct worker *worker); // after the loop has ended

// Our end of the connection, for the log; asked from the kernel once.
struct str upstream_local_text(struct upstream *upstream);
