// SPDX-License-Identifier: Apache-2.0
// Rules between the fields of a Rollout. Used by the tables in rollout.c and rollout_analysis.c.
#pragma once

#include "manifests/kinds/rollout_analysis.h"
#include "manifests/schema/check.h"

void rollout_check_spec(const void *object, struct check *check);
void rollout_check_workload_ref(const void *object, struct check *check);
void rollout_check_step(const void *object, struct check *check);
void rollout_check_deploy(const void *object, struct check *check);
void rollout_check_judge(const void *object, struct check *check);
void rollout_check_metric(const void *object, struct check *check);
void rollout_check_prometheus(const void *object, struct check *check);
// The metrics beside the judge; `check` is that of the spec. `monitors`: some step watches.
void rollout_check_metrics(const struct rollout_analysis *analysis, bool monitors,
                           struct check *check);
