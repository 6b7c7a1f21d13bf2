// SPDX-License-Identifier: Apache-2.0
// What the files of an exchange's effects share: an event goes through the state machine, and the
// actions it asks for are carried out. Nobody else includes this.
#pragma once

#include "proxy/exchange_run.h"
#include "proxy/worker.h"

static inline int64_t exchange_run_now_ms(const struct exchange_run *run) {
  return worker_now_ms(run->worker);
}

static inline struct exchange_event exchange_run_make_event(struct exchange_run *run,
                                                            enum exchange_event_kind kind) {
  struct exchange_event event = {
      .kind = kind, .now_ms = exchange_run_now_ms(run), .grpc_status = -1};
  return event;
}

// Hands the event, and those that its actions cause, to the exchange.
void exchange_run_apply(struct exchange_run *run, const struct exchange_event *first);
// The retry that runs, if one does, no longer counts.
void exchange_run_give_retry(struct exchange_run *run);
