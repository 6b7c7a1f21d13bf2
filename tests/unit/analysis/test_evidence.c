// SPDX-License-Identifier: Apache-2.0
// What the proofs promise, checked exactly: sums over binomial laws, thousands of random settings.
#include "analysis/confidence.h"
#include "analysis/wealth.h"
#include "manifests/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#define REQUESTS_MAX 40
#define SETTINGS 5000
#define SLACK 1e-9

static double uniform(struct rng *rng, double low, double high) {
  return low + (high - low) * rng_double(rng);
}

static double log_uniform(struct rng *rng, double low, double high) {
  return exp(uniform(rng, log(low), log(high)));
}

// P(X = 0..n) for Binomial(n, p).
static void binomial(int n, double p, double *ret_law) {
  for (int x = 0; x <= n; x++) {
    double log_choose = lgamma(n + 1) - lgamma(x + 1) - lgamma(n - x + 1);
    double low = x ? x * log(p) : 0, high = n - x ? (n - x) * log1p(-p) : 0;
    ret_law[x] = exp(log_choose + low + high);
  }
}

struct setting {
  struct line line;
  struct rates other, truth;
  int n_c, n_s;
};

static struct setting random_setting(struct rng *rng) {
  struct setting setting = {
      .line = {uniform(rng, .5, 3), rng_below(rng, 4) ? log_uniform(rng, 1e-5, .05) : 0},
      .n_c = 1 + (int)rng_below(rng, REQUESTS_MAX),
      .n_s = 1 + (int)rng_below(rng, REQUESTS_MAX)};
  setting.other.stable = log_uniform(rng, 1e-6, .6);
  setting.truth.stable = rng_below(rng, 8) ? log_uniform(rng, 1e-6, 1) : rng_below(rng, 2) ? 0 : 1;
  return setting;
}

static double at(const struct line *line, double stable) {
  return line->ratio * stable + line->points;
}

static double expectation(const struct setting *setting, double phi) {
  double canary[REQUESTS_MAX + 1], stable[REQUESTS_MAX + 1], sum = 0;
  binomial(setting->n_c, setting->truth.canary, canary);
  binomial(setting->n_s, setting->truth.stable, stable);
  for (int c = 0; c <= setting->n_c; c++)
    for (int s = 0; s <= setting->n_s; s++) {
      struct tally block = {setting->n_c, c, setting->n_s, s};
      double log_e = evidence_two_sample(&setting->line, &setting->other, &block, phi);
      assert_true(!isnan(log_e));
      double probability = canary[c] * stable[s];
      sum += probability > 0 ? probability * exp(log_e) : 0;
    }
  return sum;
}

static void evidence_against_is_no_more_than_one_on_average(void **state) {
  (void)state;
  struct rng rng;
  double most = 0;
  rng_init(&rng, 41);
  for (int i = 0; i < SETTINGS; i++) {
    struct setting setting = random_setting(&rng);
    double bound = at(&setting.line, setting.other.stable);
    setting.other.canary = fmin(1, bound * uniform(&rng, 1.01, 30));
    if (setting.other.canary <= bound)
      continue;
    double tolerated = fmin(1, at(&setting.line, setting.truth.stable));
    setting.truth.canary = rng_below(&rng, 2) ? tolerated : uniform(&rng, 0, tolerated);
    double mean = expectation(&setting, rng_below(&rng, 2) ? 1 : uniform(&rng, 1, 5));
    most = fmax(most, mean);
    if (mean > 1 + SLACK)
      fail_msg("E[e] = %.12g at ratio %g points %g other %g %g truth %g %g n %d %d", mean,
               setting.line.ratio, setting.line.points, setting.other.canary, setting.other.stable,
               setting.truth.canary, setting.truth.stable, setting.n_c, setting.n_s);
  }
  assert_true(most > .99); // the bound is met, not just kept by waste
}

