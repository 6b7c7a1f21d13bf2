// SPDX-License-Identifier: Apache-2.0
// The judges: each turns counted requests into an outcome per metric. A judge is a row of functions
// over the same state, so that another one is a file and a row in judge.c.
#pragma once

#include "analysis/sample.h"
#include "analysis/verdict.h"
#include "analysis/wealth.h"

// What a user may set; 0 everywhere is the documented default. Times in milliseconds.
struct judge_settings {
  int64_t warmup_ms;       // latency is ignored so long after a step began
  int64_t stale_after_ms;  // 0: 60 s without a new scrape is CAUSE_STALE
  double latency_floor_ms; // 0: 25; boundaries below are not compared with stable
  double min_requests;     // threshold, condition, burnRate: before anything is said; 0: 50
  // sequential
  double alpha;          // 0: 0.01; bound on the chance of a false rollback per release
  double beta;           // 0: 0.05; bound on the chance of a false pass by evidence
  int64_t scrape_ms;     // 0: 5 s; a block of evidence is at least that long
  int64_t min_detect_ms; // 0: 30 s; shortest decision against the canary; negative: no burst guard
  int64_t min_step_ms;   // no pass before that age of the step
  double phi;            // 0: 2; a pass takes errors to be at least that clustered
  bool limit_alone;      // a limit is failed even where the canary is no worse than stable
  double weight;         // asked canary share in percent; 100: there is no control group
  // threshold
  int failure_limit;         // failed measurements that are tolerated; negative: 3
  bool counts_all;           // failures count until the release ends (Flagger), not in a row
  int64_t measure_window_ms; // a measurement is the plain share of so long a window (Flagger); 0: a
                             // test of each min_requests
  // condition
  int count;                   // measurements after which a metric is done; 0: until the step ends
  int64_t initial_delay_ms;    // of a step, before the first measurement
  int inconclusive_limit;      // measurements that are neither good nor bad; tolerated
  int consecutive_error_limit; // queries that failed in a row; negative: 4
  int consecutive_success_limit; // so many good ones in a row end with pass; 0: off
  // burnRate
  int64_t long_ms, short_ms; // 0: 1 h and 5 min
  double burn_factor;        // 0: 14.4
  // rank
  int64_t rank_step_ms;          // 0: 60 s; a point of the series
  double rank_tolerance;         // 0: 0.25
  double rank_confidence;        // 0: 0.98
  double rank_increase;          // 0: 1.0
  double rank_pass, rank_margin; // 0: 95 and 75, the scores
};

#define JUDGE_METRICS_MAX 16
#define METRIC_TESTS_MAX 4
// A limit between two boundaries is failed by the upper one and passed by the lower one.
enum test_role { TEST_BOTH, TEST_FAILS_ONLY, TEST_PASSES_ONLY };

// What the sequential judge keeps of a test.
struct test_evidence {
  struct wealth against;       // that the canary is worse than tolerated
  double decades_for;          // that it is better than the accept margin, since the step began
  struct stable_rate rate;     // stable, as known before the next block
  double pending_n, pending_x; // limits: requests of a block that is not full yet
};

// One question with a yes-or-no answer per request: "an error?", "slower than 250 ms?".
struct test_state {
  double boundary_ms; // latency only
  bool absolute;      // against the limit; else against stable
  enum test_role role;
  struct tally step;   // since the step began
  struct tally block;  // since the last measurement
  double ref_n, ref_x; // stable of the last step that had enough of it: the reference when there is
                       // no control
  bool has_evidence;
  struct test_evidence evidence;
};

// What the counting judges keep of a metric.
struct metric_counts {
  int failures;     // failed measurements: in a row, or all
  int measurements; // in this step
  int good, good_in_row, errors_in_row, inconclusive;
  int64_t measured_ms; // end of the last window; 0: none yet
};

// A ring of measurements over time: of windows, or the two series of a rank test. Kept in arrival
// order; the oldest makes room.
#define SERIES_MAX 128
struct series_point {
  int64_t at_ms;
  double canary, stable; // values, or bad and all requests of the canary
};
struct series {
  struct series_point *points; // SERIES_MAX of them, in the assessment's arena; NULL: none yet
  size_t first, count;
  struct series_point open; // the point under way
  struct tally tally;       // what was counted for it
};

struct metric_state {
  struct str name;
  struct test_state tests[METRIC_TESTS_MAX];
  size_t test_count;
  struct metric_counts counts;
  struct series series;
  struct wealth gauge; // sequential on a custom metric: that it is over its limit too often
  double gauge_for;    // and that it is not
  bool has_gauge;
  // Of the last update; not kept across a restart.
  struct prom_reading reading;        // one number, or the query's trouble
  struct prom_reading stable_reading; // of metric_spec.stable_query
  const double *values;               // all series of the custom query
  size_t value_count;
};

// What a judge sees at one update: metrics[i] belongs to specs[i].
struct judge_scene {
  const struct judge_settings *settings;
  const struct metric_spec *specs;
  struct metric_state *metrics;
  size_t count;
  int64_t from_ms, to_ms; // the blocks were counted in (from, to]
  int64_t step_began_ms;
  double phi;          // overdispersion of errors as measured so far; 0: not known
  bool in_step;        // the block lies in the step; else it came before
  struct arena *arena; // lives as long as the metrics
};

struct judge {
  const char *name;
  bool ends_early; // its pass may end a step before the time
  // Takes what was counted since the last call: the blocks were added by the caller.
  void (*measure)(const struct judge_scene *scene, size_t metric);
  // `metric` may be one that was never measured.
  void (*decide)(const struct judge_scene *scene, size_t metric, struct arena *arena,
                 struct metric_verdict *ret_verdict);
  // What is said of all metrics together, after the fold. May be NULL.
  void (*conclude)(const struct judge_scene *scene, struct arena *arena, struct verdict *verdict);
};

// The judge of that name; "" is the default one, sequential. NULL and RC_INVALID for a name that is
// none.
const struct judge *judge_find(struct str name, struct err *err);

// Parameters that go together, by name.
struct judge_preset {
  const char *name;
  double alpha, beta;
  int64_t min_detect_ms;
  struct tolerance errors, errors_accept, slow, slow_accept;
  bool hold; // onInconclusive is hold unless the user says otherwise
};
// "" is default; others are strict and tolerant. NULL and RC_INVALID for any other name.
const struct judge_preset *judge_preset_find(struct str name, struct err *err);
// Sets tolerance and accept margin of a built-in metric, and nothing on a custom one.
void judge_preset_apply(const struct judge_preset *preset, struct metric_spec *spec);

double judge_min_requests(const struct judge_settings *settings);
