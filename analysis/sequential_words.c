// SPDX-License-Identifier: Apache-2.0
#include "analysis/sequential_words.h"

#include "analysis/confidence.h"
#include "analysis/gauge.h"

#include <math.h>

#define CLEAN_DECADES 0.5
#define CLEAN_REQUESTS 100.0
#define PASS_AGAINST_MAX 1.0 // decades of combined evidence against, from which nothing passes
#define DISPLAY_ALPHA 0.05
#define STABLE_SHOWN 50.0   // stable requests of the step from which its own share is shown
#define CANARY_PRIOR 50.0   // requests at stable's rate, for what is to be expected
#define STAKE_DECADES 0.875 // what the best expert has to make up for: log10(6 / 0.8)
#define LOG_TEN 2.302585092994045684

static const double GRID[] = {1.4, 2, 3, 5, 10, 25};

// --- what is to be expected ---

static double growth(const struct line *line, const struct rates *other, const struct rates *rates,
                     double stable_per_canary) {
  struct tally block = {1, rates->canary, stable_per_canary, stable_per_canary * rates->stable};
  return evidence_two_sample(line, other, &block, 1) / LOG_TEN;
}

static double requests_for(double decades, double per_request) {
  if (decades <= 0)
    return 0;
  return per_request > 0 ? decades / per_request : INFINITY;
}

double expected_to_fail(const struct line *tolerance, const struct rates *rates,
                        double stable_per_canary, double have, double need) {
  double bound = tolerance->ratio * rates->stable + tolerance->points, best = 0;
  for (size_t i = 0; i < sizeof GRID / sizeof GRID[0]; i++) {
    struct rates other = {fmin(1, GRID[i] * bound), rates->stable};
    if (other.canary > bound)
      best = fmax(best, growth(tolerance, &other, rates, stable_per_canary));
  }
  return requests_for(need - have + (have < STAKE_DECADES ? STAKE_DECADES : 0), best);
}

double expected_to_pass(const struct line *accept, const struct rates *rates,
                        double stable_per_canary, double phi, double have, double need) {
  struct rates other = {rates->stable, rates->stable};
  if (!(other.canary < accept->ratio * other.stable + accept->points))
    return INFINITY;
  return requests_for(need - have, growth(accept, &other, rates, stable_per_canary) / phi);
}

// --- one metric ---

struct look {
  const struct test_state *test;
  struct evidence_rule rule;
  double decades; // as they count
  double stable_n, stable_x, upper;
  bool reference; // compared with stable's last step
  bool unknown;   // nothing to compare with
};

static double share_of(double x, double n) {
  return n > 0 ? x / n : 0;
}

static struct look look_at(const struct judge_scene *scene, size_t metric,
                           const struct test_state *test) {
  struct look look = {.test = test,
                      .rule = sequential_rule(scene, metric, test),
                      .decades = sequential_decades(scene, metric, test),
                      .stable_n = test->step.n_s,
                      .stable_x = test->step.x_s};
  if (test->absolute)
    return look;
  look.reference = test->step.n_s <= 0 && sequential_reference(scene, test, &look.upper);
  if (look.reference) {
    look.stable_n = test->ref_n;
    look.stable_x = test->ref_x;
  }
  look.unknown = !look.reference && test->step.n_s <= 0;
  return look;
}

// The stable rate that goes with a look: of the step, else as known from before.
static double stable_of(const struct look *look) {
  if (look->reference)
    return look->upper;
  if (look->stable_n >= STABLE_SHOWN)
    return look->stable_x / look->stable_n;
  return stable_rate_now(&look->test->evidence.rate, stable_rate_prior(&look->rule.tolerance));
}

static double tolerated(const struct look *look, const struct metric_spec *spec) {
  if (look->test->absolute)
    return sequential_limit_share(spec);
  return fmin(1, look->rule.tolerance.ratio * stable_of(look) + look->rule.tolerance.points);
}

static void fill_numbers(const struct look *look, const struct metric_spec *spec,
                         struct metric_verdict *verdict, struct arena *arena) {
  const struct tally *step = &look->test->step;
  struct interval canary = confidence_interval(step->n_c, step->x_c, DISPLAY_ALPHA);
  struct interval stable = confidence_interval(look->stable_n, look->stable_x, DISPLAY_ALPHA);
  verdict->is_share = true;
  verdict->boundary_ms = look->test->boundary_ms;
  verdict->has_canary = step->n_c > 0;
  verdict->canary = 100 * share_of(step->x_c, step->n_c);
  verdict->canary_low = 100 * canary.low;
  verdict->canary_high = 100 * canary.high;
  verdict->has_stable = look->stable_n > 0;
  verdict->stable = 100 * share_of(look->stable_x, look->stable_n);
  verdict->stable_low = 100 * stable.low;
  verdict->stable_high = 100 * stable.high;
  verdict->requests = step->n_c;
  verdict->bad = step->x_c;
  verdict->stable_requests = look->stable_n;
  verdict->stable_bad = look->stable_x;
  verdict->tolerated = 100 * tolerated(look, spec);
  verdict->evidence = look->decades;
  verdict->evidence_need = look->rule.guard.need;
  verdict->limit = look->test->absolute ? metric_limit_text(spec, arena)
                                        : arena_printf(arena, "%.3g%%", verdict->tolerated);
}

