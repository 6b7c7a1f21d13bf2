// SPDX-License-Identifier: Apache-2.0
// Whether a failed try is made again, and when (docs/dataplane.md section 2). Pure; the exchange
// asks, the table holds the policy of each route. It does not count or schedule anything itself.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// XX(name, bit, token)
#define RETRY_ON_MAP(XX)                                                                           \
  XX(5XX, 0, "5xx")                                                                                \
  XX(GATEWAY_ERROR, 1, "gateway-error")                                                            \
  XX(RESET, 2, "reset")                                                                            \
  XX(RESET_BEFORE_REQUEST, 3, "reset-before-request")                                              \
  XX(CONNECT_FAILURE, 4, "connect-failure")                                                        \
  XX(REFUSED_STREAM, 5, "refused-stream")                                                          \
  XX(RETRIABLE_4XX, 6, "retriable-4xx")                                                            \
  XX(RETRIABLE_STATUS_CODES, 7, "retriable-status-codes")                                          \
  XX(RETRIABLE_HEADERS, 8, "retriable-headers")                                                    \
  XX(ENVOY_RATELIMITED, 9, "envoy-ratelimited")                                                    \
  XX(HTTP3_POST_CONNECT_FAILURE, 10, "http3-post-connect-failure")                                 \
  XX(CANCELLED, 11, "cancelled")                                                                   \
  XX(DEADLINE_EXCEEDED, 12, "deadline-exceeded")                                                   \
  XX(INTERNAL, 13, "internal")                                                                     \
  XX(RESOURCE_EXHAUSTED, 14, "resource-exhausted")                                                 \
  XX(UNAVAILABLE, 15, "unavailable")

enum retry_on {
#define XX(name, bit, token) RETRY_ON_##name = 1u << (bit),
  RETRY_ON_MAP(XX)
#undef XX
};

#define RETRY_STATUS_CODES_MAX 64
#define RETRY_DEFAULT_ATTEMPTS 2u
#define RETRY_DEFAULT_ON                                                                           \
  ((uint32_t)(RETRY_ON_CONNECT_FAILURE | RETRY_ON_REFUSED_STREAM | RETRY_ON_UNAVAILABLE |          \
              RETRY_ON_CANCELLED | RETRY_ON_RETRIABLE_STATUS_CODES))
#define RETRY_DEFAULT_BACKOFF_MS 25

struct retry_policy {
  uint32_t on;       // bits of enum retry_on
  uint32_t attempts; // retries, not tries; 0: never
  uint16_t status_codes[RETRY_STATUS_CODES_MAX];
  size_t status_code_count;
  int64_t per_try_timeout_ms; // 0: none
  int64_t backoff_ms;         // base; at most ten times this
  int64_t backoff_least_ms;   // never sooner, whatever the draw: HTTPRoutes; 0 for Envoy's rule
  bool ignore_previous_hosts; // avoid endpoints this request has tried
  bool remote_localities;     // after every second try other localities
  bool ignore_previous_given; // the route says so itself: then it holds with hashing, too
};

// The policy in force where a route names none.
struct retry_policy retry_policy_default(void);
// `text` as in retryOn: tokens and status codes, comma-separated. Adds to policy->on and
// status_codes. Returns RC_INVALID and names the token that is not known; what was read before it
// stays added.
int retry_policy_parse_on(struct retry_policy *policy, struct str text, struct err *err);
const char *retry_on_token(enum retry_on bit); // "connect-failure"; NULL for no single bit

// What became of one try before anything was sent to the client.
enum retry_event_kind {
  RETRY_EVENT_RESPONSE,        // a response head arrived
  RETRY_EVENT_CONNECT_FAILURE, // refused, unreachable, connect timeout, TLS handshake failure
  RETRY_EVENT_RESET,           // the connection ended or broke before the response head
  RETRY_EVENT_REFUSED_STREAM,  // HTTP/2 REFUSED_STREAM
  RETRY_EVENT_PER_TRY_TIMEOUT,
};

struct retry_event {
  enum retry_event_kind kind;
  int status;           // RESPONSE
  int grpc_status;      // RESPONSE: grpc-status in the head, -1 when there is none
  bool is_ratelimited;  // RESPONSE: x-envoy-ratelimited is there
  bool is_retriable;    // RESPONSE: it has one of the headers that retriable-headers waits for
  bool request_started; // RESET: at least one byte of the request was written
};

// Whether any condition of the policy asks for another try, tries left or not.
bool retry_policy_wants(const struct retry_policy *policy, const struct retry_event *event);

enum retry_verdict {
  RETRY_NO,             // the result goes to the client as it is
  RETRY_YES,            // again, after retry_backoff_ms
  RETRY_LIMIT_EXCEEDED, // it would be retried but no tries are left: flag URX
};

// `retries_done`: retries this request has made so far.
enum retry_verdict retry_decide(const struct retry_policy *policy, uint32_t retries_done,
                                const struct retry_event *event);
// How long to wait before retry number `retry` (from 1): uniform in [0, min(base * 2^(retry-1), 10
// * base)).
int64_t retry_backoff_ms(const struct retry_policy *policy, uint32_t retry, uint64_t rnd);
// How many retries of a cluster may be on their way at once under a retryBudget.
uint32_t retry_budget_limit(double percent, uint32_t least, uint64_t active);
