// SPDX-License-Identifier: Apache-2.0
// Judge "rank": two series, canary's and stable's, compared by Mann-Whitney as Kayenta's judge does
// it (rank_test.h). A point each rank_step_ms (60 s): the share of bad requests in percent, or a
// custom query's value and stable_query's. Each metric is Pass or High, and
//
//   score  100 * weight of those that pass / weight of all that have data; 0 when a critical one is
//   High fail   score <= rank_margin (75)      pass   score >= rank_pass (95), at least 5 points
//
// Minutes are compared, not requests, and nothing corrects for looking often: no bound on false
// alarms.
#pragma once

#include "analysis/judge.h"

extern const struct judge judge_rank;
