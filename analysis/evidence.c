// SPDX-License-Identifier: Apache-2.0
#include "analysis/evidence.h"

#include <math.h>

#define RATE_HALF_LIFE_S 600.0
#define RATE_PRIOR_REQUESTS 100.0
#define RATE_PRIOR_MIN 1e-4

struct rates evidence_project(const struct line *line, const struct rates *from, double n_c,
                              double n_s) {
  double rho = line->ratio, delta = line->points;
  // Requests as shares: the same roots, and no square of 1e12.
  double all = n_c + n_s, c = n_c / all, s = n_s / all;
  double a = rho * (rho * c + s);
  double b = delta * (rho * c + s) - rho * (c * from->canary + s * from->stable);
  double d = -s * from->stable * delta;
  double root = sqrt(b * b - 4 * a * d);
  // The form that adds two numbers of the same sign: no cancellation.
  double stable = b > 0 ? -2 * d / (b + root) : (root - b) / (2 * a);
  return (struct rates){rho * stable + delta, stable};
}

// x log(q/l) - n (q - l), where x = 0 must not meet log(0).
static double poisson_ratio(double n, double x, double q, double l) {
  double growth = x > 0 ? x * log(q / l) : 0;
  return growth - n * (q - l);
}

double evidence_two_sample(const struct line *line, const struct rates *other,
                           const struct tally *block, double phi) {
  if (block->n_c <= 0 || block->n_s <= 0)
    return 0;
  struct rates null = evidence_project(line, other, block->n_c, block->n_s);
  return (poisson_ratio(block->n_c, block->x_c, other->canary, null.canary) +
          poisson_ratio(block->n_s, block->x_s, other->stable, null.stable)) /
         phi;
}

double evidence_one_sample(double theta0, double q, double n, double x, double phi) {
  return n > 0 ? poisson_ratio(n, x, q, theta0) / phi : 0;
}

double evidence_betting(double theta0, double lambda, double n, double x) {
  if (n <= 0)
    return 0;
  return log1p(lambda * (x / n / theta0 - 1));
}

double stable_rate_now(const struct stable_rate *rate, double prior) {
  return (rate->x + RATE_PRIOR_REQUESTS * prior) / (rate->n + RATE_PRIOR_REQUESTS);
}

void stable_rate_add(struct stable_rate *rate, double n, double x, double seconds) {
  double kept = exp2(-fmax(seconds, 0) / RATE_HALF_LIFE_S);
  rate->x = kept * rate->x + x;
  rate->n = kept * rate->n + n;
}

double stable_rate_prior(const struct line *line) {
  return fmax(line->points, RATE_PRIOR_MIN);
}

double log_sum_exp(const double *logs, int count) {
  double most = -INFINITY, sum = 0;
  for (int i = 0; i < count; i++)
    most = fmax(most, logs[i]);
  if (!isfinite(most))
    return most;
  for (int i = 0; i < count; i++)
    sum += exp(logs[i] - most);
  return most + log(sum);
}
