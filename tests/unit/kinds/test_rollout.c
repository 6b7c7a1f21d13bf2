// SPDX-License-Identifier: Apache-2.0
// The Rollout's own rules and defaults.
#include "manifests/kinds/rollout.h"
#include "manifests/kinds/rollout_action.h"
#include "manifests/schema/decode.h"
#include "manifests/schema/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define PAIR                                                                                       \
  "\"stable\":{\"deployment\":\"a\",\"subset\":\"v1\"},\"canary\":{\"deployment\":\"b\","          \
  "\"subset\":\"v2\"}"
#define TRAFFIC2                                                                                   \
  "\"traffic\":{\"virtualService\":{\"name\":\"v\"},\"destinationRule\":\"d\","                    \
  "\"virtualServices\":"                                                                           \
  "[{\"name\":\"b\"}]}"
#define TRAFFIC "\"traffic\":{\"virtualService\":{\"name\":\"v\"},\"destinationRule\":\"d\"}"

static struct rollout *decode(struct arena *arena, const char *spec, struct findings *findings) {
  struct json *json = NULL;
  struct rollout *rollout = NULL;
  struct err err = {0};
  struct str text = arena_printf(arena, "{\"metadata\":{\"name\":\"r\"},\"spec\":{%s}}", spec);
  if (json_parse(text, arena, &json, &err) != RC_OK)
    fail_msg("%s in %s", err.msg, text.ptr);
  findings_init(findings, arena);
  (void)kind_decode(&rollout_kind, json, NULL, arena, findings, (void **)&rollout);
  return rollout;
}

static void test_defaults(void **state) {
  (void)state;
  struct arena arena;
  struct findings findings;
  arena_init(&arena);
  struct rollout *rollout = decode(&arena, PAIR "," TRAFFIC, &findings);
  assert_int_equal(findings.count, 0);
  assert_int_equal(rollout_form(&rollout->spec), ROLLOUT_FORM_PAIR);
  assert_int_equal(rollout->spec.steps_count, 8);
  assert_int_equal(rollout_step_kind(&rollout->spec.steps[0]), ROLLOUT_STEP_DEPLOY);
  assert_int_equal(rollout_deploy_replicas(rollout->spec.steps[0].deploy, 4), -1);
  assert_int_equal(rollout_step_parts(&rollout->spec.steps[1]), 1000);
  assert_int_equal(rollout->spec.steps[2].monitor->duration_ms, 600000);
  assert_int_equal(rollout->spec.steps[7].decommission->action, ROLLOUT_DECOMMISSION_SCALE_DOWN);
  assert_int_equal(rollout->spec.analysis.metrics_count, 2);
  assert_int_equal(rollout->spec.analysis.interval_ms, 5000);
  assert_int_equal(rollout->spec.progress_deadline_ms, 3600000);
  assert_int_equal(rollout->spec.on_new_revision, ROLLOUT_SUPERSEDE);
  arena_dispose(&arena);
}

