// SPDX-License-Identifier: Apache-2.0
// Durations of one version: for each bucket boundary, how many requests took at most that long. A
// question about a latency is a question about the share above a boundary; nothing is interpolated.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HISTOGRAM_BOUNDS_MAX 64
struct histogram {
  size_t count; // boundaries, ascending; the last one is infinite once there are any
  double bound_ms[HISTOGRAM_BOUNDS_MAX];
  double at_most[HISTOGRAM_BOUNDS_MAX]; // cumulative
};

// Adds to the boundary, which is made when new. Boundaries beyond the maximum go into the next
// larger one.
void histogram_add(struct histogram *histogram, double bound_ms, double count);
// Makes the counts monotone: buckets of one scrape can be torn apart by recording rules and remote
// reads.
void histogram_seal(struct histogram *histogram);
double histogram_total(const struct histogram *histogram);
// Requests slower than `bound_ms`; when that is no boundary, slower than the next larger one.
double histogram_above(const struct histogram *histogram, double bound_ms);
// The largest finite boundary <= x and the smallest >= x, equal when x is one. 0 and INFINITY where
// there is none.
void histogram_around(const struct histogram *histogram, double x, double *ret_low,
                      double *ret_high);
// What PromQL's histogram_quantile says of these counts (linear within a bucket; values above the
// last finite boundary read as that boundary): for a text that warns of it, never to decide by. NaN
// without requests.
double histogram_quantile(const struct histogram *histogram, double quantile);