static void evidence_for_is_no_more_than_one_on_average(void **state) {
  (void)state;
  struct rng rng;
  double most = 0;
  rng_init(&rng, 42);
  for (int i = 0; i < SETTINGS; i++) {
    struct setting setting = random_setting(&rng);
    setting.other.canary =
        at(&setting.line, setting.other.stable) * uniform(&rng, .02, .98); // below the line
    double demanded = at(&setting.line, setting.truth.stable);
    if (demanded > 1 || setting.other.canary <= 0)
      continue;
    setting.truth.canary = rng_below(&rng, 2) ? demanded : uniform(&rng, demanded, 1);
    double mean = expectation(&setting, 1);
    most = fmax(most, mean);
    if (mean > 1 + SLACK)
      fail_msg("E[e] = %.12g at ratio %g points %g other %g %g truth %g %g n %d %d", mean,
               setting.line.ratio, setting.line.points, setting.other.canary, setting.other.stable,
               setting.truth.canary, setting.truth.stable, setting.n_c, setting.n_s);
  }
  assert_true(most > .99);
}

static void betting_is_no_more_than_one_on_average(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 43);
  for (int i = 0; i < SETTINGS; i++) {
    // Any law of the share of bad requests in a block with mean theta: here all or nothing, the
    // worst cluster there is, or binomial.
    double theta0 = log_uniform(&rng, 1e-4, 1), theta = theta0 * rng_double(&rng);
    double lambda = rng_double(&rng), law[REQUESTS_MAX + 1], mean = 0;
    int n = 1 + (int)rng_below(&rng, REQUESTS_MAX);
    if (rng_below(&rng, 2)) {
      mean = theta * exp(evidence_betting(theta0, lambda, n, n)) +
             (1 - theta) * exp(evidence_betting(theta0, lambda, n, 0));
    } else {
      binomial(n, theta, law);
      for (int x = 0; x <= n; x++)
        mean += law[x] * exp(evidence_betting(theta0, lambda, n, x));
    }
    assert_true(mean <= 1 + SLACK);
  }
}

static void one_sample_is_no_more_than_one_on_average(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 44);
  for (int i = 0; i < SETTINGS; i++) {
    double theta0 = log_uniform(&rng, 1e-5, .9), law[REQUESTS_MAX + 1], mean = 0;
    bool above = rng_below(&rng, 2);
    double q = theta0 * (above ? uniform(&rng, 1, 1 / theta0) : rng_double(&rng));
    double theta = above ? theta0 * rng_double(&rng) : uniform(&rng, theta0, 1);
    int n = 1 + (int)rng_below(&rng, REQUESTS_MAX);
    binomial(n, theta, law);
    for (int x = 0; x <= n; x++)
      mean += law[x] * exp(evidence_one_sample(theta0, q, n, x, 1));
    assert_true(mean <= 1 + SLACK);
  }
}

// From any state the wealth is expected to shrink or stay while the canary keeps its bound, guard,
// cash and fresh bets included.
static void wealth_never_grows_on_average(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 45);
  for (int i = 0; i < 1000; i++) {
    struct setting setting = random_setting(&rng);
    double tolerated = fmin(1, at(&setting.line, setting.truth.stable));
    setting.truth.canary = rng_below(&rng, 2) ? tolerated : uniform(&rng, 0, tolerated);
    struct guard guard = guard_make(.01, uniform(&rng, .1, 1), uniform(&rng, 0, 120), 5);
    struct wealth start;
    wealth_init(&start, WEALTH_EXPERTS, &guard);
    double sum = 0;
    for (int k = 0; k < WEALTH_SLOTS; k++)
      sum += start.v[k] = rng_double(&rng) * rng_double(&rng);
    for (int k = 0; k < WEALTH_SLOTS; k++)
      start.v[k] /= sum;
    start.tokens = rng_double(&rng) * guard.cap;
    double canary[REQUESTS_MAX + 1], stable[REQUESTS_MAX + 1], mean = 0;
    binomial(setting.n_c, setting.truth.canary, canary);
    binomial(setting.n_s, setting.truth.stable, stable);
    for (int c = 0; c <= setting.n_c; c++)
      for (int s = 0; s <= setting.n_s; s++) {
        struct tally block = {setting.n_c, c, setting.n_s, s};
        struct wealth wealth = start;
        double log_e[WEALTH_EXPERTS], shares = 0;
        wealth_bets(&setting.line, setting.other.stable, &block, 1, log_e);
        wealth_add(&wealth, log_e, WEALTH_EXPERTS, 5, 1, &guard);
        for (int k = 0; k < WEALTH_SLOTS; k++)
          shares += wealth.v[k];
        assert_true(fabs(shares - 1) < 1e-9);
        assert_true(wealth.tokens >= 0 && wealth.tokens <= guard.cap);
        mean += canary[c] * stable[s] * pow(10, wealth.decades);
      }
    assert_true(mean <= 1 + SLACK);
  }
}

