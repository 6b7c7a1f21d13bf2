// SPDX-License-Identifier: Apache-2.0
// How the peers would decide over the same hour, scrape by scrape: models of their published rules
// (docs/analysis.md names them). First-error blindness of rate() is not charged to them.
#pragma once

#include "analysis/simulate.h"

#define HOUR_SCRAPES_MAX 720

// One hour of counts. `baseline` is a second group of the canary's size, which Kayenta asks for.
struct hour {
  double scrape_s;
  int count;
  struct replay_counts scrapes[HOUR_SCRAPES_MAX];
  double baseline_n[HOUR_SCRAPES_MAX], baseline_x[HOUR_SCRAPES_MAX];
};

// Each returns the second of the rollback; negative: none.
// A check each `interval_s` over a window of 1 min against 99 %; failures add up for the whole
// release; put back on the tick after the fifth. No traffic counts as a failure.
double flagger_fails(const struct hour *hour, double interval_s, int threshold);
// A measurement each `interval_s` over as long, first after one interval; more than `limit`
// failures.
double argo_fails(const struct hour *hour, double interval_s, int limit);
// One value a minute, judged each 5 min over all so far against the baseline; the metric is
// critical.
double kayenta_fails(const struct hour *hour);
