// SPDX-License-Identifier: Apache-2.0
#include "analysis/draw.h"

#include <math.h>

#define SMALL 10.0 // means from here on use rejection

static double open_uniform(struct rng *rng) {
  double u = rng_double(rng);
  return u > 0 ? u : 1e-300;
}

double draw_normal(struct rng *rng) {
  return sqrt(-2 * log(open_uniform(rng))) * cos(2 * acos(-1) * rng_double(rng));
}

static double poisson_large(struct rng *rng, double mean) {
  int sign = 0;
  double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
  double inverse = 1.1239 + 1.1328 / (b - 3.4), sure = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    double u = rng_double(rng) - 0.5, v = open_uniform(rng), us = 0.5 - fabs(u);
    double k = floor((2 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= sure)
      return k;
    if (k < 0 || (us < 0.013 && v > us))
      continue;
    if (log(v * inverse / (a / (us * us) + b)) <= k * log(mean) - mean - lgamma_r(k + 1, &sign))
      return k;
  }
}

double draw_poisson(struct rng *rng, double mean) {
  if (!(mean > 0))
    return 0;
  if (mean >= SMALL)
    return poisson_large(rng, mean);
  double k = 0, term = exp(-mean), left = rng_double(rng);
  while (left > term && k < 1000) {
    left -= term;
    k += 1;
    term *= mean / k;
  }
  return k;
}

// log(k!) less Stirling's main terms.
static double tail(double k) {
  int sign = 0;
  return lgamma_r(k + 1, &sign) - ((k + 0.5) * log(k + 1) - (k + 1) + 0.918938533204672742);
}

static double binomial_large(struct rng *rng, double n, double p) {
  double deviation = sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * deviation;
  double a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5, sure = 0.92 - 4.2 / b;
  double ratio = p / (1 - p), alpha = (2.83 + 5.1 / b) * deviation, mode = floor((n + 1) * p);
  for (;;) {
    double u = rng_double(rng) - 0.5, v = open_uniform(rng), us = 0.5 - fabs(u);
    double k = floor((2 * a / us + b) * u + c);
    if (us >= 0.07 && v <= sure)
      return k;
    if (k < 0 || k > n)
      continue;
    double most = (mode + 0.5) * log((mode + 1) / (ratio * (n - mode + 1))) +
                  (n + 1) * log((n - mode + 1) / (n - k + 1)) +
                  (k + 0.5) * log(ratio * (n - k + 1) / (k + 1)) + tail(mode) + tail(n - mode) -
                  tail(k) - tail(n - k);
    if (log(v * alpha / (a / (us * us) + b)) <= most)
      return k;
  }
}

double draw_binomial(struct rng *rng, double n, double p) {
  if (p > 0.5)
    return n - draw_binomial(rng, n, 1 - p);
  if (!(n > 0) || !(p > 0))
    return 0;
  if (n * p >= SMALL)
    return binomial_large(rng, n, p);
  double ratio = p / (1 - p), k = 0, term = exp(n * log1p(-p)), left = rng_double(rng);
  while (left > term && k < n) {
    left -= term;
    k += 1;
    term *= ratio * (n - k + 1) / k;
  }
  return k;
}
