// SPDX-License-Identifier: Apache-2.0
#include "analysis/sequential.h"

#include "analysis/confidence.h"
#include "analysis/sequential_words.h"

#include <math.h>

#define DEFAULT_ALPHA 0.01
#define DEFAULT_BETA 0.05
#define DEFAULT_SCRAPE_MS 5000.0
#define DEFAULT_MIN_DETECT_MS 30000.0
#define DEFAULT_PHI 2.0
#define GUARD_OFF 1e6 // decades
#define WEIGHT_ERRORS 0.6
#define WEIGHT_SLOW 0.2 // each of two boundaries
#define WEIGHT_OTHER 0.2
#define LIMIT_BLOCK 20.0      // requests
#define LIMIT_ALTERNATIVE 0.8 // a pass of a limit bets on at most this part of it
#define REFERENCE_ALPHA 0.05
#define GAUGE_TOLERATED 0.1 // of the measurements may be over the limit
#define GAUGE_ACCEPTED 0.5  // a pass is proven against so many
#define PARTS_MAX (JUDGE_METRICS_MAX * (METRIC_TESTS_MAX + 1) + 1)
#define LOG_TEN 2.302585092994045684

double sequential_alpha(const struct judge_settings *settings) {
  return settings->alpha > 0 ? settings->alpha : DEFAULT_ALPHA;
}

double sequential_beta(const struct judge_settings *settings) {
  return settings->beta > 0 ? settings->beta : DEFAULT_BETA;
}

double sequential_limit_share(const struct metric_spec *spec) {
  double share = spec->kind == METRIC_ERROR_RATE ? spec->limit / 100 : 1 - spec->quantile;
  return fmax(share, 1e-9);
}

// --- weights ---

static double relative_weight(const struct metric_spec *spec) {
  double slow = spec->weight > 0 ? spec->weight / 2 : WEIGHT_SLOW;
  if (spec->kind == METRIC_LATENCY)
    return slow;
  double whole = spec->kind == METRIC_ERROR_RATE ? WEIGHT_ERRORS : WEIGHT_OTHER;
  return spec->weight > 0 ? spec->weight : whole;
}

// Of all that is declared, whether it has been seen or not: weights must not depend on the data.
static double all_weights(const struct judge_scene *scene) {
  double sum = 0;
  for (size_t i = 0; i < scene->count; i++) {
    const struct metric_spec *spec = &scene->specs[i];
    if (spec->kind == METRIC_CUSTOM)
      sum += relative_weight(spec);
    else
      sum += (spec->relative ? relative_weight(spec) * (spec->kind == METRIC_LATENCY ? 2 : 1) : 0) +
             (spec->has_limit ? WEIGHT_OTHER : 0);
  }
  return sum > 0 ? sum : 1;
}

double sequential_weight(const struct judge_scene *scene, size_t metric,
                         const struct test_state *test) {
  double own = test && test->absolute ? WEIGHT_OTHER : relative_weight(&scene->specs[metric]);
  return fmin(1, own / all_weights(scene));
}

// --- rules ---

static double scrape_s(const struct judge_settings *settings) {
  return (settings->scrape_ms > 0 ? (double)settings->scrape_ms : DEFAULT_SCRAPE_MS) / 1000;
}

static struct line line_of(const struct tolerance *tolerance) {
  return (struct line){tolerance->ratio, tolerance->percent / 100};
}

static double detect_ms_of(const struct judge_settings *settings) {
  return settings->min_detect_ms ? (double)settings->min_detect_ms : DEFAULT_MIN_DETECT_MS;
}

struct evidence_rule sequential_rule(const struct judge_scene *scene, size_t metric,
                                     const struct test_state *test) {
  const struct judge_settings *settings = scene->settings;
  const struct metric_spec *spec = &scene->specs[metric];
  double detect_ms = detect_ms_of(settings);
  struct evidence_rule rule = {.tolerance = line_of(&spec->tolerance),
                               .accept = line_of(&spec->accept),
                               .phi = settings->phi > 0 ? settings->phi : DEFAULT_PHI,
                               .scrape_s = scrape_s(settings)};
  if (spec->kind == METRIC_ERROR_RATE)
    rule.phi = fmax(rule.phi, scene->phi);
  rule.guard = guard_make(sequential_alpha(settings), sequential_weight(scene, metric, test),
                          fmax(detect_ms, 0) / 1000, rule.scrape_s);
  if (detect_ms < 0)
    rule.guard.cap = GUARD_OFF;
  return rule;
}

// --- one block ---

static double pass_fixed(const struct test_evidence *evidence, const struct evidence_rule *rule,
                         double theta0, double most, const struct tally *block) {
  double prior = stable_rate_prior(&rule->accept);
  double other = fmin(stable_rate_now(&evidence->rate, prior), most);
  if (!(other < theta0))
    return 0;
  return evidence_one_sample(theta0, other, block->n_c, block->x_c, rule->phi) / LOG_TEN;
}