static struct str bound_words(const struct look *look, const struct metric_spec *spec,
                              const struct metric_verdict *verdict, struct arena *arena) {
  if (look->test->absolute && spec->kind == METRIC_LATENCY)
    return arena_printf(arena, "limit %.*s for %.10g%% of the requests",
                        STR_ARG(metric_limit_text(spec, arena)), 100 * spec->quantile);
  if (look->test->absolute)
    return arena_printf(arena, "limit %.*s", STR_ARG(metric_limit_text(spec, arena)));
  if (!verdict->has_stable)
    return arena_printf(arena, "tolerated %.3g%%", verdict->tolerated);
  return arena_printf(arena, "stable %.3g%%%s, tolerated %.3g%%", verdict->stable,
                      look->reference ? " in its last step, which is not now" : "",
                      verdict->tolerated);
}

static struct str numbers_words(const struct look *look, const struct metric_spec *spec,
                                const struct metric_verdict *verdict, struct arena *arena) {
  struct str what = spec->kind == METRIC_ERROR_RATE
                        ? STR("failed")
                        : arena_printf(arena, "took over %.10gms", look->test->boundary_ms);
  return arena_printf(
      arena, "%.0f of %.0f canary requests %.*s (%.3g%%, between %.3g and %.3g%%), %.*s",
      verdict->bad, verdict->requests, STR_ARG(what), verdict->canary, verdict->canary_low,
      verdict->canary_high, STR_ARG(bound_words(look, spec, verdict, arena)));
}

static int64_t age_ms(const struct judge_scene *scene) {
  return scene->to_ms > scene->step_began_ms ? scene->to_ms - scene->step_began_ms : 0;
}

static struct str fail_words(const struct judge_scene *scene, double combined,
                             const struct metric_verdict *verdict, struct str numbers,
                             struct arena *arena) {
  return arena_printf(arena,
                      "%.*s; evidence %.1f/%.1f decades: a chance of at most 1 in %.0f if the "
                      "canary kept its bounds; %.0f bad requests, %lld s after the step began",
                      STR_ARG(numbers), combined, -log10(sequential_alpha(scene->settings)),
                      pow(10, fmin(combined, 15)), verdict->bad, (long long)(age_ms(scene) / 1000));
}

// What all tests of a metric come to.
struct sum {
  struct look loudest, slowest; // strongest against | furthest from a pass
  double slowest_for;
  bool any, blind, shared;
};

static bool is_shared(const struct test_state *test, const struct metric_spec *spec) {
  return test->absolute && test->role != TEST_PASSES_ONLY && test->step.n_s > 0 &&
         share_of(test->step.x_s, test->step.n_s) > sequential_limit_share(spec);
}

static struct sum sum_up(const struct judge_scene *scene, size_t metric) {
  const struct metric_state *state = &scene->metrics[metric];
  const struct metric_spec *spec = &scene->specs[metric];
  struct sum sum = {.slowest_for = INFINITY};
  double loudest = -INFINITY;
  for (size_t i = 0; i < state->test_count; i++) {
    const struct test_state *test = &state->tests[i];
    struct look look = look_at(scene, metric, test);
    sum.shared = sum.shared || is_shared(test, spec);
    // With a limit to go by, nothing to compare with is no reason to wait.
    if (look.unknown && spec->has_limit)
      continue;
    sum.blind = sum.blind || look.unknown;
    if (test->role != TEST_PASSES_ONLY && look.decades - look.rule.guard.need > loudest) {
      loudest = look.decades - look.rule.guard.need;
      sum.loudest = look;
    }
    if (test->role != TEST_FAILS_ONLY && test->evidence.decades_for < sum.slowest_for) {
      sum.slowest_for = test->evidence.decades_for;
      sum.slowest = look;
    }
    sum.any = true;
  }
  if (!sum.loudest.test)
    sum.loudest = sum.slowest;
  if (!sum.slowest.test && sum.any) { // a limit that cannot be passed: below the first boundary
    sum.slowest = sum.loudest;
    sum.slowest_for = 0;
  }
  return sum;
}

