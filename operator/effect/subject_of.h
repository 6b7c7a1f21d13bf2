// SPDX-License-Identifier: Apache-2.0
// Which question a Rollout asks of Prometheus: from its spec, the versions in its status and the
// labels of its subsets. Pure.
#pragma once

#include "analysis/judge.h"
#include "manifests/kinds/metric_set.h"
#include "manifests/kinds/rollout.h"
#include "manifests/text/json.h"

// RC_INVALID when a metric cannot be used or the versions cannot be told apart; the message says
// which and why. Strings are in `arena` or belong to the arguments.
// `sets`: the MetricSets of its namespace that are there, decoded.
struct metric_sets {
  const struct metric_set *const *items;
  size_t count;
};
// `rule`: its DestinationRule; NULL where routes name Services.
int subject_of(const struct rollout *rollout, const struct json *rule,
               const struct metric_sets *sets, struct arena *arena, struct subject *ret_subject,
               struct err *err);
// Whether the canary may have requests to judge by: from its first one to decommission, also while
// paused.
bool subject_is_judged(const struct rollout_status *status);
// Zero where the Rollout says nothing, so that the judge's own default holds. `scrape_ms`: how
// often the proxies are scraped.
struct judge_settings subject_judge_settings(const struct rollout *rollout, int64_t scrape_ms);
const char *subject_preset_name(const struct rollout *rollout);
const char *subject_judge_name(const struct rollout *rollout);