static double exact(const struct line *line, const struct rates *other, const struct tally *block) {
  long double rho = line->ratio, delta = line->points, c = block->n_c, s = block->n_s;
  long double a = rho * (rho * c + s);
  long double b = delta * (rho * c + s) -
                  rho * (c * (long double)other->canary + s * (long double)other->stable);
  long double d = -s * (long double)other->stable * delta;
  long double root = sqrtl(b * b - 4 * a * d);
  long double l_s = b > 0 ? -2 * d / (b + root) : (root - b) / (2 * a), l_c = rho * l_s + delta;
  long double sum = 0;
  if (block->x_c > 0)
    sum += block->x_c * logl((long double)other->canary / l_c);
  if (block->x_s > 0)
    sum += block->x_s * logl((long double)other->stable / l_s);
  return (double)(sum - c * ((long double)other->canary - l_c) -
                  s * ((long double)other->stable - l_s));
}

static double random_count(struct rng *rng) {
  return rng_below(rng, 10) ? floor(log_uniform(rng, 1, 1e12)) : 0;
}

static void any_counts_give_exact_numbers(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 46);
  for (int i = 0; i < 50000; i++) {
    struct line line = {uniform(&rng, .5, 3), rng_below(&rng, 4) ? log_uniform(&rng, 1e-6, .1) : 0};
    struct rates other = {0, log_uniform(&rng, 1e-14, .9)};
    other.canary = fmin(1, at(&line, other.stable) * log_uniform(&rng, .1, 30));
    struct tally block = {.n_c = random_count(&rng), .n_s = random_count(&rng)};
    block.x_c = floor(block.n_c * (rng_below(&rng, 2) ? rng_double(&rng) : other.canary));
    block.x_s = floor(block.n_s * (rng_below(&rng, 2) ? rng_double(&rng) : other.stable));
    double log_e = evidence_two_sample(&line, &other, &block, 1);
    assert_true(isfinite(log_e));
    if (block.n_c <= 0 || block.n_s <= 0) {
      assert_true(log_e == 0);
      continue;
    }
    // Parts of it may cancel: what matters is how large they are.
    double scale = block.x_c + block.x_s + block.n_c * other.canary + block.n_s * other.stable + 1;
    if (fabs(log_e - exact(&line, &other, &block)) > 1e-12 * scale)
      fail_msg("%.17g is not %.17g", log_e, exact(&line, &other, &block));
  }
}

static void a_wealth_stays_finite_whatever_comes(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 47);
  for (int run = 0; run < 200; run++) {
    struct line line = {uniform(&rng, .5, 3), rng_below(&rng, 2) ? .0005 : 0};
    struct guard guard = guard_make(.01, uniform(&rng, .01, 1), 30, 5);
    struct stable_rate rate = {0};
    struct wealth wealth;
    wealth_init(&wealth, WEALTH_EXPERTS, &guard);
    double pass = 0, before = 0;
    for (int i = 0; i < 200; i++) {
      struct tally block = {.n_c = random_count(&rng), .n_s = random_count(&rng)};
      block.x_c = floor(block.n_c * rng_double(&rng) * rng_double(&rng));
      block.x_s = floor(block.n_s * rng_double(&rng));
      double log_e[WEALTH_EXPERTS], stable = stable_rate_now(&rate, stable_rate_prior(&line));
      assert_true(stable > 0 && stable <= 1);
      wealth_bets(&line, stable, &block, 1, log_e);
      wealth_add(&wealth, log_e, WEALTH_EXPERTS, uniform(&rng, 0, 4000), 1, &guard);
      pass += pass_growth(&line, stable, &block, 2);
      stable_rate_add(&rate, block.n_s, block.x_s, uniform(&rng, 0, 4000));
      assert_true(isfinite(wealth.decades) && isfinite(pass));
      assert_true(wealth.decades - before <= guard.cap + 1e-12);
      before = wealth.decades;
      for (int k = 0; k < WEALTH_SLOTS; k++)
        assert_true(wealth.v[k] >= 0 && wealth.v[k] <= 1 + 1e-12);
    }
  }
}

