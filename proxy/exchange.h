// SPDX-License-Identifier: Apache-2.0
// One request and its response as a pure state machine: events in, actions out. It knows no HTTP/1,
// no sockets, no clock and holds no bytes; whoever owns an exchange (exchange_run.c) performs the
// actions in the order of their bits and reports what came of them as further events. Each side
// walks HEAD -> BODY -> CLOSED on its own, so an early response, an upload that goes on and a retry
// are all just combinations. Times are milliseconds of any steady clock.
#pragma once

#include "manifests/base/str.h"
#include "proxy/retry_policy.h"

enum exchange_half { EXCHANGE_HEAD, EXCHANGE_BODY, EXCHANGE_CLOSED };

enum exchange_try {
  EXCHANGE_TRY_NONE,       // no try runs
  EXCHANGE_TRY_DELAY,      // a fault holds the request back before its first try
  EXCHANGE_TRY_CONNECTING, // waits for a connection
  EXCHANGE_TRY_OPEN,       // the request head was written
  EXCHANGE_TRY_BACKOFF,    // waits for the next try
};

// Response flags in the order in which they are printed. XX(name)
#define EXCHANGE_FLAG_MAP(XX)                                                                      \
  XX(UH)                                                                                           \
  XX(UF)                                                                                           \
  XX(UO)                                                                                           \
  XX(NR)                                                                                           \
  XX(URX) XX(NC) XX(DT) XX(DC) XX(UT) XX(LR) XX(UR) XX(UC) XX(DI) XX(FI) XX(SI) XX(DPE) XX(UPE)

enum exchange_flag_bit {
#define XX(name) EXCHANGE_BIT_##name,
  EXCHANGE_FLAG_MAP(XX)
#undef XX
      EXCHANGE_BIT_COUNT
};

enum exchange_flag {
#define XX(name) EXCHANGE_##name = 1u << EXCHANGE_BIT_##name,
  EXCHANGE_FLAG_MAP(XX)
#undef XX
};

// Why a try ended without a response. XX(name, text, details word, status, flag)
#define EXCHANGE_REASON_MAP(XX)                                                                    \
  XX(REMOTE_CONNECT, "remote connection failure", "remote_connection_failure", 503, UF)            \
  XX(LOCAL_CONNECT, "local connection failure", "local_connection_failure", 503, UF)               \
  XX(CONNECT_TIMEOUT, "connection timeout", "connection_timeout", 503, UF)                         \
  XX(TERMINATED, "connection termination", "connection_termination", 503, UC)                      \
  XX(REMOTE_RESET, "remote reset", "remote_reset", 503, UR)                                        \
  XX(LOCAL_RESET, "local reset", "local_reset", 503, LR)                                           \
  XX(PROTOCOL, "protocol error", "protocol_error", 502, UPE)                                       \
  XX(OVERFLOW, "overflow", "overflow", 503, UO)

enum exchange_reason {
#define XX(name, text, details, status, flag) EXCHANGE_REASON_##name,
  EXCHANGE_REASON_MAP(XX)
#undef XX
      EXCHANGE_REASON_COUNT
};

enum exchange_event_kind {
  EXCHANGE_ON_BEGIN,          // the head was routed to a cluster
  EXCHANGE_ON_LOCAL,          // the head is answered here: .reply
  EXCHANGE_ON_REQUEST_BODY,   // a piece came from the client
  EXCHANGE_ON_REQUEST_END,    //
  EXCHANGE_ON_REQUEST_FAULT,  // its framing broke, or it is too long: .reply
  EXCHANGE_ON_CLIENT_GONE,    //
  EXCHANGE_ON_CLIENT_FULL,    // bytes for the client wait in our memory, above the high mark
  EXCHANGE_ON_CLIENT_READY,   // below the low mark again
  EXCHANGE_ON_CLIENT_DRAINED, // nothing waits
  EXCHANGE_ON_CONNECTED,      // .reused says whether the connection has served before
  EXCHANGE_ON_NO_ENDPOINT,    // nobody to connect to: .reply
  EXCHANGE_ON_CONNECT_FAILED, // .reason
  EXCHANGE_ON_UPSTREAM_FULL,
  EXCHANGE_ON_UPSTREAM_READY,
  EXCHANGE_ON_COPY_LOST,     // the request body is too long to be kept for another try; not while
                             // CONNECTING, when the owner reads no more than it can hold
  EXCHANGE_ON_INTERIM,       // a 1xx head; .status
  EXCHANGE_ON_RESPONSE_HEAD, // .status, .grpc_status, .is_ratelimited, .is_retriable
  EXCHANGE_ON_RESPONSE_BODY,
  EXCHANGE_ON_RESPONSE_END,
  EXCHANGE_ON_UPSTREAM_RESET, // .reason, .request_started, .response_started
  EXCHANGE_ON_STREAM_DRAINED, // a response without an end of its own has had its time
  EXCHANGE_ON_TIMER,          // the time of exchange_deadline has come, or any other
};

struct exchange_reply {
  int status;
  uint32_t flags; // bits of enum exchange_flag
  struct str body, details;
};

