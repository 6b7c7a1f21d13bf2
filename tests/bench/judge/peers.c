// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/judge/peers.h"

#include "analysis/rank_test.h"

#include <math.h>

#define SUCCESS 0.99

// The share of good canary requests in the window that ends with scrape `last`; NaN without
// requests. A window of w seconds holds one sample a scrape, so one increment less than that.
static double success(const struct hour *hour, int last, double window_s) {
  int increments = (int)floor(window_s / hour->scrape_s + 1e-9) - 1;
  double n = 0, x = 0;
  for (int i = last; i >= 0 && i > last - (increments > 1 ? increments : 1); i--) {
    n += hour->scrapes[i].tests[0].n_c;
    x += hour->scrapes[i].tests[0].x_c;
  }
  return n > 0 ? 1 - x / n : NAN;
}

// The scrape that is the newest at second t.
static int scrape_at(const struct hour *hour, double t) {
  return (int)floor(t / hour->scrape_s + 1e-9) - 1;
}

double flagger_fails(const struct hour *hour, double interval_s, int threshold) {
  int failed = 0;
  for (double t = interval_s; t <= 3600; t += interval_s) {
    if (failed >= threshold)
      return t;
    if (!(success(hour, scrape_at(hour, t), 60) >= SUCCESS))
      failed++;
  }
  return -1;
}

double argo_fails(const struct hour *hour, double interval_s, int limit) {
  int failed = 0;
  for (double t = interval_s; t <= 3600; t += interval_s) {
    if (!(success(hour, scrape_at(hour, t), interval_s) >= SUCCESS))
      failed++;
    if (failed > limit)
      return t;
  }
  return -1;
}

double kayenta_fails(const struct hour *hour) {
  double canary[60], baseline[60];
  size_t canary_count = 0, baseline_count = 0;
  int next = 0;
  for (int minute = 1; minute <= 60; minute++) {
    double n_c = 0, x_c = 0, n_b = 0, x_b = 0;
    for (; next < hour->count && hour->scrapes[next].at_s <= 60 * minute + 1e-9; next++) {
      n_c += hour->scrapes[next].tests[0].n_c;
      x_c += hour->scrapes[next].tests[0].x_c;
      n_b += hour->baseline_n[next];
      x_b += hour->baseline_x[next];
    }
    if (n_c > 0)
      canary[canary_count++] = 100 * x_c / n_c;
    if (n_b > 0)
      baseline[baseline_count++] = 100 * x_b / n_b;
    if (minute % 5 == 0 &&
        rank_classify(canary, canary_count, baseline, baseline_count, .98, .25, 1) == RANK_HIGH)
      return 60.0 * minute;
  }
  return -1;
}
