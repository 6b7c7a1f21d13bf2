// SPDX-License-Identifier: Apache-2.0
// What a client connection needs only while something is under way: the parser, the running
// exchange, bytes read and bytes to write. A connection that waits for its next request has none of
// it, so thousands of waiting clients cost little; the parts wait in the worker for whoever reads
// next, the last one used (still in the processor's cache) first.
#pragma once

#include "proxy/exchange_run.h"
#include "proxy/http1.h"
#include "proxy/http1_body.h"
#include "proxy/body_copy.h"

struct connection;
struct worker;

struct connection_work {
  struct pump out;
  struct http1_body body; // of the response
  struct http1_decoder decoder;
  bool request_complete;
  char *block;           // NULL when nothing is buffered
  size_t head_end;       // offset behind the running request's head
  size_t kept;           // bytes of its body, decoded, from head_end on
  struct body_copy copy; // those behind them
  size_t at, len;        // not decoded yet
  uint64_t head_bytes;
  struct exchange_run run;
};

// Gives the connection its work, ready to read a request's first byte.
void connection_work_take(struct connection *connection);
// Takes it away: no exchange runs and nothing is left to write. Fine without one.
void connection_work_put(struct connection *connection);
// Gives the read block back.
void connection_work_drop_input(struct connection *connection);
// Before the first is taken.
void connection_work_init_spare(struct worker *worker);