// A spec, and where its only error is.
static const struct {
  const char *spec, *path, *id;
} faults[] = {
    {TRAFFIC, "spec", "required"},
    {PAIR ",\"replicas\":2," TRAFFIC, "spec", "one-of"},
    {"\"stable\":{\"deployment\":\"a\",\"subset\":\"v1\"}," TRAFFIC, "spec.canary", "required"},
    {"\"stable\":{\"deployment\":\"a\",\"subset\":\"v1\"},\"canary\":{\"deployment\":\"a\","
     "\"subset\":\"v2\"}," TRAFFIC,
     "spec.canary.deployment", "same"},
    {"\"workloadRef\":{\"name\":\"x\",\"kind\":\"StatefulSet\"}," TRAFFIC, "spec.workloadRef.kind",
     "unsupported"},
    {"\"workloadRef\":{\"name\":\"x\",\"apiVersion\":\"apps/v2\"}," TRAFFIC,
     "spec.workloadRef.apiVersion", "unsupported"},
    {"\"workloadRef\":{}," TRAFFIC, "spec.workloadRef.name", "required"},
    {PAIR ",\"workloadRef\":{\"name\":\"x\"}," TRAFFIC, "spec", "one-of"},
    {"\"workloadRef\":{\"name\":\"x\"}," TRAFFIC ",\"steps\":[{\"setWeight\":100}]", "spec.steps",
     "incomplete"},
    {"\"workloadRef\":{\"name\":\"x\"}," TRAFFIC
     ",\"steps\":[{\"setWeight\":100},{\"decommission\":{\"action\":\"delete\"}}]",
     "spec.steps[1].decommission.action", "unsupported"},
    {PAIR ",\"traffic\":{\"httpRoute\":{\"name\":\"x\",\"stableService\":\"a\"}}",
     "spec.traffic.httpRoute.canaryService", "required"},
    {PAIR ",\"traffic\":{\"grpcRoute\":{\"name\":\"x\",\"stableService\":\"a\",\"canaryService\":"
          "\"a\"}}",
     "spec.traffic.grpcRoute.canaryService", "same"},
    {PAIR ",\"traffic\":{}", "spec.traffic", "required"},
    {PAIR ",\"traffic\":{\"destinationRule\":\"d\",\"virtualServices\":[{\"name\":\"a\"},"
          "{\"name\":\"a\"}]}",
     "spec.traffic.virtualServices[1].name", "duplicate"},
    {PAIR "," TRAFFIC2, "spec.traffic", "one-of"},
    {"\"stable\":{\"deployment\":\"a\"},\"canary\":{\"deployment\":\"b\",\"subset\":\"v2\"}"
     "," TRAFFIC,
     "spec.stable.subset", "required"},
    {PAIR ",\"traffic\":{\"virtualService\":{\"name\":\"v\"}}", "spec.traffic.destinationRule",
     "required"},
    {PAIR "," TRAFFIC ",\"steps\":[{\"setWeight\":50}]", "spec.steps", "incomplete"},
    {PAIR "," TRAFFIC ",\"steps\":[{\"setWeight\":50,\"pause\":{}},{\"setWeight\":100}]",
     "spec.steps[0]", "one-of"},
    {PAIR "," TRAFFIC ",\"steps\":[{\"setWeight\":0.001},{\"setWeight\":100}]",
     "spec.steps[0].setWeight", "precision"},
    {PAIR "," TRAFFIC ",\"steps\":[{\"setHeaderRoute\":{}},{\"setWeight\":100}]",
     "spec.steps[0].setHeaderRoute", "unsupported"},
    {PAIR "," TRAFFIC ",\"steps\":[{\"deploy\":{\"replicas\":\"many\"}},{\"setWeight\":100}]",
     "spec.steps[0].deploy.replicas", "format"},
    {PAIR "," TRAFFIC ",\"steps\":[{\"setWeight\":100},{\"decommission\":{}},{\"pause\":{}}]",
     "spec.steps[1].decommission", "order"},
    {PAIR "," TRAFFIC ",\"analysis\":{\"judge\":{\"type\":\"rank\",\"rank\":{\"pass\":50}}}",
     "spec.analysis.judge.rank.marginal", "order"},
    {PAIR "," TRAFFIC ",\"analysis\":{\"prometheus\":{\"address\":\"http://u:p@h:9090\"}}",
     "spec.analysis.prometheus.address", "secret"},
    {PAIR "," TRAFFIC ",\"analysis\":{\"prometheus\":{\"headers\":[{\"name\":\"Cookie\","
          "\"value\":\"a\"}]}}",
     "spec.analysis.prometheus.headers[0].name", "secret"},
    {PAIR "," TRAFFIC ",\"analysis\":{\"metrics\":[{\"name\":\"q\",\"query\":\"up\",\"limit\":1,"
          "\"tolerance\":{\"ratio\":2}}]}",
     "spec.analysis.metrics[0].tolerance", "unsupported"},
    {PAIR "," TRAFFIC ",\"analysis\":{\"metrics\":[{\"name\":\"mine\",\"limit\":1}]}",
     "spec.analysis.metrics[0].query", "required"},
    {PAIR "," TRAFFIC ",\"analysis\":{\"metrics\":[{\"name\":\"error-rate\",\"limit\":\"often\"}]}",
     "spec.analysis.metrics[0].limit", "format"},
    {PAIR "," TRAFFIC ",\"analysis\":{\"metrics\":[{\"name\":\"latency-p99\",\"limit\":\"1%\"}]}",
     "spec.analysis.metrics[0].limit", "format"},
    {PAIR "," TRAFFIC
          ",\"analysis\":{\"metrics\":[{\"name\":\"error-rate\"},{\"name\":\"error-rate\"}]}",
     "spec.analysis.metrics[1].name", "duplicate"},
    {"\"selector\":{\"matchLabels\":{\"app\":\"x\"}},\"template\":{\"metadata\":{\"labels\":{"
     "\"app\":\"y\"}},\"spec\":"
     "{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}," TRAFFIC,
     "spec.template.metadata.labels", "mismatch"},
};

