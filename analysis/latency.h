// SPDX-License-Identifier: Apache-2.0
// A latency metric as questions on bucket boundaries: which boundaries decide, and what was counted
// above them. "p99 <= X" is "at most 1 % of the requests took longer than X", exactly so when X is
// a boundary. Between two boundaries the upper one proves a fail and the lower one a pass. The
// comparison with stable looks at the largest boundary that the share in question of stable's
// requests exceeds, and at the next one: the lower of the two sees shifts, the upper one sees new
// outliers.
#pragma once

#include "analysis/assessment.h"

// Makes the metric's tests from what stable did before the canary had requests.
void latency_boundaries(struct metric_state *metric, const struct metric_spec *spec,
                        const struct judge_settings *settings, const struct histogram *stable);
// Makes the metric's tests as far as boundaries are known by now, and adds the counts to them.
void latency_count(struct metric_state *metric, const struct metric_spec *spec,
                   const struct judge_settings *settings, const struct latency_counts *counts);
// Why a latency metric has no test yet, or is not to be judged yet.
void latency_missing(const struct metric_state *metric, const struct assessment *state,
                     const struct judge_settings *settings, int64_t now_ms, struct arena *arena,
                     struct metric_verdict *verdict);

// What a user should know of a metric before it is used, as one sentence, or empty: "300 ms is not
// a bucket boundary of istio_request_duration_milliseconds (250, 500): ...". Against Istio's
// standard boundaries.
struct str latency_note(const struct metric_spec *spec, struct arena *arena);
