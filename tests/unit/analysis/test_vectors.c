// SPDX-License-Identifier: Apache-2.0
// The 23 test vectors of the design of the analysis, one test each, named by number.
#include "analysis/confidence.h"
#include "analysis/histogram.h"
#include "analysis/sample.h"
#include "analysis/wealth.h"
#include "manifests/base/bug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

static void near(double value, double expected, double precision) {
  if (!(fabs(value - expected) <= precision * fmax(fabs(expected), 1e-12)))
    fail_msg("%.10g, expected %.10g", value, expected);
}
#define NEAR(value, expected) near((value), (expected), 1e-8)

static const struct line TOLERANCE = {1.25, .0005};
static const struct rates OTHER = {.01, .001};

static void vector_1_projection(void **state) {
  (void)state;
  struct rates null = evidence_project(&TOLERANCE, &OTHER, 250, 2250);
  NEAR(null.canary, 0.00258080755);
  NEAR(null.stable, 0.00166464604);
}

static double two_sample(double x_c, double x_s, double phi) {
  struct tally block = {250, x_c, 2250, x_s};
  return evidence_two_sample(&TOLERANCE, &OTHER, &block, phi);
}

static void vector_2_block(void **state) {
  (void)state;
  double log_e = two_sample(5, 2, 1);
  NEAR(log_e, 5.39384415);
  NEAR(log_e / log(10), 2.34251675);
  NEAR(exp(log_e), 220.047658);
}

static void vector_3_block_without_canary_errors(void **state) {
  (void)state;
  NEAR(two_sample(0, 2, 1), -1.37856955);
}

static void vector_4_overdispersed(void **state) {
  (void)state;
  NEAR(two_sample(5, 2, 2), 2.69692207);
}

static void vector_5_no_absolute_tolerance_is_the_conditional_test(void **state) {
  (void)state;
  struct line equal = {1, 0};
  struct tally block = {250, 5, 2250, 2};
  double log_e = evidence_two_sample(&equal, &OTHER, &block, 1);
  NEAR(log_e, 7.01994826);
  double pi0 = .1, pi1 = 2.5 / 4.75;
  NEAR(log_e, 5 * log(pi1 / pi0) + 2 * log((1 - pi1) / (1 - pi0)));
}

static void vector_6_nothing_to_compare(void **state) {
  (void)state;
  struct tally no_stable = {250, 5, 0, 0}, no_canary = {0, 0, 2250, 2};
  assert_true(evidence_two_sample(&TOLERANCE, &OTHER, &no_stable, 1) == 0);
  assert_true(evidence_two_sample(&TOLERANCE, &OTHER, &no_canary, 1) == 0);
}

static double pass_block(double x_c) {
  struct line accept = {1.5, .005};
  struct tally block = {500, x_c, 4500, 5};
  return pass_growth(&accept, .001, &block, 1) * log(10);
}

static void vector_7_pass(void **state) {
  (void)state;
  NEAR(pass_block(0), 2.76050032);
}

static void vector_8_no_pass(void **state) {
  (void)state;
  NEAR(pass_block(4), -4.61150870);
}

static void vector_9_one_sample(void **state) {
  (void)state;
  NEAR(evidence_one_sample(.01, .03, 500, 20, 1), 11.9722458);
}

static void vector_10_guard(void **state) {
  (void)state;
  struct guard guard = guard_make(.01, .6, 30, 5);
  NEAR(guard.need, 2.22184875);
  NEAR(guard.cap, 0.74061625);
  NEAR(guard.refill, 0.29624650);
}

// What the wealth process of vectors 11 to 14 went through, block by block.
struct course {
  double decades[6], rate[6], tokens[6], growth[6], cash[6];
};

