// SPDX-License-Identifier: Apache-2.0
#include "analysis/replay.h"

#include <math.h>

#define WEIGHT_ERRORS 0.6
#define WEIGHT_SLOW 0.2
#define PASS_AGAINST_MAX 1.0

static struct line line_of(const struct tolerance *tolerance) {
  return (struct line){tolerance->ratio, tolerance->percent / 100};
}

struct replay_rules replay_rules(const struct judge_preset *preset) {
  return (struct replay_rules){.alpha = preset->alpha,
                               .beta = preset->beta,
                               .errors = line_of(&preset->errors),
                               .errors_accept = line_of(&preset->errors_accept),
                               .slow = line_of(&preset->slow),
                               .slow_accept = line_of(&preset->slow_accept),
                               .min_detect_s = (double)preset->min_detect_ms / 1000,
                               .min_step_s = 60,
                               .warmup_s = 60,
                               .phi = 2,
                               .interval_s = 5};
}

const char *replay_decision_name(enum replay_decision decision) {
  switch (decision) {
  case REPLAY_FAIL: return "fail";
  case REPLAY_PASS: return "pass";
  case REPLAY_CONTINUE: break;
  }
  return "continue";
}

void replay_init(struct replay *replay, const struct replay_rules *rules, size_t boundaries) {
  *replay = (struct replay){.rules = *rules, .count = 1 + boundaries};
  double all = WEIGHT_ERRORS + WEIGHT_SLOW * (double)boundaries;
  for (size_t i = 0; i < replay->count; i++) {
    struct evidence_rule *rule = &replay->test_rules[i];
    replay->weights[i] = (i ? WEIGHT_SLOW : WEIGHT_ERRORS) / all;
    *rule = (struct evidence_rule){.tolerance = i ? rules->slow : rules->errors,
                                   .accept = i ? rules->slow_accept : rules->errors_accept,
                                   .phi = rules->phi,
                                   .scrape_s = rules->interval_s};
    rule->guard = guard_make(rules->alpha, replay->weights[i], fmax(rules->min_detect_s, 0),
                             rules->interval_s);
    if (rules->min_detect_s < 0)
      rule->guard.cap = INFINITY;
    wealth_init(&replay->tests[i].against, WEALTH_EXPERTS, &rule->guard);
  }
}

void replay_learn(struct replay *replay, const struct replay_counts *counts, bool has_slow) {
  double seconds = replay->learnt ? counts->at_s - replay->last_s : 0;
  for (size_t i = 0; i < (has_slow ? replay->count : 1); i++)
    stable_rate_add(&replay->tests[i].rate, counts->tests[i].n_s, counts->tests[i].x_s, seconds);
  replay->last_s = counts->at_s;
  replay->learnt = true;
}

void replay_step(struct replay *replay) {
  replay->step_s = replay->last_s;
  for (size_t i = 0; i < replay->count; i++) {
    replay->tests[i].decades_for = 0;
    wealth_step(&replay->tests[i].against, WEALTH_EXPERTS);
  }
}

static enum replay_decision decide(const struct replay *replay, const struct replay_tick *tick,
                                   double age_s) {
  double pass_need = -log10(replay->rules.beta);
  if (tick->combined >= -log10(replay->rules.alpha))
    return REPLAY_FAIL;
  if (age_s < replay->rules.min_step_s || tick->combined >= PASS_AGAINST_MAX)
    return REPLAY_CONTINUE;
  for (size_t i = 0; i < replay->count; i++)
    if (tick->pass[i] < pass_need)
      return REPLAY_CONTINUE;
  return REPLAY_PASS;
}

struct replay_tick replay_next(struct replay *replay, const struct replay_counts *counts) {
  struct replay_tick tick = {0};
  if (!replay->began) {
    replay->began = true;
    replay->last_s = replay->step_s = counts->at_s - replay->rules.interval_s;
  }
  double seconds = counts->at_s - replay->last_s;
  bool warm = replay->last_s >= replay->step_s + replay->rules.warmup_s;
  for (size_t i = 0; i < replay->count; i++) {
    struct test_evidence *test = &replay->tests[i];
    if (i == 0 || warm)
      sequential_compare(test, &replay->test_rules[i], &counts->tests[i], seconds, true);
    tick.against[i] = test->against.decades;
    tick.pass[i] = test->decades_for;
  }
  replay->last_s = counts->at_s;
  tick.combined = wealth_combine(replay->weights, tick.against, (int)replay->count);
  tick.decision = decide(replay, &tick, counts->at_s - replay->step_s);
  return tick;
}
