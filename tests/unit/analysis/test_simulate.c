// SPDX-License-Identifier: Apache-2.0
// The simulator's random counts have the laws they claim, and what the design measured comes out.
#include "analysis/simulate.h"
#include "manifests/base/bug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#define DRAWS 40000

// Mean and variance within five standard errors.
static void has_moments(const double *draws, double mean, double variance) {
  double sum = 0, squares = 0;
  for (int i = 0; i < DRAWS; i++)
    sum += draws[i];
  for (int i = 0; i < DRAWS; i++)
    squares += (draws[i] - sum / DRAWS) * (draws[i] - sum / DRAWS);
  if (fabs(sum / DRAWS - mean) > 5 * sqrt(variance / DRAWS) ||
      fabs(squares / DRAWS / variance - 1) > .06 + 5 / sqrt(DRAWS * fmin(mean, 1)))
    fail_msg("mean %g variance %g, expected %g %g", sum / DRAWS, squares / DRAWS, mean, variance);
}

static void counts_have_their_laws(void **state) {
  (void)state;
  static double draws[DRAWS];
  struct rng rng;
  rng_init(&rng, 11);
  const double means[] = {.01, 1, 9.9, 10.1, 50, 2500};
  for (size_t m = 0; m < ARRAY_LEN(means); m++) {
    for (int i = 0; i < DRAWS; i++)
      draws[i] = draw_poisson(&rng, means[m]);
    has_moments(draws, means[m], means[m]);
  }
  const double laws[][2] = {{20, .01},    {250, .001}, {250, .05},
                            {2250, .018}, {30, .5},    {1000, .97}};
  for (size_t m = 0; m < ARRAY_LEN(laws); m++) {
    for (int i = 0; i < DRAWS; i++) {
      draws[i] = draw_binomial(&rng, laws[m][0], laws[m][1]);
      assert_true(draws[i] >= 0 && draws[i] <= laws[m][0] && draws[i] == floor(draws[i]));
    }
    has_moments(draws, laws[m][0] * laws[m][1], laws[m][0] * laws[m][1] * (1 - laws[m][1]));
  }
  assert_true(draw_poisson(&rng, 0) == 0 && draw_binomial(&rng, 0, .5) == 0);
  assert_true(draw_binomial(&rng, 7, 0) == 0 && draw_binomial(&rng, 7, 1) == 7);
}

static void durations_are_log_normal(void **state) {
  (void)state;
  assert_true(fabs(simulate_slower(300, 250) - .0183) < 1e-4);
  assert_true(fabs(simulate_slower(300, 500) - .0014) < 1e-4);
  assert_true(fabs(simulate_slower(300, 300) - .01) < 1e-9);
}

static double median_fail(double rps, double canary_errors, size_t runs, double *ret_share) {
  struct simulate_traffic traffic = {.rps = rps,
                                     .weight = .1,
                                     .duration_s = 3600,
                                     .stable = {.001, 300},
                                     .canary = {canary_errors, 300}};
  struct replay_rules rules = replay_rules(judge_preset_find(STR(""), NULL));
  double fails[400];
  struct rng rng;
  rng_init(&rng, 12);
  for (size_t i = 0; i < runs; i++)
    fails[i] = simulate_once(&rng, &traffic, &rules).fail_s;
  struct simulate_quantiles quantiles = simulate_quantiles(fails, runs);
  *ret_share = (double)quantiles.count / (double)runs;
  return quantiles.median;
}

static void delays_are_those_of_the_design(void **state) {
  (void)state;
  double share = 0;
  assert_true(fabs(median_fail(50, .05, 200, &share) - 40) <= 5 && share == 1);
  assert_true(fabs(median_fail(50, .01, 200, &share) - 185) <= 30 && share == 1);
  assert_true(median_fail(500, .05, 100, &share) == 30 && share == 1);
  assert_true(isnan(median_fail(50, .001, 100, &share)) && share == 0);
}

static void quantiles_leave_out_what_did_not_happen(void **state) {
  (void)state;
  double values[] = {5, -1, 1, -1, 3}, none[] = {-1};
  struct simulate_quantiles quantiles = simulate_quantiles(values, 5);
  assert_int_equal(quantiles.count, 3);
  assert_true(quantiles.median == 3 && quantiles.p95 == 5);
  assert_int_equal(simulate_quantiles(none, 1).count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_have_their_laws),
      cmocka_unit_test(durations_are_log_normal),
      cmocka_unit_test(delays_are_those_of_the_design),
      cmocka_unit_test(quantiles_leave_out_what_did_not_happen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
