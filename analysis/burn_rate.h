// SPDX-License-Identifier: Apache-2.0
// Judge "burnRate": the multi-window alert of the SRE workbook on the canary's own requests. The
// limit is the objective: "error-rate limit 0.1%" allows a share of 0.001, and burning at 14.4
// is 1.44 % errors.
//
//   fail  the burn rate reaches burn_factor (14.4) over long_ms (1 h) and over short_ms (5 min)
//   pass  min_requests were seen in this step, and it does not
//
// A release that is younger than a window has a shorter one, as a query over its series would. No
// control group: an incident of both versions burns the canary's budget, too. A custom metric's
// value is averaged over the windows and compared with its limit.
#pragma once

#include "analysis/judge.h"

extern const struct judge judge_burn_rate;
