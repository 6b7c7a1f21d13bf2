// SPDX-License-Identifier: Apache-2.0
// The whole room over golden folders: tests/golden/analysis/<case>/case.json names the replies of
// Prometheus, update after update, and the verdict that must come out. SERIN_GOLDEN_UPDATE=1 writes
// what came out into the case instead.
#include "analysis/assessment_json.h"
#include "manifests/base/bug.h"
#include "manifests/base/rng.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN SERIN_SOURCE_DIR "/tests/golden/analysis"
#define SERVICE "research-agent.team1.svc.cluster.local"

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

static struct str read_file(const char *folder, struct str name) {
  struct str path = arena_printf(&arena, "%s/%.*s", folder, STR_ARG(name));
  FILE *file = fopen(path.ptr, "rb");
  if (!file)
    fail_msg("%s is missing", path.ptr);
  struct buf buf;
  buf_init(&buf, 8u << 20);
  char block[4096];
  size_t got;
  while ((got = fread(block, 1, sizeof block, file)) > 0)
    buf_add(&buf, block, got);
  fclose(file);
  struct str text = arena_str(&arena, buf_str(&buf));
  buf_dispose(&buf);
  return text;
}

struct golden {
  const char *folder;
  struct json *json;
  struct subject subject;
  struct judge_settings settings;
  int64_t now_ms;
  const struct judge *judge;
};

static void read_subject(struct golden *golden) {
  struct str judge = json_get_string(golden->json, "judge");
  golden->judge = judge_find(judge.len ? judge : STR("threshold"), NULL);
  assert_non_null(golden->judge);
  const struct json *metrics = json_get(golden->json, "metrics");
  struct metric_spec *specs = ARENA_ARRAY(&arena, struct metric_spec, metrics->count);
  size_t count = 0;
  JSON_EACH(item, metrics) {
    struct metric_spec *spec = &specs[count++];
    struct str name = json_get_string(item, "name"), limit = json_get_string(item, "limit");
    if (!metric_builtin(name, spec))
      *spec = (struct metric_spec){
          .name = name, .kind = METRIC_CUSTOM, .query = json_get_string(item, "query")};
    if (json_get(item, "relative"))
      spec->relative = json_is_true(json_get(item, "relative"));
    if (limit.len)
      assert_int_equal(metric_limit_parse(spec, limit, NULL), 0);
  }
  golden->subject = (struct subject){.ns = STR("team1"),
                                     .name = STR("research-agent"),
                                     .service = STR(SERVICE),
                                     .canary = STR("v2"),
                                     .stable = STR("v1"),
                                     .metrics = specs,
                                     .metric_count = count};
  const struct json *settings = json_get(golden->json, "settings");
  golden->settings = (struct judge_settings){
      .failure_limit = (int)json_int(json_get(settings, "failureLimit"), -1),
      .min_requests = json_number(json_get(settings, "minRequests"), 0),
      .warmup_ms = json_int(json_get(settings, "warmupMs"), 0)};
}

// "file.json", "502 file.json", or "!why" for no reply at all.
static const struct prom_result *reply(const struct golden *golden, struct str spec) {
  if (str_starts(spec, STR("!")))
    return prom_failed(&arena, str_slice(spec, 1, spec.len));
  int64_t status = 200;
  ptrdiff_t space = str_find_char(spec, ' ');
  if (space > 0 && str_to_i64(str_slice(spec, 0, (size_t)space), &status))
    spec = str_slice(spec, (size_t)space + 1, spec.len);
  return prom_parse((int)status, read_file(golden->folder, spec), &arena);
}

static void answer(const struct golden *golden, const struct json *update,
                   struct query_plan *plan) {
  for (size_t i = 0; i < plan->count; i++) {
    struct query_item *item = &plan->items[i];
    static const char *const KEYS[] = {"requests", "buckets", "up"};
    struct str spec = item->kind == QUERY_CUSTOM
                          ? json_get_string(json_get(update, "custom"),
                                            golden->subject.metrics[item->metric].name.ptr)
                          : json_get_string(update, KEYS[item->kind]);
    if (spec.len)
      item->result = reply(golden, spec);
  }
}

