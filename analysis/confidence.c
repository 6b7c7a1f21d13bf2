// SPDX-License-Identifier: Apache-2.0
#include "analysis/confidence.h"

#include <math.h>

#define SHAPE 0.5
#define RATE 100.0
#define SHARE_PRIOR 100.0
#define BISECTIONS 48
#define DKW_A 0.85
#define DKW_M 100.0

static double log_gamma(double x) {
  int sign = 0;
  return lgamma_r(x, &sign);
}

double confidence_log_e(double a, double b, double n, double x, double theta) {
  return a * log(b) - (a + x) * log(b + n) + log_gamma(a + x) - log_gamma(a) + n * theta -
         (x > 0 ? x * log(theta) : 0);
}

// log E as a function of theta: constant + n theta - x log(theta).
struct curve {
  double constant, n, x;
};

static double curve_at(const struct curve *curve, double theta) {
  return curve->constant + curve->n * theta - (curve->x > 0 ? curve->x * log(theta) : 0);
}

// Where it crosses `wanted` between `in` (below it) and `out` (above it).
static double crossing(const struct curve *curve, double wanted, double in, double out) {
  for (int i = 0; i < BISECTIONS; i++) {
    double middle = (in + out) / 2;
    if (curve_at(curve, middle) <= wanted)
      in = middle;
    else
      out = middle;
  }
  return in;
}

struct interval confidence_interval(double n, double x, double alpha) {
  if (n <= 0)
    return (struct interval){0, 1};
  double wanted = log(1 / alpha), centre = (x + SHAPE) / (n + RATE);
  struct curve curve = {confidence_log_e(SHAPE, RATE, n, x, 1) - n, n, x};
  // log E is smallest at x/n; where even that is too large, the interval is a point at the centre.
  double inside = x > 0 ? x / n : 0;
  if (curve_at(&curve, inside) > wanted)
    inside = centre;
  double far = fmax(2 * centre, 2 * inside);
  while (curve_at(&curve, far) <= wanted && far < 2)
    far *= 2;
  struct interval interval = {x > 0 ? crossing(&curve, wanted, inside, 0) : 0,
                              crossing(&curve, wanted, inside, far)};
  interval.high = fmin(1, interval.high);
  interval.low = fmin(interval.low, interval.high);
  return interval;
}

double share_log_bayes(double n_c, double n_s, double canary_share) {
  if (!(canary_share > 0) || !(canary_share < 1))
    return 0;
  double a_c = SHARE_PRIOR * canary_share, a_s = SHARE_PRIOR - a_c;
  return log_gamma(SHARE_PRIOR) - log_gamma(SHARE_PRIOR + n_c + n_s) + log_gamma(a_c + n_c) -
         log_gamma(a_c) + log_gamma(a_s + n_s) - log_gamma(a_s) - n_c * log(canary_share) -
         n_s * log1p(-canary_share);
}

void phi_add(struct phi_estimate *estimate, const double *bad, const double *requests,
             size_t pods) {
  double total = 0, all = 0, same = 0;
  for (size_t i = 0; i < pods; i++) {
    total += bad[i];
    all += requests ? requests[i] : 1;
  }
  if (pods < 2 || all <= 0)
    return;
  for (size_t i = 0; i < pods; i++) {
    double share = (requests ? requests[i] : 1) / all, off = bad[i] - total * share;
    estimate->squares += off * off;
    same += share * share;
  }
  estimate->expected += total * (1 - same);
}

double phi_hat(const struct phi_estimate *estimate) {
  return estimate->expected > 0 ? fmax(1, estimate->squares / estimate->expected) : 1;
}

// The continued fraction of the incomplete beta function (Lentz).
static double beta_fraction(double x, double p, double q) {
  const double tiny = 1e-300;
  double c = 1, d = 1 - (p + q) * x / (p + 1);
  d = 1 / (fabs(d) < tiny ? tiny : d);
  double fraction = d;
  for (int m = 1; m < 10000; m++) {
    double up = m * (q - m) * x / ((p + 2 * m - 1) * (p + 2 * m));
    double down = -(p + m) * (p + q + m) * x / ((p + 2 * m) * (p + 2 * m + 1));
    for (int half = 0; half < 2; half++) {
      double term = half ? down : up;
      d = 1 + term * d;
      d = 1 / (fabs(d) < tiny ? tiny : d);
      c = 1 + term / c;
      c = fabs(c) < tiny ? tiny : c;
      fraction *= d * c;
    }
    if (fabs(d * c - 1) < 1e-15)
      break;
  }
  return fraction;
}

static double log_beta(double p, double q) {
  return log_gamma(p) + log_gamma(q) - log_gamma(p + q);
}

// log I_x(p,q).
static double log_incomplete_beta(double x, double p, double q) {
  double front = p * log(x) + q * log1p(-x) - log_beta(p, q);
  if (x < (p + 1) / (p + q + 2))
    return front + log(beta_fraction(x, p, q) / p);
  return log1p(-exp(front) * beta_fraction(1 - x, q, p) / q);
}

double conditional_log_e(double x_c, double x_s, double pi0) {
  return log_beta(1 + x_c, 1 + x_s) - log_beta(1, 1) +
         log_incomplete_beta(1 - pi0, 1 + x_s, 1 + x_c) - log_incomplete_beta(1 - pi0, 1, 1) -
         x_c * log(pi0) - x_s * log1p(-pi0);
}

double dkw_width(double n, double c) {
  if (n < DKW_M)
    return INFINITY;
  return DKW_A * sqrt((log(1 + log(n / DKW_M)) + c) / n);
}

// The error of constant c: the smallest over eta of 4 e^(-g^2 c) (1 + 1/((g^2 - 1) log eta)).
static double dkw_error(double c) {
  const int steps = 20000;
  double best = INFINITY;
  for (int i = 1; i < steps; i++) {
    double eta = 1 + (2 * DKW_A * DKW_A - 1) * i / steps;
    double g = sqrt(2 / eta) * (DKW_A - sqrt(2 * (eta - 1) / c));
    if (g > 1)
      best = fmin(best, 4 * exp(-g * g * c) * (1 + 1 / ((g * g - 1) * log(eta))));
  }
  return best;
}

double dkw_constant(double alpha) {
  double low = 1, high = 100;
  for (int i = 0; i < 60; i++) {
    double middle = (low + high) / 2;
    if (dkw_error(middle) > alpha)
      low = middle;
    else
      high = middle;
  }
  return high;
}
