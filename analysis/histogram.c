// SPDX-License-Identifier: Apache-2.0
#include "analysis/histogram.h"

#include <math.h>
#include <string.h>

// The first boundary that is at least x; count when there is none.
static size_t bound_at(const struct histogram *histogram, double x) {
  size_t i = 0;
  while (i < histogram->count && histogram->bound_ms[i] < x)
    i++;
  return i;
}

void histogram_add(struct histogram *histogram, double bound_ms, double count) {
  size_t i = bound_at(histogram, bound_ms);
  bool there = i < histogram->count && histogram->bound_ms[i] == bound_ms;
  if (!there && histogram->count == HISTOGRAM_BOUNDS_MAX) {
    if (i == histogram->count)
      return;
    there = true;
  }
  if (!there) {
    size_t tail = histogram->count - i;
    memmove(&histogram->bound_ms[i + 1], &histogram->bound_ms[i], tail * sizeof(double));
    memmove(&histogram->at_most[i + 1], &histogram->at_most[i], tail * sizeof(double));
    histogram->bound_ms[i] = bound_ms;
    histogram->at_most[i] = 0;
    histogram->count++;
  }
  histogram->at_most[i] += count;
}

void histogram_seal(struct histogram *histogram) {
  for (size_t i = 1; i < histogram->count; i++)
    if (histogram->at_most[i] < histogram->at_most[i - 1])
      histogram->at_most[i] = histogram->at_most[i - 1];
}

double histogram_total(const struct histogram *histogram) {
  return histogram->count ? histogram->at_most[histogram->count - 1] : 0;
}

double histogram_above(const struct histogram *histogram, double bound_ms) {
  if (bound_ms <= 0)
    return histogram_total(histogram);
  size_t i = bound_at(histogram, bound_ms);
  return i < histogram->count ? histogram_total(histogram) - histogram->at_most[i] : 0;
}

void histogram_around(const struct histogram *histogram, double x, double *ret_low,
                      double *ret_high) {
  *ret_low = 0;
  *ret_high = INFINITY;
  for (size_t i = 0; i < histogram->count; i++) {
    double bound = histogram->bound_ms[i];
    if (isinf(bound))
      continue;
    if (bound <= x)
      *ret_low = bound;
    if (bound >= x) {
      *ret_high = bound;
      return;
    }
  }
}

double histogram_quantile(const struct histogram *histogram, double quantile) {
  double total = histogram_total(histogram), rank = quantile * total;
  double below = 0, from = 0;
  if (total <= 0)
    return NAN;
  for (size_t i = 0; i < histogram->count; i++) {
    double bound = histogram->bound_ms[i], at_most = histogram->at_most[i];
    if (isinf(bound))
      return from;
    if (at_most >= rank)
      return at_most > below ? from + (bound - from) * (rank - below) / (at_most - below) : bound;
    below = at_most;
    from = bound;
  }
  return from;
}
