// SPDX-License-Identifier: Apache-2.0
// All that is known about one release, from its first canary request to decommission: the state
// between two looks at Prometheus, kept in the Rollout's status as compact JSON. The operator's
// only door into this room beside query.h. Pure: the caller brings the time and the replies.
#pragma once

#include "analysis/judge.h"
#include "analysis/query.h"

#define ASSESSMENT_METRICS_MAX 16
#define ASSESSMENT_VERSION 1

struct assessment {
  struct arena arena;    // holds names
  int64_t watermark_ms;  // samples up to here are counted; 0: none yet
  int64_t newest_ms;     // newest successful scrape that was counted
  int64_t step_began_ms; // counts of the step start here
  struct tally step;     // all requests of both versions since the step began (x: the bad ones)
  struct tally last;     // in the last update that had new samples
  struct tally release;  // since assessment_init
  double unattributed;   // of the step: no endpoint found
  struct metric_state metrics[ASSESSMENT_METRICS_MAX];
  size_t metric_count;
  // The last update's trouble with the shared queries; not kept across a restart.
  enum cause trouble;
  struct str trouble_why, warnings;
};

// `began_ms`: counting starts here, so nothing an earlier release did is counted.
void assessment_init(struct assessment *state, int64_t began_ms);
void assessment_dispose(struct assessment *state);
// A new step (a new weight that has been verified): its counts start at `began_ms`; failures in a
// row, references and the watermark are kept.
void assessment_step(struct assessment *state, int64_t began_ms);

// Counts what is new in the plan's results. Samples newer than now - lag_ms wait for the next
// update, so that both versions' targets have been scraped (lag: one scrape interval). A failed or
// missing shared query counts nothing and moves nothing: the next success makes up for it. Metrics
// that are not in the subject any more are dropped.
void assessment_update(struct assessment *state, const struct subject *subject,
                       const struct query_plan *plan, const struct judge *judge,
                       const struct judge_settings *settings, int64_t now_ms, int64_t lag_ms);

// The verdict as of now. Always answers; before the first update everything is insufficient.
struct verdict assessment_verdict(const struct assessment *state, const struct subject *subject,
                                  const struct judge *judge, const struct judge_settings *settings,
                                  int64_t now_ms, struct arena *arena);

// The canary's share of the step's requests in percent; false below 100 requests.
bool assessment_observed(const struct assessment *state, double *ret_percent);

// {"v":1,...}, a few hundred bytes.
struct json *assessment_json(const struct assessment *state, struct arena *arena);
// Reads it back into a fresh state. NULL, an unknown version or a damaged value is RC_PARSE and
// leaves *state as after assessment_init(state, began_ms): the release is then judged from now on.
int assessment_from_json(struct assessment *state, const struct json *json, int64_t began_ms,
                         struct err *err);

// What a user should know of a metric before it is used, as one sentence, or empty: "300 ms is not
// a bucket boundary of istio_request_duration_milliseconds (250, 500): ...". Against Istio's
// standard boundaries.
struct str assessment_metric_note(const struct metric_spec *spec, struct arena *arena);
