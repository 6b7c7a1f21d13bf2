// SPDX-License-Identifier: Apache-2.0
// All that is known about one release, from its first canary request to decommission: the state
// between two looks at Prometheus, kept in the Rollout's status as compact JSON. The operator's
// only door into this room beside query.h. Pure: the caller brings the time and the replies.
#pragma once

#include "analysis/confidence.h"
#include "analysis/judge.h"
#include "analysis/query.h"

#define ASSESSMENT_METRICS_MAX JUDGE_METRICS_MAX

struct assessment {
  struct arena arena;      // names
  struct arena recent;     // texts of the last update
  int64_t began_ms;        // nothing before is counted
  int64_t watermark_ms;    // samples up to here are counted; 0: none yet
  int64_t newest_ms;       // newest successful scrape that was counted
  int64_t step_began_ms;   // counts of the step start here
  struct tally step;       // all requests of both versions since the step began (x: the bad ones)
  struct tally last;       // in the last update that had new samples
  struct tally release;    // since assessment_init
  struct phi_estimate phi; // of the errors of stable's replicas
  double unattributed;     // of the step: no endpoint found
  struct metric_state metrics[ASSESSMENT_METRICS_MAX];
  size_t metric_count;
  // Of the last update, if not said otherwise; not kept across a restart.
  bool answered;        // the shared queries were answered at least once
  bool failed_query;    // a shared query failed, `trouble` says how
  bool scraped, series; // any target was scraped | this service has any series
  struct str trouble, warnings;
};

// `began_ms`: counting starts here, so nothing an earlier release did is counted.
void assessment_init(struct assessment *state, int64_t began_ms);
void assessment_dispose(struct assessment *state);
// What is known of stable from before the first canary request, an hour of it say: the rates to
// expect and the latency boundaries to compare at. It makes the judge quicker; a wrong one costs no
// validity. Before the first update, at most once.
void assessment_seed(struct assessment *state, const struct subject *subject,
                     const struct judge_settings *settings, const struct stable_history *history);
// A new step (a new weight that has been verified): its counts start at `began_ms`; failures in a
// row, references and the watermark are kept.
void assessment_step(struct assessment *state, int64_t began_ms);

// Counts what is new in the plan's results, once there is a scrape's worth of it
// (settings.scrape_ms). Samples newer than now - lag_ms wait for the next
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

// Up to where samples are counted: for query_options.counted_until_ms.
int64_t assessment_counted_until(const struct assessment *state);
// How clustered stable's errors are, from their split over its replicas; 0 while that is not known.
double assessment_phi(const struct assessment *state);
// The canary's share of the step's requests in percent; false below 100 requests.
bool assessment_observed(const struct assessment *state, double *ret_percent);
