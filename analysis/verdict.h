// SPDX-License-Identifier: Apache-2.0
// What was found, metric by metric and folded into one, with the numbers it rests on; and what the
// user's policies make of it. Insufficient always carries a cause: no traffic, no data and a failed
// query are never mixed up.
#pragma once

#include "analysis/subject.h"
#include "manifests/text/json.h"

enum outcome { OUTCOME_PASS, OUTCOME_FAIL, OUTCOME_INSUFFICIENT };

// Why an outcome is insufficient; CAUSE_NONE with pass and fail. From harmless to grave.
enum cause {
  CAUSE_NONE,
  CAUSE_FEW_REQUESTS, // there is traffic, but not yet enough
  CAUSE_UNDECIDED,    // enough traffic, but between good and bad
  CAUSE_SHARED,       // the limit is broken, by stable as well
  CAUSE_NO_CONTROL,   // nothing to compare with, and no limit
  CAUSE_NO_TRAFFIC,   // the canary gets no requests, while Prometheus answers and its targets are
                      // scraped
  CAUSE_NO_DATA,      // the query matched nothing at all
  CAUSE_NAN,          // the query gave NaN
  CAUSE_MANY_SERIES,  // the query gave several series where one number is needed
  CAUSE_STALE,        // no new scrape for long
  CAUSE_QUERY_ERROR,  // Prometheus refused, or could not be reached
};

struct metric_verdict {
  struct str name;
  enum outcome outcome;
  enum cause cause;
  bool clean; // nothing at all speaks against the canary, and it had 100 requests or more
  bool has_canary, has_stable;
  bool is_share;         // canary and stable are percent
  double canary, stable; // share in percent (error-rate; latency: share above `boundary_ms`) or the
                         // query's value
  double boundary_ms;    // METRIC_LATENCY: the bucket boundary that decides
  struct str limit;      // as shown: "1%", "500ms", "1.25x stable + 0.05%"
  double requests, bad;  // the canary's since the step began
  double stable_requests, stable_bad;
  double evidence; // against the canary, in decades: 3 means a chance of at most 1 in 1000
  // Of the sequential judge only, else false.
  bool has_evidence;
  double evidence_need;            // decades with which this metric alone would be a fail
  double pass_evidence, pass_need; // for the canary, of the test that is furthest from a pass
  double canary_low, canary_high;  // 95 % interval of `canary` that holds at all times
  double stable_low, stable_high;  // the same of `stable`
  double tolerated;                // percent; what the canary may have beside this stable
  struct str reason;               // one sentence with the numbers
};

struct verdict {
  enum outcome outcome; // fail if any metric fails; pass if all pass; else insufficient
  enum cause cause;     // the gravest
  bool clean;           // all metrics are
  bool may_end_early;   // a pass may end the step before its time (never with judge threshold)
  struct str reason;    // of the metric that decided
  // Of the sequential judge only, else has_evidence is false.
  bool has_evidence;
  double evidence, evidence_need; // combined, in decades
  int64_t expected_ms;            // until a decision, as things look now; negative: not to be seen
  double needed_requests;         // canary requests until then; 0 with expected_ms negative
  double share_decades;           // that canary does not get its share of the requests; alarm at 3
  struct metric_verdict *metrics;
  size_t metric_count;
};

// No metrics at all: insufficient, CAUSE_NO_CONTROL.
struct verdict verdict_fold(struct metric_verdict *metrics, size_t count, struct arena *arena);

enum on_failure { ON_FAILURE_ROLLBACK, ON_FAILURE_HOLD };
enum on_no_data { ON_NO_DATA_HOLD, ON_NO_DATA_PROMOTE, ON_NO_DATA_ROLLBACK };
enum on_inconclusive {
  ON_INCONCLUSIVE_PROMOTE_IF_CLEAN,
  ON_INCONCLUSIVE_HOLD,
  ON_INCONCLUSIVE_ROLLBACK
};
struct verdict_policy {
  enum on_failure on_failure;
  enum on_no_data on_no_data;           // CAUSE_NO_TRAFFIC and CAUSE_NO_DATA
  enum on_inconclusive on_inconclusive; // every other cause but CAUSE_STALE and CAUSE_QUERY_ERROR
};
enum decision { DECISION_CONTINUE, DECISION_PASS, DECISION_ROLLBACK, DECISION_HOLD };
// What to do now. A fail acts at once, with time_is_up or without. All else waits
// (DECISION_CONTINUE) until time_is_up, except a pass with may_end_early. Stale data and query
// errors always hold: never promoted blind.
enum decision verdict_decide(const struct verdict *verdict, const struct verdict_policy *policy,
                             bool time_is_up);

const char *outcome_name(enum outcome outcome); // "pass" "fail" "insufficient"
const char *
cause_name(enum cause cause); // "FewRequests", "NoTraffic" ...: a condition's reason; "" for none
const char *decision_name(enum decision decision);
// {name, canary, stable, limit, requests, verdict, reason}: one entry of status.metrics. Numbers
// are strings there.
struct json *metric_verdict_json(const struct metric_verdict *metric, struct arena *arena);
