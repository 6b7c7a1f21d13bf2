// SPDX-License-Identifier: Apache-2.0
// Runs of a judgement that others poll: each begins with its first request, is looked at once per
// interval (all runs together in a few queries), and is forgotten when nobody asked for it for
// long. Used by judge_server.c. Evidence is in memory only.
#pragma once

#include "operator/effect/judge_request.h"
#include "operator/effect/query_batch.h"

#include <uv.h>

struct judge_service;

struct judge_service_options {
  uv_loop_t *loop;
  struct http_client *http; // must outlive the service
  struct prometheus_target target;
  int64_t scrape_ms; // samples that new wait for the next look
  int64_t max_runs, expire_ms;
};

struct judge_service *judge_service_new(const struct judge_service_options *options);
// Cancels what runs; memory ends with the loop's next turns.
void judge_service_close(struct judge_service *service);

// What is known of a run, which begins now when it is new. *ret_verdict is valid until the loop
// goes on; NULL while nothing has been measured. RC_INVALID: wrong parameters; RC_CONFLICT: the run
// began with others (only `weight` may change: a new step); RC_TOO_MANY: no room for another run.
int judge_service_ask(struct judge_service *service, struct str run,
                      const struct judge_param *params, size_t count,
                      const struct verdict **ret_verdict, struct err *err);
size_t judge_service_count(const struct judge_service *service);