// The metric whose evidence weighs most: it is the one that failed.
static bool weighs_most(const struct judge_scene *scene, size_t metric) {
  double most = -INFINITY;
  size_t which = 0;
  for (size_t m = 0; m < scene->count; m++) {
    const struct metric_state *state = &scene->metrics[m];
    double own = state->has_gauge ? state->gauge.decades + log10(sequential_weight(scene, m, NULL))
                                  : -INFINITY;
    for (size_t i = 0; i < state->test_count; i++)
      if (state->tests[i].has_evidence && state->tests[i].role != TEST_PASSES_ONLY)
        own = fmax(own, sequential_decades(scene, m, &state->tests[i]) +
                            log10(sequential_weight(scene, m, &state->tests[i])));
    if (own > most) {
      most = own;
      which = m;
    }
  }
  return which == metric;
}

static void settle(const struct judge_scene *scene, size_t metric, double combined, bool passes,
                   struct metric_verdict *verdict) {
  double need = -log10(sequential_alpha(scene->settings));
  verdict->has_evidence = true;
  verdict->pass_need = -log10(sequential_beta(scene->settings));
  // The evidence of a slow burst guard may lag behind what the numbers say already.
  bool looks_bad =
      verdict->has_canary && verdict->is_share && verdict->canary_low > verdict->tolerated;
  verdict->clean = combined < CLEAN_DECADES && verdict->requests >= CLEAN_REQUESTS && !looks_bad;
  verdict->outcome = OUTCOME_INSUFFICIENT;
  verdict->cause = CAUSE_FEW_REQUESTS;
  if (combined >= need && weighs_most(scene, metric))
    verdict->outcome = OUTCOME_FAIL;
  else if (passes && verdict->pass_evidence >= verdict->pass_need && combined < PASS_AGAINST_MAX &&
           age_ms(scene) >= scene->settings->min_step_ms)
    verdict->outcome = OUTCOME_PASS;
  else if (verdict->evidence > CLEAN_DECADES || looks_bad)
    verdict->cause = CAUSE_UNDECIDED;
}

// To one digit, as shown: no "-0.0".
static double shown(double decades) {
  return fabs(decades) < 0.05 ? 0 : decades;
}

static void decide_gauge(const struct judge_scene *scene, size_t metric, double combined,
                         struct arena *arena, struct metric_verdict *verdict) {
  const struct metric_state *state = &scene->metrics[metric];
  struct evidence_rule rule = sequential_rule(scene, metric, NULL);
  gauge_numbers(state, &scene->specs[metric], arena, verdict);
  verdict->evidence = state->has_gauge ? state->gauge.decades : 0;
  verdict->evidence_need = rule.guard.need;
  verdict->pass_evidence = state->gauge_for;
  settle(scene, metric, combined, state->has_gauge, verdict);
  verdict->clean = combined < CLEAN_DECADES && state->reading.kind == READING_VALUE &&
                   state->reading.value <= scene->specs[metric].limit;
  if (verdict->outcome == OUTCOME_FAIL)
    verdict->reason = arena_printf(
        arena, "value %.6g, limit %.*s; evidence %.1f/%.1f decades that it is over it too often",
        verdict->canary, STR_ARG(verdict->limit), combined,
        -log10(sequential_alpha(scene->settings)));
  else if (!gauge_trouble(state, arena, verdict))
    verdict->reason =
        arena_printf(arena,
                     "value %.6g, limit %.*s; evidence against %.1f/%.1f, for "
                     "%.1f/%.1f",
                     verdict->canary, STR_ARG(verdict->limit), shown(verdict->evidence),
                     verdict->evidence_need, shown(verdict->pass_evidence), verdict->pass_need);
}

static struct str open_words(const struct judge_scene *scene, const struct sum *sum,
                             const struct metric_verdict *verdict, struct str numbers,
                             struct arena *arena) {
  struct str tail = STR("");
  if (verdict->cause == CAUSE_SHARED)
    tail = arena_printf(arena, "; stable breaks it too (%.0f of %.0f)", sum->loudest.test->step.x_s,
                        sum->loudest.test->step.n_s);
  else if (verdict->outcome != OUTCOME_PASS && verdict->pass_evidence >= verdict->pass_need &&
           age_ms(scene) < scene->settings->min_step_ms)
    tail = arena_printf(arena, "; passes when the step is %lld s old",
                        (long long)(scene->settings->min_step_ms / 1000));
  else if (sum->slowest.test->role == TEST_PASSES_ONLY &&
           verdict->pass_evidence < verdict->pass_need)
    tail = arena_printf(arena,
                        "; the limit is no bucket boundary, a pass needs the one below (%.10gms)",
                        sum->slowest.test->boundary_ms);
  return arena_printf(arena, "%.*s; evidence against %.1f/%.1f, for %.1f/%.1f%.*s",
                      STR_ARG(numbers), shown(verdict->evidence), verdict->evidence_need,
                      shown(verdict->pass_evidence), verdict->pass_need, STR_ARG(tail));
}