static void test_faults_are_found_where_they_are(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
    struct arena arena;
    struct findings findings;
    arena_init(&arena);
    (void)decode(&arena, faults[i].spec, &findings);
    bool found = false;
    for (size_t j = 0; j < findings.count; j++)
      found |= findings.items[j].level == FINDING_ERROR &&
               str_eq_z(findings.items[j].path, faults[i].path) &&
               str_eq_z(findings.items[j].id, faults[i].id);
    if (!found || findings.errors != 1)
      fail_msg("%s: %zu errors, expected one %s at %s; the first is %s", faults[i].spec,
               findings.errors, faults[i].id, faults[i].path,
               findings.count ? finding_text(&findings.items[0], &arena).ptr : "none");
    arena_dispose(&arena);
  }
}

static void test_deploy_replicas(void **state) {
  (void)state;
  struct rollout_deploy_step step = {
      .replicas = {.is_set = true, .is_string = true, .text = STR("25%")}};
  assert_int_equal(rollout_deploy_replicas(&step, 4), 1);
  assert_int_equal(rollout_deploy_replicas(&step, 5), 2);
  step.replicas = (struct int_or_string){.is_set = true, .integer = 3};
  assert_int_equal(rollout_deploy_replicas(&step, 100), 3);
}

static void test_status_survives_the_round_trip(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  struct rollout_release release = {.id = STR("v1-x-1"), .number = 1, .started_at = 1767225600123};
  struct rollout_identity stable = {
      .deployment = STR("a"), .subset = STR("v1"), .hash = STR("v1-x"), .revision = 2};
  struct rollout_status status = {
      .phase = ROLLOUT_HOLDING,
      .step = {.index = 2, .name = STR("monitor"), .started_at = 1767225600001},
      .weight = {.canary = STR("0.1"), .stable = STR("99.9")},
      .release = &release,
      .stable = &stable};
  struct json *json = schema_encode(&rollout_status_schema, &status, &arena);
  struct rollout_status back = {0};
  assert_int_equal(
      schema_decode(&rollout_status_schema, json, NULL, STR("status"), &arena, NULL, &back), RC_OK);
  assert_int_equal(back.step.started_at, status.step.started_at);
  assert_int_equal(back.release->started_at, release.started_at);
  assert_true(json_equal(json, schema_encode(&rollout_status_schema, &back, &arena)));
  assert_string_equal(rollout_phase_name(back.phase), "Holding");
  arena_dispose(&arena);
}

static void test_who_is_vouched_for(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  struct string_pair pairs[] = {{STR(ROLLOUT_ACTION_CLAIMED), STR("eve")},
                                {STR(ROLLOUT_ACTION_USER), STR("ann")}};
  struct rollout_action action = {.metadata.annotations = {pairs, 1}};
  assert_string_equal(rollout_action_who(&action, true, &arena).ptr, "eve (claimed)");
  action.metadata.annotations.count = 2;
  assert_string_equal(rollout_action_who(&action, true, &arena).ptr, "ann");
  assert_string_equal(rollout_action_who(&action, false, &arena).ptr, "ann (claimed)");
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_faults_are_found_where_they_are),
      cmocka_unit_test(test_deploy_replicas),
      cmocka_unit_test(test_status_survives_the_round_trip),
      cmocka_unit_test(test_who_is_vouched_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
