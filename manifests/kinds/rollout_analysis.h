// SPDX-License-Identifier: Apache-2.0
// spec.analysis of a Rollout: by what a canary is judged, where the metrics are, and what is made
// of the verdict. Structs and tables only.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/schema/field.h"

enum rollout_judge_type {
  ROLLOUT_JUDGE_SEQUENTIAL = 1,
  ROLLOUT_JUDGE_THRESHOLD,
  ROLLOUT_JUDGE_CONDITION,
  ROLLOUT_JUDGE_BURN_RATE,
  ROLLOUT_JUDGE_RANK,
};

enum rollout_preset { ROLLOUT_PRESET_DEFAULT = 1, ROLLOUT_PRESET_STRICT, ROLLOUT_PRESET_TOLERANT };

struct rollout_condition_judge {
  int64_t count, initial_delay_ms;
  int64_t inconclusive_limit, consecutive_error_limit, consecutive_success_limit;
};
struct rollout_burn_rate {
  int64_t long_ms, short_ms;
  double factor;
};
struct rollout_rank {
  int64_t step_ms;
  double tolerance, confidence, increase;
  double pass, marginal; // scores, 0..100
};

struct rollout_judge {
  enum rollout_judge_type type; // 0: not given, which is sequential
  enum rollout_preset preset;   // 0: default
  double alpha, beta;           // 0: the preset's
  int64_t min_detect_ms;        // 0: the preset's
  bool has_warmup_ms;
  int64_t warmup_ms;
  bool only_if_worse;
  int64_t failure_limit; // failed measurements that are tolerated
  int64_t min_requests;  // of the canary, before a check may pass or fail
  bool cumulative;       // failures count until the release ends, not in a row
  int64_t measure_window_ms;
  struct rollout_condition_judge *condition; // NULL: the defaults
  struct rollout_burn_rate *burn_rate;
  struct rollout_rank *rank;
};

struct rollout_tolerance {
  double ratio, points;
};

struct rollout_metric {
  struct str
      name; // "error-rate", "latency-p99" (any latency-pNN), or a name of the user's with a query
  struct str query;        // PromQL with {{ }} variables; empty for built-in metrics
  struct str stable_query; // rank: the same value of stable
  struct int_or_string
      limit; // absolute bound: "1%", "500ms", 40, "0.5"; rollout_metric_limit gives the text
  struct str success_condition, failure_condition; // condition
  struct rollout_tolerance *tolerance, *accept;    // built-in metrics; NULL: the preset's
  double weight;                                   // sequential; 0: by kind
  bool critical;                                   // rank
};

struct rollout_argument {
  struct str name, value;
};
struct rollout_metric_set_ref {
  struct str name; // of a MetricSet in the Rollout's namespace
  struct rollout_argument *args;
  size_t args_count;
};

struct rollout_header {
  struct str name, value;
};
struct rollout_secret_ref {
  struct str name; // of a Secret in the Rollout's namespace
};
struct rollout_prometheus {
  struct str address;
  struct rollout_secret_ref *secret_ref; // token | username, password; ca.crt; tls.crt, tls.key
  struct rollout_header *headers;
  size_t headers_count;
  bool insecure_skip_verify;
  int64_t timeout_ms;
};

enum rollout_on_inconclusive {
  ROLLOUT_INCONCLUSIVE_PROMOTE_IF_CLEAN = 1,
  ROLLOUT_INCONCLUSIVE_HOLD,
  ROLLOUT_INCONCLUSIVE_ROLLBACK,
};
enum rollout_on_no_data {
  ROLLOUT_NO_DATA_HOLD = 1,
  ROLLOUT_NO_DATA_PROMOTE,
  ROLLOUT_NO_DATA_ROLLBACK
};
enum rollout_on_failure {
  ROLLOUT_FAILURE_ROLLBACK = 1,
  ROLLOUT_FAILURE_HOLD
}; // also of onDeadline

struct rollout_analysis {
  struct rollout_prometheus prometheus;
  int64_t interval_ms;
  struct rollout_judge judge;
  struct rollout_metric *metrics; // never empty after decoding: both built-in ones by default
  size_t metrics_count;
  struct rollout_metric_set_ref *metric_sets;
  size_t metric_sets_count;
  enum rollout_on_inconclusive on_inconclusive; // 0: the preset's
  enum rollout_on_no_data on_no_data;
  enum rollout_on_failure on_failure;
};

extern const struct schema rollout_secret_ref_schema;
extern const struct schema rollout_analysis_schema;
extern const struct schema rollout_metric_schema; // also of a MetricSet's metrics
extern const struct enum_value rollout_failure_values[];

struct str rollout_metric_limit(const struct rollout_metric *metric,
                                struct arena *arena); // "" when absent
