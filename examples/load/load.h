// SPDX-License-Identifier: Apache-2.0
// serin-load: a bounded load on one loopback address at a fixed rate, which counts what a user
// would see.
#pragma once

#include "manifests/base/buf.h"

#include <pthread.h>
#include <stdatomic.h>

#define LOAD_VERSIONS 8
#define LOAD_STATUSES 600

// How a request ended for the user.
enum load_end {
  LOAD_ANSWERED,
  LOAD_REFUSED, // no connection
  LOAD_RESET,   // the connection ended before the whole answer, a fresh one or one that was kept
                // alive
  LOAD_TIMEOUT, // no whole answer within the deadline
  LOAD_GARBAGE, // not HTTP
  LOAD_ENDS,
};

struct load_plan {
  struct str address; // "127.0.0.1"
  int port;
  struct str host, path;
  double rate; // requests a second, all threads together
  int threads;
  int64_t duration_ms; // 0: no bound by time
  uint64_t count;      // 0: no bound by number
  bool keep_alive;
  int64_t timeout_ms; // of one request
};

struct load_version {
  char name[32];             // value of the answer's x-version header; "" when there was none
  uint64_t requests, failed; // failed: status 500 and above
  int64_t first_failed_ms, last_ms; // wall clock; 0: none
};

struct load_report {
  uint64_t sent, ends[LOAD_ENDS];
  uint64_t statuses[LOAD_STATUSES];
  uint64_t reset_after_reuse; // part of ends[LOAD_RESET]
  struct load_version versions[LOAD_VERSIONS];
  uint64_t latency_us[24]; // powers of two: [i] counts below 2^i microseconds
  int64_t started_ms, ended_ms;
  int64_t first_failed_ms, last_failed_ms;
};

// One answer as the client read it.
struct load_answer {
  enum load_end end;
  int status;
  bool reused;
  char version[32];
  int64_t took_us;
};

struct load_client; // one connection at a time

struct load_client *load_client_new(const struct load_plan *plan);
void load_client_free(struct load_client *client);
// Sends one request and waits for the whole answer or the deadline.
struct load_answer load_client_ask(struct load_client *client);

void load_report_add(struct load_report *report, const struct load_answer *answer, int64_t now_ms);
void load_report_merge(struct load_report *into, const struct load_report *from);
void load_report_json(const struct load_report *report, struct buf *out);