// Through JSON and back, as a restart of the operator does.
static void restart(struct assessment *state) {
  struct str text = json_text(&arena, assessment_json(state, &arena));
  assert_true(text.len < 4000);
  struct json *json = NULL;
  assert_int_equal(json_parse(text, &arena, &json, NULL), 0);
  assessment_dispose(state);
  assert_int_equal(assessment_from_json(state, json, 0, NULL), 0);
  assert_string_equal(json_text(&arena, assessment_json(state, &arena)).ptr, text.ptr);
}

static struct json *run_golden(struct golden *golden, bool restarts) {
  struct assessment state;
  const struct judge *judge = golden->judge;
  assessment_init(&state, json_int(json_get(golden->json, "began"), 0));
  JSON_EACH(update, json_get(golden->json, "updates")) {
    golden->now_ms = json_int(json_get(update, "now"), 0);
    const struct json *step = json_get(update, "step");
    if (step)
      assessment_step(&state, json_int(step, 0));
    const struct subject *list[] = {&golden->subject};
    struct query_options options = {.now_ms = golden->now_ms,
                                    .counted_until_ms = assessment_counted_until(&state)};
    struct query_plan plan = query_plan_make(list, 1, &options, &arena);
    answer(golden, update, &plan);
    assessment_update(&state, &golden->subject, &plan, judge, &golden->settings, golden->now_ms, 0);
    if (restarts && update->next)
      restart(&state);
  }
  struct verdict verdict = assessment_verdict(&state, &golden->subject, judge, &golden->settings,
                                              golden->now_ms, &arena);
  struct json *out = json_new_object(&arena);
  json_put_z(&arena, out, "outcome", outcome_name(verdict.outcome));
  json_put_z(&arena, out, "cause", cause_name(verdict.cause));
  json_put_bool(&arena, out, "clean", verdict.clean);
  json_put_string(&arena, out, "reason", verdict.reason);
  struct json *metrics = json_need_array(&arena, out, "metrics");
  for (size_t i = 0; i < verdict.metric_count; i++)
    json_append(metrics, metric_verdict_json(&verdict.metrics[i], &arena));
  assessment_dispose(&state);
  return out;
}

static void write_expectation(const struct golden *golden, struct json *actual) {
  struct buf buf;
  buf_init(&buf, 1u << 20);
  json_put(&arena, golden->json, "expect", actual);
  json_write_pretty(&buf, golden->json);
  FILE *file = fopen(arena_printf(&arena, "%s/case.json", golden->folder).ptr, "wb");
  assert_non_null(file);
  fwrite(buf.ptr, 1, buf.len, file);
  fclose(file);
  buf_dispose(&buf);
}

static bool check_golden(const char *name) {
  struct golden golden = {.folder = arena_printf(&arena, "%s/%s", GOLDEN, name).ptr};
  struct err err = {0};
  if (json_parse(read_file(golden.folder, STR("case.json")), &arena, &golden.json, &err) != 0)
    fail_msg("%s: %s", name, err.msg);
  read_subject(&golden);
  struct json *actual = run_golden(&golden, false);
  struct str text = json_text(&arena, actual);
  struct str again = json_text(&arena, run_golden(&golden, true));
  if (!str_eq(text, again)) {
    print_error("%s: a restart changes the verdict\n  %s\n  %s\n", name, text.ptr, again.ptr);
    return false;
  }
  if (getenv("SERIN_GOLDEN_UPDATE"))
    write_expectation(&golden, actual);
  else if (!json_equal(actual, json_get(golden.json, "expect"))) {
    print_error("%s: found\n  %s\nexpected\n  %s\n", name, text.ptr,
                json_text(&arena, json_get(golden.json, "expect")).ptr);
    return false;
  }
  return true;
}

static void golden_cases_give_their_verdicts(void **state) {
  (void)state;
  DIR *folder = opendir(GOLDEN);
  assert_non_null(folder);
  size_t count = 0, wrong = 0;
  const struct dirent *entry;
  while ((entry = readdir(folder))) {
    if (entry->d_name[0] == '.')
      continue;
    count++;
    wrong += !check_golden(entry->d_name);
  }
  closedir(folder);
  assert_true(count >= 25);
  assert_int_equal(wrong, 0);
}

