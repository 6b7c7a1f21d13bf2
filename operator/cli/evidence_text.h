// SPDX-License-Identifier: Apache-2.0
// What the judge knows, in words with numbers: for `serin status` and `serin explain`. From status
// alone, so it says the same wherever it is run. Pure.
#pragma once

#include "manifests/kinds/rollout.h"

// "evidence against 1.93 of 2.00 decades (a chance of at most 1 in 85 if the canary were within
// tolerance), decision expected in about 1m40s, after about 310 more canary requests"; empty when
// the judge gives no evidence.
struct str evidence_text_all(const struct rollout_status *status, int64_t now_ms,
                             struct arena *arena);
// "against 1.93/2.22, for -0.80/1.30; canary 0.61%..1.38%, stable 0.08%..0.12%, tolerated 0.18%";
// empty for a metric without evidence.
struct str evidence_text_metric(const struct rollout_metric_status *metric, struct arena *arena);
