// SPDX-License-Identifier: Apache-2.0
// MetricSet (serin.dev/v1alpha1): metrics that several Rollouts share, with arguments. A Rollout
// names it in spec.analysis.metricSets; what it says counts from the next look on. Its texts may
// hold {{ args.NAME }}.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/kinds/rollout_analysis.h"
#include "manifests/schema/kind.h"

struct metric_set_argument {
  struct str name;
  struct str value; // NULL pointer: every Rollout must give one
  struct str description;
};

struct metric_set_spec {
  struct metric_set_argument *args;
  size_t args_count;
  struct rollout_metric *metrics;
  size_t metrics_count;
};

struct metric_set {
  struct object_meta metadata;
  struct metric_set_spec spec;
};

extern const struct kind_desc metric_set_kind;

// The place of the next {{ args.NAME }} in `text` from `from` on: [*ret_begin, *ret_end) is the
// whole of it. False when there is none.
bool metric_set_next_argument(struct str text, size_t from, size_t *ret_begin, size_t *ret_end,
                              struct str *ret_name);
