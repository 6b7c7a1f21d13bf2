// SPDX-License-Identifier: Apache-2.0
// The metrics of a Rollout: its own, and those of the MetricSets it names, with their arguments in
// place. Pure.
#pragma once

#include "operator/effect/subject_of.h"

// RC_INVALID, RC_NOT_FOUND: a set that is not there, an argument that is missing or unknown, more
// metrics than can be judged. Strings are in `arena` or belong to the arguments.
int metric_sets_expand(const struct rollout *rollout, const struct metric_sets *sets,
                       struct arena *arena, struct rollout_metric **ret_metrics, size_t *ret_count,
                       struct err *err);