static struct course run_course(void) {
  static const struct tally BLOCKS[] = {{240, 0, 2260, 2},  {251, 3, 2249, 3}, {260, 12, 2270, 1},
                                        {245, 14, 2205, 2}, {0, 0, 0, 0},      {255, 11, 2245, 4}};
  struct course course;
  struct guard guard = guard_make(.01, .6, 30, 5);
  struct stable_rate rate = {80000, 80};
  struct wealth wealth;
  wealth_init(&wealth, WEALTH_EXPERTS, &guard);
  for (size_t i = 0; i < ARRAY_LEN(BLOCKS); i++) {
    double log_e[WEALTH_EXPERTS];
    course.rate[i] = stable_rate_now(&rate, stable_rate_prior(&TOLERANCE));
    wealth_bets(&TOLERANCE, course.rate[i], &BLOCKS[i], 1, log_e);
    course.growth[i] = wealth_add(&wealth, log_e, WEALTH_EXPERTS, 5, 1, &guard);
    stable_rate_add(&rate, BLOCKS[i].n_s, BLOCKS[i].x_s, 5);
    course.decades[i] = wealth.decades;
    course.tokens[i] = wealth.tokens;
    course.cash[i] = wealth.v[0];
  }
  return course;
}

static void vector_11_wealth(void **state) {
  (void)state;
  static const double EXPECTED[] = {-0.266320783, 0.234072702, 0.770541966,
                                    1.06678847,   1.06678847,  1.65928147};
  struct course course = run_course();
  for (size_t i = 0; i < ARRAY_LEN(EXPECTED); i++)
    NEAR(course.decades[i], EXPECTED[i]);
}

static void vector_12_stable_rate(void **state) {
  (void)state;
  static const double EXPECTED[] = {0.00099937578,  0.000996214861, 0.00100528815,
                                    0.000990284538, 0.000988175548, 0.000988172304};
  struct course course = run_course();
  for (size_t i = 0; i < ARRAY_LEN(EXPECTED); i++)
    NEAR(course.rate[i], EXPECTED[i]);
}

static void vector_13_tokens(void **state) {
  (void)state;
  static const double EXPECTED[] = {0.74061625, 0.536469265, 0.2962465,
                                    0.2962465,  0.592493,    0.2962465};
  struct course course = run_course();
  for (size_t i = 0; i < ARRAY_LEN(EXPECTED); i++)
    NEAR(course.tokens[i], EXPECTED[i]);
}

static void vector_14_uncapped_growth(void **state) {
  (void)state;
  struct course course = run_course();
  NEAR(course.growth[2], 6.77565762);
  NEAR(course.growth[3], 9.47016181);
  NEAR(course.growth[5], 5.96317692);
  NEAR(course.cash[1], 0.116752816);
}

static void vector_15_conditional_binomial(void **state) {
  (void)state;
  NEAR(conditional_log_e(10, 20, .1), 4.58610163);
  NEAR(conditional_log_e(3, 30, .1), -2.54782496);
}

static void vector_16_share_mismatch(void **state) {
  (void)state;
  NEAR(share_log_bayes(1100, 8900, .1), 2.98925188);
  NEAR(share_log_bayes(1000, 9000, .1), -2.31589999);
}

static void vector_17_confidence_sequence(void **state) {
  (void)state;
  NEAR(confidence_log_e(.5, 100, 1000, 9, .002), 4.82190460);
  struct interval interval = confidence_interval(1000, 9, .05);
  NEAR(interval.low, 0.00262655254);
  NEAR(interval.high, 0.0215824113);
}

static void vector_18_block_betting(void **state) {
  (void)state;
  static const double RATES[] = {.05, 0, .04, .08};
  double half = 0, logs[BETTING_EXPERTS] = {0};
  for (size_t i = 0; i < ARRAY_LEN(RATES); i++) {
    double log_e[BETTING_EXPERTS];
    half += evidence_betting(.01, .5, 100, 100 * RATES[i]);
    wealth_bets_absolute(.01, 100, 100 * RATES[i], log_e);
    for (int k = 0; k < BETTING_EXPERTS; k++)
      logs[k] += log_e[k];
  }
  NEAR(exp(half), 16.875);
  near(exp(log_sum_exp(logs, BETTING_EXPERTS)) / BETTING_EXPERTS, 8.39505, 1e-6);
}

static void vector_19_band(void **state) {
  (void)state;
  near(dkw_constant(.05), 8.12271935, 1e-7);
  near(dkw_constant(.01), 9.28354335, 1e-7);
  near(dkw_constant(.005), 9.78336522, 1e-7);
  NEAR(dkw_width(1000, 8.12271935), 0.0820477877);
  assert_true(isinf(dkw_width(99, 8)));
}