struct exchange_event {
  enum exchange_event_kind kind;
  int64_t now_ms;
  uint64_t rnd;     // used for the back-off
  int64_t delay_ms; // ON_BEGIN, ON_LOCAL: a fault holds the request back for so long first
  int status, grpc_status;
  bool is_ratelimited, is_retriable; // x-envoy-ratelimited, a header that asks for a retry
  bool reused, request_started, response_started;
  enum exchange_reason reason;
  struct exchange_reply reply;
};

// What to do, to be done from the lowest bit to the highest.
enum exchange_action {
  EXCHANGE_DO_RESET_UPSTREAM = 1 << 0,   // drop the try and its connection
  EXCHANGE_DO_CONNECT = 1 << 1,          // pick an endpoint and get a connection (exchange->fresh)
  EXCHANGE_DO_SEND_HEAD = 1 << 2,        // the request head, the body kept so far, its end if known
  EXCHANGE_DO_FORWARD_REQUEST = 1 << 3,  // this piece goes upstream
  EXCHANGE_DO_END_REQUEST = 1 << 4,      //
  EXCHANGE_DO_FORWARD_INTERIM = 1 << 5,  // this 1xx head goes to the client
  EXCHANGE_DO_SEND_RESPONSE = 1 << 6,    // this head goes to the client
  EXCHANGE_DO_FORWARD_RESPONSE = 1 << 7, // this piece goes to the client
  EXCHANGE_DO_END_RESPONSE = 1 << 8,     //
  EXCHANGE_DO_REPLY = 1 << 9,            // exchange->reply is the whole response
  EXCHANGE_DO_RELEASE_UPSTREAM = 1 << 10, // the connection may serve others
  EXCHANGE_DO_RESET_CLIENT = 1 << 11,     // the response is cut: the client must notice
  EXCHANGE_DO_FINISH = 1 << 12,           // exactly once, the last: the record is complete
};

struct exchange_policy {
  int64_t timeout_ms;         // from the end of the request to the end of the response; 0: none
  int64_t per_try_timeout_ms; // 0: none
  int64_t request_timeout_ms; // from its head until all of the request has come; 0: none
  int64_t idle_timeout_ms;    // without any byte while the backend is awaited; 0: none
  int64_t client_idle_ms;     // the same while the client is: it has to send, or to read; 0: none
  const struct retry_policy *retry;
  // Whether the cluster bears one retry more; asked once for each that is about to be made, which
  // counts from then on. NULL: always.
  bool (*take_retry)(void *ctx);
  void *ctx;
  bool timeout_is_204; // the client wants a timeout to look like an empty success
  bool is_idempotent;  // may be replayed when a kept connection turns out dead
  bool may_tunnel;     // the client asked for another protocol and may get it
};

struct exchange {
  enum exchange_half request, response;
  enum exchange_try try;
  struct exchange_policy policy;
  bool fresh;  // the next connection must be a new one
  bool reused; // the present one has served before
  bool client_full, upstream_full;
  bool copy_lost;         // the request cannot be sent again
  bool interim_forwarded; // nor after this
  bool cut;               // the client connection must not be used again
  bool tunnel;            // both sides agreed on another protocol: bytes pass as they are
  bool finished;
  uint32_t tries;   // begun so far, stale connections not counted
  uint32_t retries; // by policy
  int64_t started_ms, request_end_ms, try_ms, backoff_until_ms, active_ms, delay_until_ms;
  struct exchange_reply reply;
  // The record.
  int status;     // sent to the client; 0: none
  uint32_t flags; // bits of enum exchange_flag
  struct str details;
  bool retry_limit;    // wanted another try but had none left
  bool retry_overflow; // nor does the cluster bear another
  bool retry_success;  // a retry ended in something that is not retried
  uint32_t try_timeouts;
  bool timed_out; // the try that is dropped has taken too long; for who drops it, who clears it
};

// The request head came at now_ms; `has_body`: more of the request follows. The first event is
// EXCHANGE_ON_BEGIN or EXCHANGE_ON_LOCAL.
void exchange_init(struct exchange *exchange, const struct exchange_policy *policy, bool has_body,
                   int64_t now_ms);
// Returns bits of enum exchange_action.
uint32_t exchange_step(struct exchange *exchange, const struct exchange_event *event);

// Whether a fault holds the request back: there is nobody yet whom a client that left would miss.
bool exchange_is_delayed(const struct exchange *exchange);
// Whether bytes of the request, of the response may be read now.
bool exchange_wants_request(const struct exchange *exchange);
bool exchange_wants_response(const struct exchange *exchange);
// Whether the request's body must be kept for another try.
bool exchange_keeps_request(const struct exchange *exchange);
// How long the present try has before a timeout ends it, from the end of the request on: the try's
// own, or the route's (of it, what earlier tries have left); 0: for ever.
int64_t exchange_try_budget(const struct exchange *exchange, int64_t now_ms);
// When to send EXCHANGE_ON_TIMER; 0: no need.
int64_t exchange_deadline(const struct exchange *exchange);

struct str exchange_reason_text(enum exchange_reason reason);
// "NR" -> EXCHANGE_NR; 0 for "" and unknown ones.
uint32_t exchange_flag_find(struct str name);
// "UF,URX", "-" for none; into out[0..64), returns a view of it.
struct str exchange_flags_text(uint32_t flags, char out[64]);
