// SPDX-License-Identifier: Apache-2.0
// The Mann-Whitney test as Kayenta's judge uses it: how far two series of values are shifted
// against each other, with an interval, and what that is called. Values as they are compared:
// percent rather than shares, since the roots are found to 1e-4.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define RANK_VALUES_MAX 256 // of both series together

struct rank_shift {
  double estimate;  // Hodges-Lehmann: the median of all differences a - b
  double low, high; // of the confidence interval: normal, with continuity and ties corrected
};
// False when there is nothing to compare: an empty series, or all values equal.
bool rank_shift(const double *a, size_t a_count, const double *b, size_t b_count, double confidence,
                struct rank_shift *ret_shift);

enum rank_class { RANK_PASS, RANK_HIGH, RANK_LOW, RANK_NO_DATA };
// High: the interval lies above tolerance * |estimate|, and the means' ratio is at least `increase`
// (a mean of 0 has no ratio and does not object).
enum rank_class rank_classify(const double *canary, size_t canary_count, const double *stable,
                              size_t stable_count, double confidence, double tolerance,
                              double increase);
