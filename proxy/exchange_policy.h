// SPDX-License-Identifier: Apache-2.0
// Time-outs and retries of one request: as its route has them, changed by the control headers of a
// mesh client and by grpc-timeout (docs/dataplane.md 1.14, 2.9). Pure.
#pragma once

#include "proxy/exchange.h"
#include "proxy/head.h"
#include "proxy/route.h"

struct exchange_wishes {
  struct retry_policy retry; // the route's own, changed; policy->retry points here only if it is
  struct str
      retriable_names; // x-envoy-retriable-header-names, comma-separated; points into the head
};

// Sets timeout_ms, per_try_timeout_ms, retry and timeout_is_204 of *policy. `is_internal`: the
// client may ask. `wishes` must live as long as the policy.
void exchange_policy_read(const struct route_decision *decision, struct head *head,
                          bool is_internal, bool is_grpc, struct exchange_wishes *wishes,
                          struct exchange_policy *policy);
// Whether a response has one of the headers the wishes name.
bool exchange_policy_is_retriable(const struct exchange_wishes *wishes,
                                  const struct head *response);

// "1S", "250m" as milliseconds, rounded up to one; -1 for what is no grpc-timeout.
int64_t grpc_timeout_ms(struct str text);
