// SPDX-License-Identifier: Apache-2.0
// What one Rollout compares, and by which metrics: the input of the whole room, filled by the
// operator from a decoded Rollout. Strings are borrowed and must outlive the call they are given
// to.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

enum metric_kind {
  METRIC_ERROR_RATE, // built in: share of 5xx and of failed gRPC statuses; limit in percent
  METRIC_LATENCY,    // built in: a quantile of the duration; limit in milliseconds
  METRIC_CUSTOM,     // one PromQL query that gives one number; the limit is what it must not exceed
};

// What the canary may be worse than stable: canary <= ratio * stable + percent.
struct tolerance {
  double ratio;
  double percent; // percentage points on the share of bad (or slow) requests
};

struct metric_spec {
  struct str name;
  enum metric_kind kind;
  double quantile;            // METRIC_LATENCY: 0.99
  bool has_limit;             // built-ins may have none; a custom metric must have one
  double limit;               // percent | milliseconds | the query's own unit
  struct str query;           // METRIC_CUSTOM: PromQL with {{ }} variables
  bool relative;              // built-ins: compare with stable; metric_builtin sets it
  struct tolerance tolerance; // a fail is proven beyond this
  struct tolerance accept;    // a pass is proven within this; wider
  double weight;              // sequential: of all evidence, before it is scaled to 1; 0: by kind
  bool critical;              // rank: alone fails the release
  // condition: over `result`, the query's values; empty: `limit` is what must not be exceeded.
  struct str success_condition, failure_condition;
  struct str stable_query; // rank on a custom metric: the same value of stable
};

struct subject {
  struct str ns, name;       // the Rollout
  struct str service;        // destination_service: research-agent.team1.svc.cluster.local
  struct str canary_service; // where the canary's requests have a destination_service of their own
  // The label that tells the two versions apart, and its two values. destination_version when the
  // subsets say `version: v1`; destination_workload (the Deployment's name) otherwise.
  struct str label; // empty: destination_version
  struct str canary, stable;
  struct str canary_workload, stable_workload; // Deployment names, for {{ canaryWorkload }}
  struct str reporter;                         // empty: source
  const struct metric_spec *metrics;
  size_t metric_count;
  double weight;       // asked canary share in percent, for {{ weight }}
  int64_t interval_ms; // for {{ interval }}; 0: 5 s
  bool wants_history;  // the next plan asks for stable's last hour, too
};

// Fills *ret_spec with name, kind, quantile, relative and the default tolerance (errors 1.25x +
// 0.05 points, latency 1.25x + 0.25 points) and accept margin (1.5x + 0.5, 1.5x + 1 points) when
// `name` is a built-in: error-rate, latency-p50, latency-p99, latency-p99.9. False for any other
// name, which then needs a query.
bool metric_builtin(struct str name, struct metric_spec *ret_spec);
// Reads a limit as a user writes it into spec->limit: "1%" or "1" (error-rate, 0..100), "500ms",
// "1.5s" or "500" (latency, more than 0), a number or a quantity (custom). The message says what
// was expected.
int metric_limit_parse(struct metric_spec *spec, struct str text, struct err *err);
// "1%", "500ms", "40": the limit as shown to people; "" when there is none.
struct str metric_limit_text(const struct metric_spec *spec, struct arena *arena);