static void damaged_state_starts_afresh(void **state) {
  (void)state;
  const char *texts[] = {
      "null",
      "{}",
      "{\"v\":3}",
      "{\"v\":2}",
      "{\"v\":2,\"began\":1,\"until\":2,\"newest\":2,\"stepBegan\":1,\"step\":[1,2,0,0],"
      "\"release\":[0,0,"
      "0,0],\"metrics\":[]}",
      "{\"v\":2,\"began\":-1,\"until\":2,\"newest\":2,\"stepBegan\":1,\"step\":[0,0,0,0],"
      "\"release\":[0,0,"
      "0,0],\"metrics\":[]}",
      "{\"v\":2,\"began\":1,\"until\":2,\"newest\":2,\"stepBegan\":1,\"step\":[0,0,0,0],"
      "\"release\":[0,0,"
      "0,0],\"metrics\":[{\"name\":\"a\",\"counts\":[-1,0,0,0,0,0,0],\"tests\":[]}]}",
      "{\"v\":2,\"began\":1,\"until\":2,\"newest\":2,\"stepBegan\":1,\"step\":[0,0,0,0],"
      "\"release\":[0,0,"
      "0,0],\"metrics\":[{\"name\":\"a\",\"counts\":[0,0,0,0,0,0,0],\"tests\":[1,2,3,4,5]}]}",
  };
  for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
    struct json *json = NULL;
    struct assessment assessment;
    struct err err = {0};
    assert_int_equal(json_parse(str_of(texts[i]), &arena, &json, NULL), 0);
    assert_int_equal(assessment_from_json(&assessment, json, 77, &err), RC_PARSE);
    assert_int_equal(assessment.began_ms, 77);
    assert_int_equal(assessment_counted_until(&assessment), 77);
    assert_int_equal(assessment.metric_count, 0);
    assert_true(strlen(err.msg) > 0);
    assessment_dispose(&assessment);
  }
}

// One target, two versions, a scrape each 5 s from 0 to 300 s; `until_ms` cuts off what was not
// scraped yet.
static struct prom_result *traffic(int64_t until_ms, int64_t from_ms) {
  struct prom_result *result = ARENA_NEW(&arena, struct prom_result);
  result->status = PROM_DATA;
  result->type = PROM_MATRIX;
  result->series = ARENA_ARRAY(&arena, struct prom_series, 3);
  result->series_count = 3;
  const char *versions[] = {"v1", "v2", "v2"}, *codes[] = {"200", "200", "500"};
  const double rates[] = {45, 5, 0.5}; // in each scrape, 10 times
  for (size_t i = 0; i < 3; i++) {
    struct prom_label *labels = ARENA_ARRAY(&arena, struct prom_label, 6);
    labels[0] = (struct prom_label){STR("destination_service"), STR(SERVICE)};
    labels[1] = (struct prom_label){STR("destination_version"), str_of(versions[i])};
    labels[2] = (struct prom_label){STR("instance"), STR("p:1")};
    labels[3] = (struct prom_label){STR("job"), STR("proxy")};
    labels[4] = (struct prom_label){STR("reporter"), STR("source")};
    labels[5] = (struct prom_label){STR("response_code"), str_of(codes[i])};
    struct prom_point *points = ARENA_ARRAY(&arena, struct prom_point, 61);
    size_t count = 0;
    for (int64_t at = 0; at <= 300000; at += 5000)
      if (at >= from_ms && at <= until_ms)
        points[count++] = (struct prom_point){at, 1000 + 10 * rates[i] * (double)(at / 5000)};
    result->series[i] = (struct prom_series){
        .labels = labels, .label_count = 6, .points = points, .point_count = count};
  }
  return result;
}

