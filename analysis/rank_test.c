// SPDX-License-Identifier: Apache-2.0
#include "analysis/rank_test.h"

#include <math.h>
#include <stdlib.h>

#define ROOT_WIDTH 1e-4

static int compare(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static double normal_quantile(double p) {
  double low = -40, high = 40;
  for (int i = 0; i < 100; i++) {
    double middle = (low + high) / 2;
    if (0.5 * erfc(-middle / sqrt(2)) < p)
      low = middle;
    else
      high = middle;
  }
  return (low + high) / 2;
}

struct pair {
  const double *a, *b; // ascending
  size_t a_count, b_count;
};

// Sum over all pairs: 1 where a - shift > b, one half where equal; and the sum of t^3 - t over
// ties.
static double u_statistic(const struct pair *pair, double shift, double *ret_ties) {
  double u = 0, ties = 0;
  size_t i = 0, j = 0, below = 0;
  while (i < pair->a_count || j < pair->b_count) {
    double at = i < pair->a_count ? pair->a[i] - shift : INFINITY;
    if (j < pair->b_count && pair->b[j] < at)
      at = pair->b[j];
    size_t in_a = 0, in_b = 0;
    while (i < pair->a_count && pair->a[i] - shift == at)
      i++, in_a++;
    while (j < pair->b_count && pair->b[j] == at)
      j++, in_b++;
    u += (double)in_a * ((double)below + 0.5 * (double)in_b);
    below += in_b;
    double t = (double)(in_a + in_b);
    ties += t * t * t - t;
  }
  *ret_ties = ties;
  return u;
}

static double standardized(const struct pair *pair, double shift) {
  double n = (double)pair->a_count, m = (double)pair->b_count, all = n + m, ties = 0;
  double off = u_statistic(pair, shift, &ties) - n * m / 2;
  double sigma = sqrt(n * m / 12 * (all + 1 - ties / (all * (all - 1))));
  double correction = off > 0 ? 0.5 : off < 0 ? -0.5 : 0;
  return sigma > 0 ? (off - correction) / sigma : 0;
}

// The shift at which the statistic falls below `wanted`: the end of the last interval that leaves
// the confidence interval wider, so that a step at 0, as many zeros give it, stays on its side of
// 0.
static double root(const struct pair *pair, double wanted) {
  double low = pair->a[0] - pair->b[pair->b_count - 1];
  double high = pair->a[pair->a_count - 1] - pair->b[0];
  if (standardized(pair, low) <= wanted)
    return low;
  if (standardized(pair, high) >= wanted)
    return high;
  while (high - low > ROOT_WIDTH) {
    double middle = (low + high) / 2;
    if (standardized(pair, middle) > wanted)
      low = middle;
    else
      high = middle;
  }
  return wanted > 0 ? low : high;
}

// The k-th smallest difference a - b, by counting: the series are sorted.
static double median_difference(const struct pair *pair) {
  double low = pair->a[0] - pair->b[pair->b_count - 1];
  double high = pair->a[pair->a_count - 1] - pair->b[0], ties = 0;
  double half = (double)pair->a_count * (double)pair->b_count / 2;
  for (int i = 0; i < 60; i++) {
    double middle = (low + high) / 2;
    if (u_statistic(pair, middle, &ties) > half)
      low = middle;
    else
      high = middle;
  }
  return (low + high) / 2;
}

bool rank_shift(const double *a, size_t a_count, const double *b, size_t b_count, double confidence,
                struct rank_shift *ret_shift) {
  double sorted[2][RANK_VALUES_MAX];
  if (!a_count || !b_count || a_count > RANK_VALUES_MAX || b_count > RANK_VALUES_MAX)
    return false;
  for (size_t i = 0; i < a_count; i++)
    sorted[0][i] = a[i];
  for (size_t i = 0; i < b_count; i++)
    sorted[1][i] = b[i];
  qsort(sorted[0], a_count, sizeof(double), compare);
  qsort(sorted[1], b_count, sizeof(double), compare);
  struct pair pair = {sorted[0], sorted[1], a_count, b_count};
  double least = fmin(pair.a[0], pair.b[0]);
  double most = fmax(pair.a[a_count - 1], pair.b[b_count - 1]);
  if (!(most > least) || !isfinite(least) || !isfinite(most))
    return false;
  double z = normal_quantile(1 - (1 - confidence) / 2);
  ret_shift->estimate = median_difference(&pair);
  ret_shift->low = root(&pair, z);
  ret_shift->high = root(&pair, -z);
  return true;
}

static double mean(const double *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += values[i];
  return sum / (double)count;
}

enum rank_class rank_classify(const double *canary, size_t canary_count, const double *stable,
                              size_t stable_count, double confidence, double tolerance,
                              double increase) {
  struct rank_shift shift;
  if (!canary_count || !stable_count)
    return RANK_NO_DATA;
  if (!rank_shift(canary, canary_count, stable, stable_count, confidence, &shift))
    return RANK_PASS;
  double canary_mean = mean(canary, canary_count), stable_mean = mean(stable, stable_count);
  bool has_ratio = canary_mean != 0 && stable_mean != 0;
  double ratio = has_ratio ? canary_mean / stable_mean : 0, most = tolerance * fabs(shift.estimate);
  if (shift.low > most && (!has_ratio || ratio >= increase))
    return RANK_HIGH;
  if (shift.high < -most && (!has_ratio || ratio <= 1 / increase))
    return RANK_LOW;
  return RANK_PASS;
}