void sequential_compare(struct test_evidence *evidence, const struct evidence_rule *rule,
                        const struct tally *block, double seconds, bool in_step) {
  double bets[WEALTH_EXPERTS];
  double stable = stable_rate_now(&evidence->rate, stable_rate_prior(&rule->tolerance));
  wealth_bets(&rule->tolerance, stable, block, 1, bets);
  wealth_add(&evidence->against, bets, WEALTH_EXPERTS, seconds, seconds / rule->scrape_s,
             &rule->guard);
  if (in_step)
    evidence->decades_for += pass_growth(&rule->accept, stable, block, rule->phi);
  stable_rate_add(&evidence->rate, block->n_s, block->x_s, seconds);
}

// Without a control group: against what stable had at most.
static void compare_with_past(struct test_evidence *evidence, const struct evidence_rule *rule,
                              double upper, const struct tally *block, double seconds,
                              bool in_step) {
  double bets[WEALTH_EXPERTS];
  double tolerated = fmin(1, rule->tolerance.ratio * upper + rule->tolerance.points);
  double accepted = fmin(1, rule->accept.ratio * upper + rule->accept.points);
  wealth_bets_fixed(tolerated, block->n_c, block->x_c, 1, bets);
  wealth_add(&evidence->against, bets, WEALTH_EXPERTS, seconds, seconds / rule->scrape_s,
             &rule->guard);
  if (in_step)
    evidence->decades_for += pass_fixed(evidence, rule, accepted, upper, block);
}

void sequential_limit(struct test_evidence *evidence, const struct evidence_rule *rule,
                      double theta0, const struct tally *block, double seconds, bool in_step) {
  double bets[BETTING_EXPERTS] = {0};
  if (in_step)
    evidence->decades_for += pass_fixed(evidence, rule, theta0, LIMIT_ALTERNATIVE * theta0, block);
  stable_rate_add(&evidence->rate, block->n_s, block->x_s, seconds);
  evidence->pending_n += block->n_c;
  evidence->pending_x += block->x_c;
  if (evidence->pending_n >= LIMIT_BLOCK) {
    wealth_bets_absolute(theta0, evidence->pending_n, evidence->pending_x, bets);
    evidence->pending_n = evidence->pending_x = 0;
  }
  wealth_add(&evidence->against, bets, BETTING_EXPERTS, seconds, seconds / rule->scrape_s,
             &rule->guard);
}

// --- the judge ---

bool sequential_reference(const struct judge_scene *scene, const struct test_state *test,
                          double *ret_upper) {
  if (scene->settings->weight < 100 || test->ref_n <= 0)
    return false;
  *ret_upper = confidence_interval(test->ref_n, test->ref_x, REFERENCE_ALPHA).high;
  return true;
}

int sequential_experts(const struct test_state *test) {
  return test->absolute ? BETTING_EXPERTS : WEALTH_EXPERTS;
}

static void begin_evidence(struct test_state *test, const struct evidence_rule *rule) {
  if (test->has_evidence)
    return;
  wealth_init(&test->evidence.against, sequential_experts(test), &rule->guard);
  test->has_evidence = true;
}

// The burst guard bounds what a block can gain, not what it can lose. Cut into very many blocks, a
// canary with an error in every other one would lose more than it may gain, and never be found. The
// clock alone decides where a block ends, never what was counted; a step's end ends it, too.
static bool is_block_full(const struct judge_scene *scene, double seconds) {
  double detect_ms = detect_ms_of(scene->settings), part_ms = detect_ms / SEQUENTIAL_MERGED_PARTS;
  double from_ms = (double)scene->to_ms - seconds * 1000;
  if (!scene->in_step || seconds * 1000 * SEQUENTIAL_MERGE_BELOW >= detect_ms)
    return true;
  return floor((double)scene->to_ms / part_ms) > floor(from_ms / part_ms);
}

static void measure_test(const struct judge_scene *scene, size_t metric, struct test_state *test,
                         double seconds) {
  struct evidence_rule rule = sequential_rule(scene, metric, test);
  struct test_evidence *evidence = &test->evidence;
  double upper = 0;
  begin_evidence(test, &rule);
  if (!is_block_full(scene, seconds)) {
    wealth_idle(&evidence->against, seconds / rule.scrape_s, &rule.guard);
    return;
  }
  if (test->absolute) {
    sequential_limit(evidence, &rule, sequential_limit_share(&scene->specs[metric]), &test->block,
                     seconds, scene->in_step);
  } else if (test->block.n_c > 0 && test->block.n_s <= 0) {
    // Versions scraped at different times: the block waits for stable's part of it. Only requests
    // decide that, never what became of them.
    if (!sequential_reference(scene, test, &upper)) {
      wealth_idle(&evidence->against, seconds / rule.scrape_s, &rule.guard);
      return;
    }
    compare_with_past(evidence, &rule, upper, &test->block, seconds, scene->in_step);
  } else {
    sequential_compare(evidence, &rule, &test->block, seconds, scene->in_step);
  }
  test->block = (struct tally){0};
}