static void any_rhythm_of_looking_counts_the_same(void **state) {
  (void)state;
  struct metric_spec spec;
  assert_true(metric_builtin(STR("error-rate"), &spec));
  struct subject subject = {.service = STR(SERVICE),
                            .canary = STR("v2"),
                            .stable = STR("v1"),
                            .metrics = &spec,
                            .metric_count = 1};
  const struct subject *list[] = {&subject};
  const struct judge *judge = judge_find(STR("threshold"), NULL);
  const struct judge_settings settings = {.failure_limit = 1000, .min_requests = 50};
  struct rng rng;
  rng_init(&rng, 5);
  for (int round = 0; round < 100; round++) {
    arena_reset(&arena);
    struct assessment assessment;
    assessment_init(&assessment, 1);
    int64_t now = 1000, lag = (int64_t)rng_below(&rng, 10000);
    while (now < 320000) {
      now += 1 + (int64_t)rng_below(&rng, 40000);
      struct query_options options = {.now_ms = now,
                                      .margin_ms = 15000,
                                      .counted_until_ms = assessment_counted_until(&assessment)};
      struct query_plan plan = query_plan_make(list, 1, &options, &arena);
      bool down = rng_below(&rng, 4) == 0; // Prometheus away at this look
      for (size_t i = 0; i < plan.count; i++)
        plan.items[i].result = down || plan.items[i].kind == QUERY_SCRAPES
                                   ? prom_failed(&arena, STR("refused"))
                                   : traffic(now, now - plan.window_ms);
      assessment_update(&assessment, &subject, &plan, judge, &settings, now, lag);
    }
    // The last look may have been a failed one: the loop ends with a good one.
    struct query_options options = {.now_ms = now + lag,
                                    .margin_ms = 15000,
                                    .counted_until_ms = assessment_counted_until(&assessment)};
    struct query_plan plan = query_plan_make(list, 1, &options, &arena);
    for (size_t i = 0; i < plan.count; i++)
      plan.items[i].result = traffic(now, now + lag - plan.window_ms);
    assessment_update(&assessment, &subject, &plan, judge, &settings, now + lag, lag);
    assert_true(assessment.step.n_s == 60 * 450);
    assert_true(assessment.step.n_c == 60 * 55 && assessment.step.x_c == 60 * 5);
    double share = 0;
    assert_true(assessment_observed(&assessment, &share));
    assert_true(share > 10.8 && share < 10.9);
    assessment_dispose(&assessment);
  }
}

static void a_step_starts_its_counts_where_it_began(void **state) {
  (void)state;
  struct metric_spec spec;
  assert_true(metric_builtin(STR("error-rate"), &spec));
  struct subject subject = {.service = STR(SERVICE),
                            .canary = STR("v2"),
                            .stable = STR("v1"),
                            .metrics = &spec,
                            .metric_count = 1};
  const struct subject *list[] = {&subject};
  const struct judge_settings settings = {.failure_limit = 1000};
  struct assessment assessment;
  assessment_init(&assessment, 1);
  for (int64_t now = 100000; now <= 200000; now += 100000) {
    struct query_options options = {.now_ms = now,
                                    .counted_until_ms = assessment_counted_until(&assessment)};
    struct query_plan plan = query_plan_make(list, 1, &options, &arena);
    for (size_t i = 0; i < plan.count; i++)
      plan.items[i].result = traffic(now, 0);
    if (now == 200000)
      assessment_step(&assessment, 150000);
    assessment_update(&assessment, &subject, &plan, judge_find(STR("threshold"), NULL), &settings,
                      now, 0);
  }
  assert_true(assessment.step.n_s == 10 * 450);
  assert_true(assessment.release.n_s == 40 * 450);
  assert_true(assessment.metrics[0].tests[0].ref_n == 20 * 450);
  assessment_dispose(&assessment);
}

static void before_the_first_answer_nothing_is_decided(void **state) {
  (void)state;
  struct metric_spec specs[2] = {{0}, {.name = STR("q"), .kind = METRIC_CUSTOM, .has_limit = true}};
  assert_true(metric_builtin(STR("error-rate"), &specs[0]));
  struct subject subject = {.service = STR(SERVICE), .metrics = specs, .metric_count = 2};
  const struct judge_settings settings = {.failure_limit = 0};
  struct assessment assessment;
  assessment_init(&assessment, 5);
  struct verdict verdict = assessment_verdict(
      &assessment, &subject, judge_find(STR("threshold"), NULL), &settings, 10, &arena);
  assert_int_equal(verdict.outcome, OUTCOME_INSUFFICIENT);
  assert_int_equal(verdict.metrics[0].cause, CAUSE_STALE);
  assert_int_equal(verdict.metrics[1].cause, CAUSE_STALE);
  assessment_dispose(&assessment);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(golden_cases_give_their_verdicts, setup, teardown),
      cmocka_unit_test_setup_teardown(damaged_state_starts_afresh, setup, teardown),
      cmocka_unit_test_setup_teardown(any_rhythm_of_looking_counts_the_same, setup, teardown),
      cmocka_unit_test_setup_teardown(a_step_starts_its_counts_where_it_began, setup, teardown),
      cmocka_unit_test_setup_teardown(before_the_first_answer_nothing_is_decided, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
