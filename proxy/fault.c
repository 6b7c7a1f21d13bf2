// SPDX-License-Identifier: Apache-2.0
#include "proxy/fault.h"

static bool fault_hits(uint32_t share, uint64_t rnd) {
  return rnd % TABLE_SHARE_ALL < share;
}

void fault_decide(const struct table_fault *fault, uint64_t delay_rnd, uint64_t abort_rnd,
                  struct fault_verdict *ret_verdict) {
  *ret_verdict = (struct fault_verdict){0};
  if (fault->delay_ms > 0 && fault_hits(fault->delay_share, delay_rnd))
    ret_verdict->delay_ms = fault->delay_ms;
  bool can_abort = fault->abort_status > 0 || fault->abort_grpc >= 0;
  if (!can_abort || !fault_hits(fault->abort_share, abort_rnd))
    return;
  ret_verdict->is_aborted = true;
  ret_verdict->reply =
      (struct exchange_reply){fault->abort_grpc >= 0 ? 200 : fault->abort_status, EXCHANGE_FI,
                              STR("fault filter abort"), STR("fault_filter_abort")};
}
