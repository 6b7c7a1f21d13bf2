// SPDX-License-Identifier: Apache-2.0
// A reply of Prometheus through the parser, the counting and the judge: any bytes give a verdict,
// or a reason.
#include "analysis/assessment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  arena_init(&arena);
  const struct prom_result *result =
      prom_parse(200, (struct str){(const char *)data, size}, &arena);
  (void)prom_read(result, &arena);
  struct metric_spec specs[3] = {{0}};
  (void)metric_builtin(STR("error-rate"), &specs[0]);
  (void)metric_builtin(STR("latency-p99"), &specs[1]);
  (void)metric_limit_parse(&specs[1], STR("300ms"), NULL);
  specs[2] = (struct metric_spec){
      .name = STR("q"), .kind = METRIC_CUSTOM, .query = STR("up"), .has_limit = true, .limit = 1};
  struct subject subject = {.service = STR("research-agent.team1.svc.cluster.local"),
                            .canary = STR("v2"),
                            .stable = STR("v1"),
                            .metrics = specs,
                            .metric_count = 3};
  const struct subject *list[] = {&subject};
  const struct query_options options = {.now_ms = 1700000070000};
  struct query_plan plan = query_plan_make(list, 1, &options, &arena);
  for (size_t i = 0; i < plan.count; i++)
    plan.items[i].result = result;
  struct assessment state;
  const struct judge_settings settings = {.failure_limit = 0, .min_requests = 1};
  const struct judge *judge = judge_find(STR(""), NULL);
  assessment_init(&state, 1);
  assessment_update(&state, &subject, &plan, judge, &settings, options.now_ms, 0);
  (void)assessment_verdict(&state, &subject, judge, &settings, options.now_ms, &arena);
  assessment_dispose(&state);
  arena_dispose(&arena);
  return 0;
}