static void nothing_seen_changes_nothing(void **state) {
  (void)state;
  const struct line line = {1.25, .0005};
  const struct tally nothing = {0};
  struct guard guard = guard_make(.01, .6, 30, 5);
  struct wealth wealth;
  double log_e[WEALTH_EXPERTS];
  wealth_init(&wealth, WEALTH_EXPERTS, &guard);
  wealth.tokens = 0;
  wealth_bets(&line, .001, &nothing, 1, log_e);
  assert_true(fabs(wealth_add(&wealth, log_e, WEALTH_EXPERTS, 5, 1, &guard)) < 1e-15);
  assert_true(fabs(wealth.decades) < 1e-15);
  assert_true(fabs(wealth.tokens - guard.refill) < 1e-12); // only tokens come back
}

static void guard_asks_for_as_many_scrapes_as_it_says(void **state) {
  (void)state;
  const double sure[WEALTH_EXPERTS] = {1e6, 1e6, 1e6, 1e6, 1e6, 1e6};
  struct rng rng;
  rng_init(&rng, 48);
  for (int i = 0; i < 300; i++) {
    double scrape = uniform(&rng, 1, 60), detect = uniform(&rng, 0, 300);
    struct guard guard = guard_make(.01, uniform(&rng, .1, 1), detect, scrape);
    struct wealth wealth;
    wealth_init(&wealth, WEALTH_EXPERTS, &guard);
    int scrapes = 0;
    while (wealth.decades < guard.need - 1e-9) {
      wealth_add(&wealth, sure, WEALTH_EXPERTS, scrape, 1, &guard);
      scrapes++;
    }
    assert_int_equal(scrapes, (int)fmax(2, ceil(detect / scrape)));
  }
}

static void combining_keeps_the_average(void **state) {
  (void)state;
  const double weights[] = {.6, .2, .2}, zero[] = {0, 0, 0}, far[] = {1e6, -1e6, 0};
  assert_true(fabs(wealth_combine(weights, zero, 3)) < 1e-12);
  assert_true(fabs(wealth_combine(weights, far, 3) - (1e6 + log10(.6))) < 1e-6);
}

static void intervals_hold_at_all_times(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 49);
  int missed = 0, runs = 600;
  for (int run = 0; run < runs; run++) {
    double theta = log_uniform(&rng, .001, .2), n = 0, x = 0;
    bool out = false;
    for (int i = 0; i < 100; i++) {
      for (int k = 0; k < 30; k++)
        x += rng_double(&rng) < theta;
      n += 30;
      struct interval interval = confidence_interval(n, x, .05);
      assert_true(interval.low <= x / n && interval.high >= x / n * (1 - 1e-9));
      out = out || theta < interval.low || theta > interval.high;
    }
    missed += out;
  }
  assert_true(missed <= runs / 20);
}

static void intervals_of_any_counts_are_finite(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 50);
  for (int i = 0; i < 3000; i++) {
    double n = random_count(&rng), x = floor(n * rng_double(&rng) * (rng_below(&rng, 3) != 0));
    struct interval interval = confidence_interval(n, x, .05);
    assert_true(interval.low >= 0 && interval.low <= interval.high && interval.high <= 1);
    assert_true(isfinite(share_log_bayes(n, random_count(&rng), uniform(&rng, 0, 1))));
  }
  assert_true(share_log_bayes(10, 10, 0) == 0 && share_log_bayes(10, 10, 1) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(evidence_against_is_no_more_than_one_on_average),
      cmocka_unit_test(evidence_for_is_no_more_than_one_on_average),
      cmocka_unit_test(betting_is_no_more_than_one_on_average),
      cmocka_unit_test(one_sample_is_no_more_than_one_on_average),
      cmocka_unit_test(wealth_never_grows_on_average),
      cmocka_unit_test(any_counts_give_exact_numbers),
      cmocka_unit_test(a_wealth_stays_finite_whatever_comes),
      cmocka_unit_test(nothing_seen_changes_nothing),
      cmocka_unit_test(guard_asks_for_as_many_scrapes_as_it_says),
      cmocka_unit_test(combining_keeps_the_average),
      cmocka_unit_test(intervals_hold_at_all_times),
      cmocka_unit_test(intervals_of_any_counts_are_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