static void measure_gauge(const struct judge_scene *scene, size_t metric, double seconds) {
  struct metric_state *state = &scene->metrics[metric];
  const struct metric_spec *spec = &scene->specs[metric];
  if (state->reading.kind != READING_VALUE || !spec->has_limit)
    return;
  struct evidence_rule rule = sequential_rule(scene, metric, NULL);
  double bets[BETTING_EXPERTS], over = state->reading.value > spec->limit ? 1 : 0;
  if (!state->has_gauge)
    wealth_init(&state->gauge, BETTING_EXPERTS, &rule.guard);
  state->has_gauge = true;
  wealth_bets_absolute(GAUGE_TOLERATED, 1, over, bets);
  wealth_add(&state->gauge, bets, BETTING_EXPERTS, seconds, seconds / rule.scrape_s, &rule.guard);
  if (scene->in_step)
    state->gauge_for += evidence_betting(1 - GAUGE_ACCEPTED, .5, 1, 1 - over) / LOG_TEN;
  state->counts.measurements++;
}

static void sequential_measure(const struct judge_scene *scene, size_t metric) {
  struct metric_state *state = &scene->metrics[metric];
  int64_t from_ms = scene->from_ms, warm_ms = scene->step_began_ms + scene->settings->warmup_ms;
  if (scene->specs[metric].kind == METRIC_LATENCY && from_ms < warm_ms)
    from_ms = warm_ms; // what comes before is not counted at all
  if (scene->to_ms <= from_ms)
    return;
  double seconds = (double)(scene->to_ms - from_ms) / 1000;
  if (scene->specs[metric].kind == METRIC_CUSTOM)
    measure_gauge(scene, metric, seconds);
  for (size_t i = 0; i < state->test_count; i++)
    measure_test(scene, metric, &state->tests[i], seconds);
}

void sequential_step(struct metric_state *state) {
  state->gauge_for = 0;
  if (state->has_gauge)
    wealth_step(&state->gauge, BETTING_EXPERTS);
  for (size_t i = 0; i < state->test_count; i++) {
    state->tests[i].evidence.decades_for = 0;
    if (state->tests[i].has_evidence)
      wealth_step(&state->tests[i].evidence.against, sequential_experts(&state->tests[i]));
  }
}

// --- the whole ---

// The average wealth of the metric's comparisons with stable, as decades; false: it has none that
// could know anything.
static bool compared(const struct judge_scene *scene, size_t metric, double *ret_decades) {
  const struct metric_state *state = &scene->metrics[metric];
  double weights[METRIC_TESTS_MAX], decades[METRIC_TESTS_MAX];
  int count = 0;
  bool control = scene->settings->weight < 100;
  for (size_t i = 0; i < state->test_count; i++) {
    const struct test_state *test = &state->tests[i];
    if (test->absolute)
      continue;
    control = control || test->ref_n > 0;
    decades[count++] = test->evidence.against.decades;
  }
  for (int i = 0; i < count; i++)
    weights[i] = 1.0 / count;
  *ret_decades = count ? wealth_combine(weights, decades, count) : 0;
  return control;
}

double sequential_decades(const struct judge_scene *scene, size_t metric,
                          const struct test_state *test) {
  double own = test->evidence.against.decades, beside = 0;
  if (!test->absolute || scene->settings->limit_alone || !scene->specs[metric].relative ||
      !compared(scene, metric, &beside))
    return own;
  return fmin(own, beside);
}

double sequential_combined(const struct judge_scene *scene) {
  double weights[PARTS_MAX], decades[PARTS_MAX], left = 1;
  int count = 0;
  for (size_t m = 0; m < scene->count; m++) {
    const struct metric_state *state = &scene->metrics[m];
    if (state->has_gauge) {
      weights[count] = sequential_weight(scene, m, NULL);
      decades[count++] = state->gauge.decades;
    }
    for (size_t i = 0; i < state->test_count; i++) {
      if (!state->tests[i].has_evidence || state->tests[i].role == TEST_PASSES_ONLY)
        continue;
      weights[count] = sequential_weight(scene, m, &state->tests[i]);
      decades[count++] = sequential_decades(scene, m, &state->tests[i]);
    }
  }
  for (int i = 0; i < count; i++)
    left -= weights[i];
  weights[count] = fmax(0, left); // what was declared and has not been seen yet: wealth 1
  decades[count++] = 0;
  return wealth_combine(weights, decades, count);
}

const struct judge judge_sequential = {
    .name = "sequential",
    .ends_early = true,
    .measure = sequential_measure,
    .decide = sequential_decide,
    .conclude = sequential_conclude,
};
