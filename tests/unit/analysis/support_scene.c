// SPDX-License-Identifier: Apache-2.0
#include "support_scene.h"

#include "manifests/base/bug.h"

#define BEGAN_MS 1000000

void stage_open(struct stage *stage, const char *judge, const char *name, double limit) {
  *stage = (struct stage){.judge = judge_find(str_of(judge), NULL), .now_ms = BEGAN_MS};
  arena_init(&stage->arena);
  BUG_ON(!stage->judge);
  if (!metric_builtin(str_of(name), &stage->spec))
    stage->spec = (struct metric_spec){.name = str_of(name), .kind = METRIC_CUSTOM};
  stage->spec.has_limit = limit >= 0;
  stage->spec.limit = limit;
  stage->state.name = stage->spec.name;
  if (stage->spec.kind == METRIC_CUSTOM)
    return;
  stage->state.tests[stage->state.test_count++] = (struct test_state){.boundary_ms = 0};
  if (limit >= 0)
    stage->state.tests[stage->state.test_count++] = (struct test_state){.absolute = true};
}

void stage_close(struct stage *stage) {
  arena_dispose(&stage->arena);
}

static struct judge_scene scene_of(struct stage *stage) {
  return (struct judge_scene){.settings = &stage->settings,
                              .specs = &stage->spec,
                              .metrics = &stage->state,
                              .count = 1,
                              .from_ms = stage->now_ms,
                              .to_ms = stage->now_ms,
                              .step_began_ms = BEGAN_MS,
                              .in_step = true,
                              .arena = &stage->arena};
}

static void measure(struct stage *stage, double seconds) {
  struct judge_scene scene = scene_of(stage);
  stage->now_ms += (int64_t)(1000 * seconds);
  scene.to_ms = stage->now_ms;
  stage->judge->measure(&scene, 0);
}

static void add(struct tally *tally, const struct tally *more) {
  tally->n_c += more->n_c;
  tally->x_c += more->x_c;
  tally->n_s += more->n_s;
  tally->x_s += more->x_s;
}

void stage_counts(struct stage *stage, double seconds, struct tally counts) {
  for (size_t i = 0; i < stage->state.test_count; i++) {
    add(&stage->state.tests[i].block, &counts);
    add(&stage->state.tests[i].step, &counts);
  }
  measure(stage, seconds);
}

void stage_values(struct stage *stage, double seconds, const double *values, size_t count) {
  stage->state.values = values;
  stage->state.value_count = count;
  stage->state.reading = (struct prom_reading){.kind = count == 1 ? READING_VALUE
                                                       : count    ? READING_MANY
                                                                  : READING_NO_DATA,
                                               .value = count == 1 ? values[0] : 0,
                                               .why = STR("nothing matched")};
  measure(stage, seconds);
}

void stage_value(struct stage *stage, double seconds, double value) {
  stage_values(stage, seconds, &value, 1);
  stage->state.values = NULL;
}

void stage_error(struct stage *stage, double seconds) {
  stage->state.values = NULL;
  stage->state.value_count = 0;
  stage->state.reading = (struct prom_reading){.kind = READING_ERROR, .why = STR("refused")};
  measure(stage, seconds);
}

struct metric_verdict stage_verdict(struct stage *stage) {
  struct judge_scene scene = scene_of(stage);
  struct metric_verdict verdict = {.name = stage->spec.name,
                                   .outcome = OUTCOME_INSUFFICIENT,
                                   .cause = CAUSE_FEW_REQUESTS,
                                   .reason = STR("not measured yet")};
  stage->judge->decide(&scene, 0, &stage->arena, &verdict);
  return verdict;
}

struct verdict stage_conclude(struct stage *stage) {
  struct judge_scene scene = scene_of(stage);
  struct verdict verdict = {.outcome = OUTCOME_INSUFFICIENT};
  stage->judge->conclude(&scene, &stage->arena, &verdict);
  return verdict;
}
