// SPDX-License-Identifier: Apache-2.0
// Connections to endpoints: opening them, keeping idle ones, reading responses. One pool for each
// endpoint slot of a worker; pools outlive tables, so a new configuration loses no connection, and
// those to endpoints that are gone end with their exchange. Decides nothing: what happens is told
// to the exchange that uses the connection (exchange_run.h).
#pragma once

#include "proxy/exchange.h"
#include "proxy/http1.h"
#include "proxy/http1_body.h"
#include "proxy/stats.h"
#include "proxy/worker_timer.h"

struct exchange_run;
struct worker;

enum upstream_state { UPSTREAM_CONNECTING, UPSTREAM_ACTIVE, UPSTREAM_IDLE, UPSTREAM_CLOSED };

struct upstream_pool {
  uint32_t generation;
  uint64_t seen_version; // of the last table that had the endpoint
  struct upstream *idle; // last used first
  unsigned idle_count;
  // The label set of the endpoint in the table of that version.
  struct stats_base *base;
  uint64_t base_version;
};

struct upstream {
  struct worker *worker;
  struct upstream *next, *prev;           // all of the worker
  struct upstream *idle_next, *idle_prev; // of the pool
  struct upstream_pool *pool;
  enum upstream_state state;
  unsigned open_handles;
  uv_poll_t poll;
  int polled; // events asked for
  struct worker_timer timer;
  struct exchange_run *run; // the user while CONNECTING or ACTIVE
  struct stats_cluster *cluster_stats;
  struct stats_endpoint *endpoint_stats;
  struct stats_base *base;
  uint32_t served, max_requests;
  bool write_failed;     // the request cannot be written on; what is left to read decides
  bool response_started; // a byte came for this request
  bool extra;            // bytes behind the response
  bool raw;              // another protocol: nothing to decode
  uint64_t sent_mark;    // out.written when this request began
  struct pump out;
  struct http1_body body;
  struct http1_decoder decoder;
  struct head head; // of the response
  char *block;      // NULL when nothing is buffered
  size_t at, len;
};

// A connection for one try: an idle one unless `fresh`, else a new one in state CONNECTING.
// `check`: look first whether the idle one was closed meanwhile (one more system call). NULL when
// no socket can be made; *ret_reason says why. Never calls back from inside.
struct upstream *upstream_get(struct worker *worker, const struct table_cluster *cluster,
                              const struct table_endpoint *endpoint, struct stats_base *base,
                              bool fresh, bool check, struct exchange_run *run,
                              enum exchange_reason *ret_reason);
// The exchange is over: keeps the connection when it may serve again, else closes it.
void upstream_release(struct upstream *upstream);
// Closes it at once; the exchange hears nothing more.
void upstream_reset(struct upstream *upstream);
// After the exchange's wishes or the pump changed.
void upstream_update(struct upstream *upstream);
// Whether a byte of this try's request was given to the kernel.
bool upstream_has_sent(const struct upstream *upstream);

// "127.0.0.1:4711" into out[0..64).
struct str upstream_address_text(const struct sockaddr *address, char out[64]);
// The same of our end of a connected socket.
struct str upstream_socket_text(int fd, char out[64]);

struct upstream_pool *upstream_pool_of(struct worker *worker, struct table_slot slot);
// The worker took a new table: idle connections to endpoints it does not have are closed.
void upstream_take_table(struct worker *worker);
void upstream_close_idle(struct worker *worker);
void upstream_free_all(struct worker *worker); // after the loop has ended
