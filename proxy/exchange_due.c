// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange_due.h"

#include "manifests/base/bug.h"

static int64_t due(int64_t start_ms, int64_t after_ms) {
  return start_ms && after_ms ? start_ms + after_ms : 0;
}

int64_t exchange_route_due(const struct exchange *x) {
  return due(x->request_end_ms, x->policy.timeout_ms);
}

// Counts from the later of the request's end and the connection.
int64_t exchange_try_due(const struct exchange *x) {
  if (x->try != EXCHANGE_TRY_OPEN || x->response != EXCHANGE_HEAD || !x->request_end_ms)
    return 0;
  int64_t start = x->try_ms > x->request_end_ms ? x->try_ms : x->request_end_ms;
  return due(start, x->policy.per_try_timeout_ms);
}

// A request that does not end. Not once the answer runs: the client may still be told something.
int64_t exchange_request_due(const struct exchange *x) {
  bool waits = x->request == EXCHANGE_BODY && x->response == EXCHANGE_HEAD;
  return waits ? due(x->started_ms, x->policy.request_timeout_ms) : 0;
}

// Backends may think for long; clients that stop in the middle are only in the way.
int64_t exchange_idle_due(const struct exchange *x) {
  bool client = (x->request == EXCHANGE_BODY && !x->tunnel) || x->client_full ||
                x->response == EXCHANGE_CLOSED;
  return due(x->active_ms, client ? x->policy.client_idle_ms : x->policy.idle_timeout_ms);
}

int64_t exchange_try_budget(const struct exchange *x, int64_t now_ms) {
  int64_t whole = x->policy.timeout_ms, budget = x->policy.per_try_timeout_ms;
  if (whole == 0)
    return budget;
  bool runs = x->retries > 0 && x->request_end_ms != 0;
  int64_t left = runs ? x->request_end_ms + whole - now_ms : whole;
  if (budget == 0 || left < budget)
    budget = left;
  return budget > 0 ? budget : 1;
}

int64_t exchange_deadline(const struct exchange *x) {
  if (x->finished)
    return 0;
  if (x->try == EXCHANGE_TRY_DELAY)
    return x->delay_until_ms;
  int64_t all[5] = {exchange_idle_due(x)};
  if (x->response != EXCHANGE_CLOSED) {
    all[1] = exchange_route_due(x);
    all[2] = exchange_try_due(x);
    all[3] = x->try == EXCHANGE_TRY_BACKOFF ? x->backoff_until_ms : 0;
    all[4] = exchange_request_due(x);
  }
  int64_t first = 0;
  for (size_t i = 0; i < ARRAY_LEN(all); i++) {
    if (all[i] && (!first || all[i] < first))
      first = all[i];
  }
  return first;
}
