// SPDX-License-Identifier: Apache-2.0
// Faults on purpose: whether a request is held back and whether it is answered with an error
// (docs/dataplane.md 1.11). Pure: the random numbers are arguments. What follows is the exchange's
// business: it waits before its first try, and gives the answer as one of its own.
#pragma once

#include "proxy/exchange.h"
#include "proxy/table_filters.h"

struct fault_verdict {
  int64_t delay_ms; // 0: not held back
  bool is_aborted;
  struct exchange_reply reply; // with is_aborted
};

// Each fault has its own draw, as in Envoy: hit when rnd mod 1,000,000 is below the share.
void fault_decide(const struct table_fault *fault, uint64_t delay_rnd, uint64_t abort_rnd,
                  struct fault_verdict *ret_verdict);
