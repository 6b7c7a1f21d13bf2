// SPDX-License-Identifier: Apache-2.0
// Which questions Prometheus is asked, for all rollouts together: a few instant queries over raw
// samples
// ("metric{...}[window]", never rate()), so that the load does not grow with the number of
// rollouts, and one query for each custom metric.
//
//   query_plan_make -> for each item: POST /api/v1/query with `text` -> prom_parse -> item.result
//   -> assessment_update
#pragma once

#include "analysis/prometheus.h"
#include "analysis/scrapes.h"
#include "analysis/subject.h"

enum query_kind {
  QUERY_REQUESTS, // istio_requests_total[window]
  QUERY_BUCKETS,  // istio_request_duration_milliseconds_bucket[window]
  QUERY_SCRAPES,  // up[window]: when each target was scraped; tells a new series from an old one
  QUERY_HISTORY,  // what stable did in the hour before: one number per kind of answer and bucket
  QUERY_CUSTOM,   // one metric of one subject
  QUERY_CUSTOM_STABLE, // its stable_query
};

struct query_item {
  enum query_kind kind;
  struct str
      text; // empty for a custom metric whose template is wrong: `result` is then set already
  const struct subject *subject;        // QUERY_CUSTOM, QUERY_CUSTOM_STABLE
  size_t metric;                        // the same: index in the subject's metrics
  const struct subject *const *members; // all others but QUERY_SCRAPES: whose series it gives
  size_t member_count;
  const struct prom_result *result; // to be set by who asked; NULL means not asked
};

struct query_options {
  int64_t now_ms;
  // Up to where the samples of every subject have been counted already (the smallest
  // assessment_counted_until); 0: nothing yet. The window reaches from there, and `margin_ms`
  // further so that each series has its sample before.
  int64_t counted_until_ms;
  int64_t margin_ms;       // 0: 2 min. At least three scrape intervals
  struct str scrape_match; // matchers for `up` in a big cluster, e.g. job="istio-proxies"; empty:
                           // all targets
  size_t batch; // subjects in one query; 0: QUERY_BATCH. Less where answers are too large
};

#define QUERY_BATCH 200u
#define QUERY_HISTORY_S 3600

#define QUERY_WINDOW_MAX_MS                                                                        \
  (15 * 60 * 1000) // a longer gap is not made up for: it counts as never seen

struct query_plan {
  struct query_item *items;
  size_t count;
  int64_t window_ms;
  size_t *lookup; // hash of (subject, kind, metric) -> index of its item + 1
  size_t lookup_size;
  const struct scrapes *scrapes; // of all results together; set by query_plan_seal
};

// All questions for these subjects at this moment. A broken template of one metric fails that
// metric alone. Stable's history is asked for where subject.wants_history.
struct query_plan query_plan_make(const struct subject *const *subjects, size_t count,
                                  const struct query_options *options, struct arena *arena);

// To be called once all results are set, before they are read: what they say together of the
// scrapes is worked out once for all subjects. The arena must live as long as the plan.
void query_plan_seal(struct query_plan *plan, struct arena *arena);

// The item of that kind that was made for this subject (and metric, QUERY_CUSTOM); NULL when there
// is none.
const struct query_item *query_plan_find(const struct query_plan *plan, enum query_kind kind,
                                         const struct subject *subject, size_t metric);

// Text of a PromQL label value in double quotes: \ " and newline escaped.
struct str query_quote(struct str value, struct arena *arena);
// `text` so that RE2 matches exactly it.
struct str query_regex_escape(struct str text, struct arena *arena);
