// SPDX-License-Identifier: Apache-2.0
// Judge "condition": success and failure conditions with limits, counted as Argo Rollouts counts.
//
// `result` is the query's values; of a built-in metric result[0] is the canary's share of bad
// requests in percent since the last measurement (at least min_requests of them), result[1]
// stable's. A measurement is
//   failed        the failure condition holds, or there is only a success condition and it does not
//                 (NaN compares as false); without any condition: result[0] > limit
//   successful    the success condition holds, or there is only a failure condition and it does not
//   inconclusive  both are there and neither holds
//   an error      the query failed, gave nothing, or has no value at an index that matters
//
// fail      more failed measurements than failure_limit, all told; or, with consecutive_error_limit
//           above 0, more errors in a row than that. Without it an error holds: a Prometheus that
//           is away says nothing of the canary.
// pass      consecutive_success_limit good ones in a row, or `count` measurements, or, at the
// step's
//           end, at least one
// else insufficient, also once there were more inconclusive ones than inconclusive_limit.
#pragma once

#include "analysis/judge.h"

extern const struct judge judge_condition;
// Whether the metric's conditions can be read; RC_PARSE with a message that names which one.
int condition_check(const struct metric_spec *spec, struct err *err);