static void vector_20_combination(void **state) {
  (void)state;
  const double weights[] = {.6, .2, .2}, decades[] = {2.1, log10(.7), 1.4};
  NEAR(pow(10, wealth_combine(weights, decades, 3)), 80.6992976);
}

static void vector_21_overdispersion(void **state) {
  (void)state;
  static const double BLOCKS[3][4] = {{2, 0, 1, 1}, {0, 0, 0, 0}, {9, 1, 0, 2}};
  struct phi_estimate estimate = {0};
  assert_true(phi_hat(&estimate) == 1);
  for (size_t i = 0; i < ARRAY_LEN(BLOCKS); i++)
    phi_add(&estimate, BLOCKS[i], NULL, 4);
  NEAR(phi_hat(&estimate), 4.33333333);
}

static void vector_22_what_prometheus_would_say(void **state) {
  (void)state;
  struct histogram histogram = {0};
  const double bounds[] = {100, 250, 500, 1000}, at_most[] = {816, 982, 998, 1000};
  for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
    histogram_add(&histogram, bounds[i], at_most[i]);
  histogram_add(&histogram, INFINITY, 1000);
  histogram_seal(&histogram);
  NEAR(histogram_quantile(&histogram, .99), 375);
}

static double increment(size_t first, const double *values, size_t count) {
  // One target, scraped each 5 s; `up` has all its scrapes.
  struct arena arena;
  arena_init(&arena);
  struct prom_point points[8], ups[8];
  for (size_t i = 0; i < count; i++)
    points[i] = (struct prom_point){(int64_t)(first + i) * 5000, values[i]};
  for (size_t i = 0; i < 8; i++)
    ups[i] = (struct prom_point){(int64_t)i * 5000, 1};
  struct prom_label labels[] = {{STR("instance"), STR("p:1")}, {STR("job"), STR("proxy")}};
  struct prom_series series = {labels, 2, points, count, false};
  struct prom_series up = {labels, 2, ups + first, 8 - first, false};
  if (first == 2) { // the target was there before the series
    up.points = ups;
    up.point_count = 8;
  }
  struct prom_result result = {
      .status = PROM_DATA, .type = PROM_MATRIX, .series = &up, .series_count = 1};
  struct scrapes *scrapes = scrapes_new(&arena);
  scrapes_add_up(scrapes, &result);
  scrapes_seal(scrapes);
  double counted = sample_increment(&series, scrapes, (struct span){-1, 100000});
  arena_dispose(&arena);
  return counted;
}

static void vector_23_increments(void **state) {
  (void)state;
  const double grows[] = {100, 130}, resets[] = {100, 7}, born[] = {3};
  NEAR(increment(1, grows, 2), 30);
  NEAR(increment(1, resets, 2), 7);
  NEAR(increment(2, born, 1), 3);          // absent in an earlier scrape of its target
  assert_true(increment(1, born, 1) == 0); // its target was first seen with it
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vector_1_projection),
      cmocka_unit_test(vector_2_block),
      cmocka_unit_test(vector_3_block_without_canary_errors),
      cmocka_unit_test(vector_4_overdispersed),
      cmocka_unit_test(vector_5_no_absolute_tolerance_is_the_conditional_test),
      cmocka_unit_test(vector_6_nothing_to_compare),
      cmocka_unit_test(vector_7_pass),
      cmocka_unit_test(vector_8_no_pass),
      cmocka_unit_test(vector_9_one_sample),
      cmocka_unit_test(vector_10_guard),
      cmocka_unit_test(vector_11_wealth),
      cmocka_unit_test(vector_12_stable_rate),
      cmocka_unit_test(vector_13_tokens),
      cmocka_unit_test(vector_14_uncapped_growth),
      cmocka_unit_test(vector_15_conditional_binomial),
      cmocka_unit_test(vector_16_share_mismatch),
      cmocka_unit_test(vector_17_confidence_sequence),
      cmocka_unit_test(vector_18_block_betting),
      cmocka_unit_test(vector_19_band),
      cmocka_unit_test(vector_20_combination),
      cmocka_unit_test(vector_21_overdispersion),
      cmocka_unit_test(vector_22_what_prometheus_would_say),
      cmocka_unit_test(vector_23_increments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
