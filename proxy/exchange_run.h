// SPDX-License-Identifier: Apache-2.0
// Performs what exchange.c decides for one request of one client connection: routes it, gets
// upstream connections, writes heads and bodies, and turns what happens into events. One is
// embedded in the work of each busy HTTP/1 connection and used again for the next request of any; a
// head of 6 KB and the texts below are all it needs, so a request allocates nothing.
#pragma once

#include "proxy/cors.h"
#include "proxy/balance.h"
#include "proxy/exchange.h"
#include "proxy/exchange_policy.h"
#include "proxy/grpc_frames.h"
#include "proxy/http1.h"
#include "proxy/pick.h"
#include "proxy/route.h"
#include "proxy/ws_frames.h"
#include "proxy/upstream.h"
#include "proxy/trace_context.h"

#include <stdatomic.h>

struct connection;
struct mirror;
struct worker;
struct worker_table;

struct exchange_run {
  struct connection *connection;
  struct worker *worker;
  struct upstream_user user;
  struct upstream *upstream; // of the present try, or NULL
  struct worker_table *table;
  struct exchange exchange;
  struct exchange_event next; // what an action led to
  struct str piece;           // of the present event
  bool has_next;
  bool active;     // an exchange runs
  bool prepared;   // the request's head has what the proxy adds
  bool upgrade;    // the client asks for WebSocket
  bool is_gateway; // the listener's persona: overwrite what an outside client claims
  bool cut_hard;   // the end of the connection is the end of the body: a cut must be a reset
  // A response without an end of its own: see worker_sweep.h.
  bool is_stream;
  struct ws_frames request_ws, response_ws; // of a tunnel
  struct exchange_run *stream_next, *stream_prev;
  char route_text[64];  // the route's name, once the table it stood in is given back
  int64_t drain_due_ms; // 0: its version has traffic
  struct route_decision decision;
  struct exchange_wishes wishes;         // of the client: control headers
  struct breaker *retry_of;              // counts the retry that is made, or NULL
  const struct table_endpoint *endpoint; // of the last try
  struct pick_tried tried;
  struct balance_key key; // for clusters that are hashed
  struct stats_base *base;
  atomic_uint *load; // counts this try, or NULL
  uint64_t start_ns, sent_ns, service_ms;
  bool has_service_ms;
  int64_t start_wall_ms; // when an access log is kept
  int16_t grpc_status;
  bool is_grpc;
  struct grpc_frames request_frames, response_frames;
  uint64_t request_messages, response_messages;
  uint64_t request_body_bytes, response_body_bytes, client_mark;
  char peer_text[64];
  char trace_text[TRACE_TEXT];
  char id_text[40], attempt_text[12], timeout_text[24], grpc_timeout_text[28], service_text[24],
      upstream_local[64];
  // Of the route's filters (exchange_filters.h).
  bool has_fault;
  enum cors_kind cors_kind;
  struct cors_request cors;
  struct mirror *mirrors; // of this request
  char *scratch;          // a block of the worker's for computed header values, or NULL
  size_t scratch_len;
  struct head request;
};

// That of the request as matches and redirects take it: what a mesh client says, else http.
struct str exchange_run_scheme(struct exchange_run *run);

// The head in run->request was read just now; `has_body`: more of the request follows.
void exchange_run_begin(struct exchange_run *run, bool has_body);
// From the client's connection. `piece` stays valid until exchange_run_flush.
void exchange_run_request_body(struct exchange_run *run, struct str piece);
// The body's framing broke, or it is longer than allowed.
void exchange_run_request_fault(struct exchange_run *run, const struct http1_fault *fault);
void exchange_run_event(struct exchange_run *run, enum exchange_event_kind kind);
// Writes both ways and reports what the sockets took; afterwards run->active says whether it goes
// on.
void exchange_run_write(struct exchange_run *run);
// The same at the end of a turn that was not the connection's own: it then goes on with its next
// request.
void exchange_run_flush(struct exchange_run *run);

// Whether bytes of the request's body are to be read; `held` are kept in memory already.
bool exchange_run_wants_request(const struct exchange_run *run, size_t held);
// Whether the client's body bytes must stay in memory after they were written upstream.
bool exchange_run_keeps_request(const struct exchange_run *run);
