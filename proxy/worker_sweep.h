// SPDX-License-Identifier: Apache-2.0
// What a worker does after it took a table, a little at a time so that no request waits for it:
// idle connections to endpoints that are gone are closed, and streams (WebSocket, server-sent
// events, gRPC) whose version has lost its traffic get a time after which they are ended in an
// orderly way; others move to the new table, so that a stream of days keeps no table of its first
// hour alive. A stream has no end of its own; ordinary responses have and are left alone.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct exchange_run;
struct worker;

struct worker_sweep {
  uv_timer_t timer;
  uint32_t pool_at;
  bool pools_left, streams_left;
  struct exchange_run *streams;   // all of the worker
  struct exchange_run *stream_at; // the next to be looked at
  unsigned draining;              // that have a time
};

void worker_sweep_open(struct worker *worker);
void worker_sweep_start(struct worker *worker); // a table was taken
// The response that runs on this is a stream from now on; it ends with its exchange.
void worker_sweep_add(struct exchange_run *run);
void worker_sweep_remove(struct exchange_run *run);
// Ends all streams now.
void worker_sweep_end_streams(struct worker *worker);
