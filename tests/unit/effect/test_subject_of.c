// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/subject_of.h"
#include "manifests/schema/decode.h"
#include "manifests/text/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct arena arena;

static int setup(void **state) {
  (void)state;
  arena_init(&arena);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

static struct json *yaml(const char *text) {
  struct yaml_doc *docs;
  struct findings findings;
  findings_init(&findings, &arena);
  assert_int_equal(yaml_parse(str_of(text), STR("test"), &arena, &docs, &findings), 1);
  return docs[0].root;
}

static struct rollout *rollout(const char *analysis) {
  struct str text = arena_printf(
      &arena,
      "apiVersion: serin.dev/v1alpha1\nkind: Rollout\nmetadata: {name: agent, namespace: team1}\n"
      "spec:\n  stable: {deployment: agent-v1, subset: v1}\n  canary: {deployment: agent-v2, "
      "subset: v2}\n"
      "  traffic: {virtualService: {name: agent}, destinationRule: agent}\n%s"
      "status:\n  phase: Progressing\n  stable: {deployment: agent-v1, subset: v1}\n"
      "  canary: {deployment: agent-v2, subset: v2}\n  weight: {canary: \"10\", stable: \"90\"}\n",
      analysis);
  struct rollout *decoded;
  struct findings findings;
  findings_init(&findings, &arena);
  if (kind_decode(&rollout_kind, yaml(text.ptr), NULL, &arena, &findings, (void **)&decoded) != 0)
    fail_msg("%s", finding_text(&findings.items[0], &arena).ptr);
  return decoded;
}

static void versions_are_told_apart_by_label(void **state) {
  (void)state;
  struct json *rule = yaml("spec: {host: agent, subsets: [{name: v1, labels: {version: one}}, "
                           "{name: v2, labels: {version: two}}]}");
  struct subject subject;
  struct err err = {0};
  assert_int_equal(subject_of(rollout(""), rule, NULL, &arena, &subject, &err), RC_OK);
  assert_string_equal(subject.label.ptr, "destination_version");
  assert_string_equal(subject.stable.ptr, "one");
  assert_string_equal(subject.canary.ptr, "two");
  assert_string_equal(subject.service.ptr, "agent.team1.svc.cluster.local");
  assert_int_equal(subject.metric_count, 2);
  assert_true(subject.weight > 9.9 && subject.weight < 10.1);
}

static void versions_are_told_apart_by_workload(void **state) {
  (void)state;
  const char *rules[] = {
      "spec: {host: agent, subsets: [{name: v1, labels: {x: a}}, {name: v2, labels: {x: b}}]}",
      "spec: {host: agent, subsets: [{name: v1, labels: {version: a}}, {name: v2, labels: "
      "{version: a}}]}"};
  for (size_t i = 0; i < 2; i++) {
    struct subject subject;
    struct err err = {0};
    assert_int_equal(subject_of(rollout(""), yaml(rules[i]), NULL, &arena, &subject, &err), RC_OK);
    assert_string_equal(subject.label.ptr, "destination_workload");
    assert_string_equal(subject.canary.ptr, "agent-v2");
  }
}

static void metrics_carry_their_limits(void **state) {
  (void)state;
  struct json *rule = yaml("spec: {host: agent, subsets: []}");
  struct subject subject;
  struct err err = {0};
  struct rollout *with =
      rollout("  analysis:\n    metrics:\n    - {name: error-rate, limit: 1%}\n"
              "    - {name: latency-p95, limit: 250ms}\n"
              "    - {name: depth, query: 'sum(queue{v=\"{{ canaryVersion }}\"})', limit: 40}\n");
  assert_int_equal(subject_of(with, rule, NULL, &arena, &subject, &err), RC_OK);
  assert_int_equal(subject.metric_count, 3);
  assert_true(subject.metrics[0].kind == METRIC_ERROR_RATE && subject.metrics[0].has_limit);
  assert_true(subject.metrics[1].kind == METRIC_LATENCY && subject.metrics[1].limit > 249);
  assert_true(subject.metrics[2].kind == METRIC_CUSTOM && subject.metrics[2].limit > 39);
}

static void latency_warms_up_for_a_quarter_of_the_monitoring(void **state) {
  (void)state;
  struct rollout *with =
      rollout("  steps: [{setWeight: 10}, {monitor: {duration: 20s, min: 1s}}, {setWeight: 100}, "
              "{monitor: {duration: 10m, min: 1m}}]\n");
  with->status.step.index = 0;
  assert_int_equal(subject_judge_settings(with, 5000).warmup_ms, 5000);
  with->status.step.index = 1;
  assert_int_equal(subject_judge_settings(with, 5000).warmup_ms, 5000);
  with->status.step.index = 2;
  assert_int_equal(subject_judge_settings(with, 5000).warmup_ms, 60000);
  with->status.step.index = 4;
  assert_int_equal(subject_judge_settings(with, 5000).warmup_ms, 0);
}

static void a_preset_is_what_the_user_did_not_say(void **state) {
  (void)state;
  struct judge_settings plain = subject_judge_settings(rollout(""), 5000);
  assert_string_equal(subject_judge_name(rollout("")), "sequential");
  assert_true(plain.alpha == 0.01 && plain.beta == 0.05 && plain.min_detect_ms == 30000);
  assert_true(plain.weight == 10 && !plain.limit_alone && plain.scrape_ms == 5000);
  struct rollout *strict =
      rollout("  analysis: {interval: 15s, judge: {preset: strict, alpha: 0.001, "
              "onlyIfWorse: false, warmup: 2s}}\n");
  struct judge_settings settings = subject_judge_settings(strict, 5000);
  assert_true(settings.alpha == 0.001 && settings.limit_alone && settings.scrape_ms == 15000);
  assert_int_equal(settings.warmup_ms, 2000);
  struct json *rule = yaml("spec: {host: agent, subsets: [{name: v1, labels: {version: one}}, "
                           "{name: v2, labels: {version: two}}]}");
  struct subject subject;
  struct err err = {0};
  assert_int_equal(subject_of(rollout(""), rule, NULL, &arena, &subject, &err), RC_OK);
  assert_true(subject.metrics[0].tolerance.ratio == 1.25 &&
              subject.metrics[0].accept.percent == 0.5);
  assert_int_equal(subject_of(strict, rule, NULL, &arena, &subject, &err), RC_OK);
  assert_true(subject.metrics[0].tolerance.ratio == 1.1);
  struct rollout *own = rollout("  analysis:\n    metrics:\n"
                                "    - {name: error-rate, weight: 2, tolerance: {ratio: 1.5, "
                                "points: 0.2}, accept: {ratio: 2, "
                                "points: 1}}\n");
  assert_int_equal(subject_of(own, rule, NULL, &arena, &subject, &err), RC_OK);
  assert_true(subject.metrics[0].tolerance.ratio == 1.5 && subject.metrics[0].accept.ratio == 2 &&
              subject.metrics[0].weight == 2);
}

static void what_is_tolerated_can_pass(void **state) {
  (void)state;
  struct subject subject;
  struct err err = {0};
  struct json *rule = yaml("spec: {host: agent}");
  assert_int_equal(subject_of(rollout("  analysis:\n    metrics:\n"
                                      "    - {name: error-rate, tolerance: {ratio: 3}}\n"),
                              rule, NULL, &arena, &subject, &err),
                   RC_OK);
  assert_true(subject.metrics[0].accept.ratio == 3 && subject.metrics[0].accept.percent == 0.5);
}

static void other_judges_get_their_parameters(void **state) {
  (void)state;
  struct rollout *with = rollout(
      "  analysis: {judge: {type: condition, failureLimit: 0, condition: {count: 5, initialDelay: "
      "30s, consecutiveErrorLimit: 2}}, metrics: [{name: error-rate, limit: 1%}]}\n");
  struct judge_settings settings = subject_judge_settings(with, 5000);
  assert_string_equal(subject_judge_name(with), "condition");
  assert_true(settings.failure_limit == 0 && settings.count == 5 &&
              settings.initial_delay_ms == 30000 && settings.consecutive_error_limit == 2);
  with = rollout("  analysis: {judge: {type: burnRate, burnRate: {factor: 6}}, metrics: [{name: "
                 "error-rate, limit: 1%}]}\n");
  settings = subject_judge_settings(with, 5000);
  assert_true(settings.burn_factor == 6 && settings.long_ms == 3600000 &&
              settings.short_ms == 300000);
  with = rollout("  analysis: {judge: {type: rank, rank: {pass: 90, marginal: 50}}}\n");
  settings = subject_judge_settings(with, 5000);
  assert_true(settings.rank_pass == 90 && settings.rank_margin == 50 &&
              settings.rank_step_ms == 60000 && settings.rank_confidence == 0.98);
}

static void judged_only_while_the_canary_serves(void **state) {
  (void)state;
  struct rollout_release release = {.traffic_at = 5};
  struct rollout_identity version = {0};
  struct rollout_status status = {
      .phase = ROLLOUT_PAUSED, .stable = &version, .canary = &version, .release = &release};
  assert_true(subject_is_judged(&status));
  status.phase = ROLLOUT_ROLLING_BACK;
  assert_false(subject_is_judged(&status));
  status.phase = ROLLOUT_HEALTHY;
  assert_false(subject_is_judged(&status));
  status.phase = ROLLOUT_HOLDING;
  release.traffic_at = 0;
  assert_false(subject_is_judged(&status));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(versions_are_told_apart_by_label),
      TEST(versions_are_told_apart_by_workload),
      TEST(metrics_carry_their_limits),
      TEST(latency_warms_up_for_a_quarter_of_the_monitoring),
      TEST(a_preset_is_what_the_user_did_not_say),
      TEST(what_is_tolerated_can_pass),
      TEST(other_judges_get_their_parameters),
      TEST(judged_only_while_the_canary_serves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
