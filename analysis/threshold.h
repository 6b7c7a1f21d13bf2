// SPDX-License-Identifier: Apache-2.0
// Judge "threshold": plain bounds, a failure limit, at least 50 requests, and no early end.
//
// Bounds. A built-in metric has one or both of
//   relative: share of bad canary requests <= ratio * stable's share + points (1.25x + 0.05 points
//   for errors,
//             1.25x + 0.25 points for slow requests), over the same minutes. Stable's share is
//             taken with one more bad request than it had, so that a few hundred stable requests
//             without a fault do not demand perfection. Where stable has fewer than min_requests in
//             this step, its last step that had enough is the reference.
//   absolute: share <= limit. A latency limit X for pNN is share(slower than X) <= 100 - NN %.
// Evidence of x bad of n requests against a bound b is -log10 P(Poisson(n * b) >= x): how
// surprising it would be, in decades, if the canary just kept the bound.
//
// A measurement is made each time min_requests more canary requests have come (several intervals
// are put together when traffic is low). It is
//   failed    when this block alone has evidence >= 3, or the step as a whole has and the block is
//   above the bound too; unchanged when the step as a whole has evidence >= 3, but the block is
//   within the bound; good      otherwise: the count of failures starts again from 0.
// With measure_window_ms a measurement is made each time so long has passed, and failed when the
// share of that window is over the bound (fewer than min_requests in it: no measurement). With
// counts_all a good one does not start again from 0. Both together are Flagger's way of counting.
// For a custom metric each interval is a measurement; it failed when the value is over the limit.
//
// Outcome: fail at failure_limit + 1 failures in a row. Pass when the step has min_requests, no
// failure is counted, and each share is within its bound or has evidence < 0.5. Otherwise
// insufficient, with the cause. An absolute limit that stable breaks too is not the canary's fault:
// insufficient, CAUSE_SHARED.
#pragma once

#include "analysis/judge.h"

extern const struct judge judge_threshold;

// -log10 P(Poisson(mean) >= x), within 0..99; 0 when x <= mean.
double threshold_evidence(double x, double mean);
