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

struct rollout_judge {
  enum rollout_judge_type type; // 0: not given, which is threshold in this version
  int64_t failure_limit;        // failed measurements in a row that are tolerated
  int64_t min_requests;         // of the canary, before a check may pass or fail
};

struct rollout_metric {
  struct str
      name; // "error-rate", "latency-p99" (any latency-pNN), or a name of the user's with a query
  struct str query; // PromQL with {{ }} variables; empty for built-in metrics
  struct int_or_string
      limit; // absolute bound: "1%", "500ms", 40, "0.5"; rollout_metric_limit gives the text
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
  enum rollout_on_inconclusive on_inconclusive;
  enum rollout_on_no_data on_no_data;
  enum rollout_on_failure on_failure;
};

extern const struct schema rollout_analysis_schema;
extern const struct enum_value rollout_failure_values[];

struct str rollout_metric_limit(const struct rollout_metric *metric,
                                struct arena *arena); // "" when absent