void sequential_decide(const struct judge_scene *scene, size_t metric, struct arena *arena,
                       struct metric_verdict *verdict) {
  const struct metric_spec *spec = &scene->specs[metric];
  double combined = sequential_combined(scene);
  if (spec->kind == METRIC_CUSTOM) {
    decide_gauge(scene, metric, combined, arena, verdict);
    return;
  }
  struct sum sum = sum_up(scene, metric);
  if (!sum.any) {
    if (scene->metrics[metric].test_count) {
      verdict->cause = CAUSE_NO_CONTROL;
      verdict->reason = STR("there is no stable traffic to compare with");
    }
    return;
  }
  fill_numbers(&sum.loudest, spec, verdict, arena);
  verdict->pass_evidence = sum.slowest_for;
  settle(scene, metric, combined, !sum.blind, verdict);
  struct str numbers = numbers_words(&sum.loudest, spec, verdict, arena);
  if (verdict->outcome == OUTCOME_FAIL) {
    verdict->reason = fail_words(scene, combined, verdict, numbers, arena);
    return;
  }
  if (verdict->outcome == OUTCOME_INSUFFICIENT && sum.shared) {
    verdict->cause = CAUSE_SHARED;
    verdict->clean = false; // not the canary's fault, but no time to promote anything
  }
  if (verdict->outcome == OUTCOME_INSUFFICIENT && sum.blind) {
    verdict->cause = CAUSE_NO_CONTROL;
    verdict->clean = false;
    verdict->reason = arena_printf(
        arena, "%.*s; stable had no requests in this step, and the metric has no limit",
        STR_ARG(numbers));
    return;
  }
  verdict->reason = open_words(scene, &sum, verdict, numbers, arena);
}

// --- the whole ---

// The burst guard lets evidence grow no faster than this.
static double guard_wait_ms(const struct look *look) {
  const struct guard *guard = &look->rule.guard;
  double missing = guard->need - look->decades - look->test->evidence.against.tokens;
  return missing > 0 ? missing / guard->refill * look->rule.scrape_s * 1000 : 0;
}

// Canary requests until this metric alone fails (and how long the guard takes at least), and until
// it passes.
static void expect(const struct judge_scene *scene, size_t metric, double *ret_fail,
                   double *ret_wait_ms, double *ret_pass) {
  const struct metric_state *state = &scene->metrics[metric];
  double pass_need = -log10(sequential_beta(scene->settings));
  for (size_t i = 0; i < state->test_count; i++) {
    const struct test_state *test = &state->tests[i];
    if (test->absolute || test->step.n_c <= 0 || test->step.n_s <= 0)
      continue;
    struct look look = look_at(scene, metric, test);
    double stable = stable_of(&look), ratio = test->step.n_s / test->step.n_c;
    struct rates rates = {
        (test->step.x_c + CANARY_PRIOR * stable) / (test->step.n_c + CANARY_PRIOR), stable};
    double fail =
        expected_to_fail(&look.rule.tolerance, &rates, ratio, look.decades, look.rule.guard.need);
    if (fail < *ret_fail) {
      *ret_fail = fail;
      *ret_wait_ms = guard_wait_ms(&look);
    }
    *ret_pass = fmax(*ret_pass, expected_to_pass(&look.rule.accept, &rates, ratio, look.rule.phi,
                                                 test->evidence.decades_for, pass_need));
  }
}

void sequential_conclude(const struct judge_scene *scene, struct arena *arena,
                         struct verdict *verdict) {
  (void)arena;
  double fail = INFINITY, pass = 0, requests = 0, wait_ms = 0;
  verdict->has_evidence = true;
  verdict->evidence = sequential_combined(scene);
  verdict->evidence_need = -log10(sequential_alpha(scene->settings));
  verdict->expected_ms = -1;
  for (size_t m = 0; m < scene->count; m++) {
    expect(scene, m, &fail, &wait_ms, &pass);
    for (size_t i = 0; i < scene->metrics[m].test_count; i++)
      requests = fmax(requests, scene->metrics[m].tests[i].step.n_c);
  }
  double needed = fmin(fail, pass), age = (double)age_ms(scene);
  if (verdict->outcome != OUTCOME_INSUFFICIENT || !isfinite(needed) || requests <= 0 || age <= 0)
    return;
  double ms = needed / requests * age;
  if (fail <= pass)
    ms = fmax(ms, wait_ms);
  else
    ms = fmax(ms, (double)scene->settings->min_step_ms - age);
  verdict->needed_requests = fmax(needed, ms / age * requests);
  verdict->expected_ms = ms < 1e15 ? (int64_t)ms : -1;
}
