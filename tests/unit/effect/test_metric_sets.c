// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/metric_sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct arena arena;

static struct metric_set_argument arguments[] = {{.name = STR("queue")},
                                                 {.name = STR("most"), .value = STR("40")}};
static struct rollout_metric shared[] = {
    {.name = STR("depth"),
     .query = STR("max(queue{q=\"{{ args.queue }}\",v=\"{{ canaryVersion }}\"})"),
     .limit = {.is_set = true, .is_string = true, .text = STR("{{args.most}}")}},
    {.name = STR("error-rate"), .limit = {.is_set = true, .is_string = true, .text = STR("2%")}}};
static const struct metric_set SET = {
    .metadata = {.name = STR("web")},
    .spec = {.args = arguments, .args_count = 2, .metrics = shared, .metrics_count = 2}};
static const struct metric_set *const ITEMS[] = {&SET};
static const struct metric_sets SETS = {ITEMS, 1};

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

static int expand(struct rollout_metric_set_ref *ref, struct rollout_metric **ret_metrics,
                  size_t *ret_count, struct err *err) {
  static struct rollout_metric own[] = {{.name = STR("error-rate")}};
  struct rollout rollout = {
      .spec.analysis = {
          .metrics = own, .metrics_count = 1, .metric_sets = ref, .metric_sets_count = 1}};
  *err = (struct err){0};
  return metric_sets_expand(&rollout, &SETS, &arena, ret_metrics, ret_count, err);
}

static void arguments_are_put_in_place(void **state) {
  (void)state;
  struct rollout_argument given[] = {{STR("queue"), STR("a\"b")}};
  struct rollout_metric_set_ref ref = {STR("web"), given, 1};
  struct rollout_metric *metrics;
  size_t count;
  struct err err;
  assert_int_equal(expand(&ref, &metrics, &count, &err), RC_OK);
  assert_int_equal(count, 2); // the Rollout's own error-rate stays
  assert_false(metrics[0].limit.is_set);
  assert_string_equal(metrics[1].query.ptr, "max(queue{q=\"a\\\"b\",v=\"{{ canaryVersion }}\"})");
  assert_string_equal(metrics[1].limit.text.ptr, "40");
}

static void what_does_not_fit_is_said(void **state) {
  (void)state;
  struct rollout_argument unknown[] = {{STR("queue"), STR("a")}, {STR("quue"), STR("a")}};
  struct rollout_argument nested[] = {{STR("queue"), STR("{{ canaryVersion }}")}};
  struct {
    struct rollout_metric_set_ref ref;
    const char *word;
  } cases[] = {{{STR("none"), NULL, 0}, "MetricSet none does not exist"},
               {{STR("web"), NULL, 0}, "argument queue of MetricSet web has no value"},
               {{STR("web"), unknown, 2}, "MetricSet web has no argument quue"},
               {{STR("web"), nested, 1}, "must not be a template"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct rollout_metric *metrics;
    size_t count;
    struct err err;
    assert_int_not_equal(expand(&cases[i].ref, &metrics, &count, &err), RC_OK);
    if (!str_contains(str_of(err.msg), str_of(cases[i].word)))
      fail_msg("%s: not %s", err.msg, cases[i].word);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(arguments_are_put_in_place),
      TEST(what_does_not_fit_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
