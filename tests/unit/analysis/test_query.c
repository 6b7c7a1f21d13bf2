// SPDX-License-Identifier: Apache-2.0
#include "analysis/latency.h"
#include "analysis/query.h"
#include "analysis/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define SERVICE "research-agent.team1.svc.cluster.local"

static struct arena arena;
static struct metric_spec builtins[2];

static int setup(void **state) {
  (void)state;
  arena_init(&arena);
  assert_true(metric_builtin(STR("error-rate"), &builtins[0]));
  assert_true(metric_builtin(STR("latency-p99"), &builtins[1]));
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

static struct subject subject_of(const char *name) {
  return (struct subject){
      .ns = STR("team1"),
      .name = str_of(name),
      .service = arena_printf(&arena, "%s.team1.svc.cluster.local", name),
      .canary = STR("v2"),
      .stable = STR("v1"),
      .metrics = builtins,
      .metric_count = 2,
      .weight = 12.5,
  };
}

static void all_rollouts_share_a_few_queries(void **state) {
  (void)state;
  static struct subject subjects[300];
  const struct subject *list[300];
  for (size_t i = 0; i < 300; i++) {
    subjects[i] = subject_of(arena_printf(&arena, "svc-%zu", i).ptr);
    list[i] = &subjects[i];
  }
  struct query_options options = {
      .now_ms = 1000000, .counted_until_ms = 990000, .margin_ms = 15000};
  assert_int_equal(query_plan_make(list, 1, &options, &arena).count, 3);
  assert_int_equal(query_plan_make(list, 200, &options, &arena).count, 3);
  options.batch = 60; // answers were too large
  assert_int_equal(query_plan_make(list, 200, &options, &arena).count, 9);
  options.batch = 0;
  struct query_plan plan = query_plan_make(list, 300, &options, &arena);
  assert_int_equal(plan.count, 5); // up, and two halves of requests and of buckets
  assert_int_equal(plan.window_ms, 25000);
  for (size_t i = 0; i < 300; i++) {
    const struct query_item *requests = query_plan_find(&plan, QUERY_REQUESTS, list[i], 0);
    assert_non_null(requests);
    assert_true(str_contains(requests->text, arena_printf(&arena, "svc-%zu\\\\.", i)));
    assert_non_null(query_plan_find(&plan, QUERY_BUCKETS, list[i], 0));
  }
}

static void one_rollout_gives_exactly_these_queries(void **state) {
  (void)state;
  struct subject subject = subject_of("research-agent");
  struct metric_spec metrics[3] = {builtins[0], builtins[1], {.name = STR("queue")}};
  metrics[2].kind = METRIC_CUSTOM;
  metrics[2].query =
      STR("max(queue{ns=\"{{ namespace }}\",v=\"{{canaryVersion}}\"}[{{ interval }}])");
  subject.metrics = metrics;
  subject.metric_count = 3;
  const struct subject *list[] = {&subject};
  struct query_options options = {.now_ms = 1000000};
  struct query_plan plan = query_plan_make(list, 1, &options, &arena);
  const char *expected[] = {
      "up[120s]",
      ("istio_requests_total{reporter=\"source\",destination_service=\"" SERVICE
       "\",destination_version=~\"v2|v1|unknown\"}[120s]"),
      ("istio_request_duration_milliseconds_bucket{reporter=\"source\",destination_service="
       "\"" SERVICE "\",destination_version=~\"v2|v1\"}[120s]"),
      "max(queue{ns=\"team1\",v=\"v2\"}[5s])",
  };
  assert_int_equal(plan.count, 4);
  for (size_t i = 0; i < 4; i++)
    assert_string_equal(plan.items[i].text.ptr, expected[i]);
}

static void history_is_one_query_for_all_who_want_it(void **state) {
  (void)state;
  struct subject subjects[3] = {subject_of("a"), subject_of("b"), subject_of("c")};
  const struct subject *list[] = {&subjects[0], &subjects[1], &subjects[2]};
  struct query_options options = {.now_ms = 1000000};
  subjects[0].wants_history = subjects[2].wants_history = true;
  struct query_plan plan = query_plan_make(list, 3, &options, &arena);
  const struct query_item *item = query_plan_find(&plan, QUERY_HISTORY, list[2], 0);
  assert_int_equal(plan.count, 4);
  assert_ptr_equal(item, query_plan_find(&plan, QUERY_HISTORY, list[0], 0));
  assert_null(query_plan_find(&plan, QUERY_HISTORY, list[1], 0));
  assert_string_equal(
      item->text.ptr,
      "sum by (reporter,destination_service,destination_version,response_code,"
      "grpc_response_status,response_flags) (increase(istio_requests_total{reporter=\"source\","
      "destination_service=~\"a\\\\.team1\\\\.svc\\\\.cluster\\\\.local|"
      "c\\\\.team1\\\\.svc\\\\.cluster\\\\.local\",destination_version=\"v1\"}[3600s])) or "
      "sum by (reporter,destination_service,destination_version,le) "
      "(increase(istio_request_duration_milliseconds_bucket{reporter=\"source\","
      "destination_service=~\"a\\\\.team1\\\\.svc\\\\.cluster\\\\.local|"
      "c\\\\.team1\\\\.svc\\\\.cluster\\\\.local\",destination_version=\"v1\"}[3600s]))");
}

static void hostile_values_stay_values(void **state) {
  (void)state;
  struct subject subject = subject_of("x");
  subject.canary = STR("v2\"} or up{a=\"");
  subject.stable = STR("v.*");
  subject.label = STR("destination_workload");
  const struct subject *list[] = {&subject};
  struct query_options options = {.scrape_match = STR("job=\"proxies\"")};
  struct query_plan plan = query_plan_make(list, 1, &options, &arena);
  assert_string_equal(plan.items[0].text.ptr, "up{job=\"proxies\"}[120s]");
  assert_true(str_contains(
      plan.items[1].text,
      STR("destination_workload=~\"v2\\\"\\\\} or up\\\\{a=\\\"|v\\\\.\\\\*|unknown\"}")));
  assert_string_equal(query_quote(STR("a\\b\"c\nd"), &arena).ptr, "a\\\\b\\\"c\\nd");
}

static void the_window_is_bounded(void **state) {
  (void)state;
  struct subject subject = subject_of("x");
  const struct subject *list[] = {&subject};
  struct query_options options = {.now_ms = 86400000, .counted_until_ms = 1};
  assert_int_equal(query_plan_make(list, 1, &options, &arena).window_ms, QUERY_WINDOW_MAX_MS);
  assert_int_equal(query_plan_make(list, 0, &options, &arena).count, 0);
}

static void an_unknown_variable_is_an_error_of_that_metric(void **state) {
  (void)state;
  struct subject subject = subject_of("x");
  struct metric_spec metrics[2] = {builtins[0], {.name = STR("q"), .kind = METRIC_CUSTOM}};
  metrics[1].query = STR("up{v=\"{{ canaryversion }}\"}");
  subject.metrics = metrics;
  subject.metric_count = 2;
  const struct subject *list[] = {&subject};
  struct query_options options = {0};
  struct query_plan plan = query_plan_make(list, 1, &options, &arena);
  const struct query_item *item = query_plan_find(&plan, QUERY_CUSTOM, &subject, 1);
  assert_true(str_is_empty(item->text));
  assert_int_equal(item->result->status, PROM_ERROR);
  assert_true(str_contains(item->result->error, STR("did you mean {{ canaryVersion }}?")));
  assert_non_null(query_plan_find(&plan, QUERY_REQUESTS, &subject, 0));
}

static void templates_render_or_say_why(void **state) {
  (void)state;
  const struct template_var vars[] = {{"a", STR("1")}, {"b", STR("{{ a }}\"")}};
  const struct {
    const char *text, *result; // NULL: refused
  } cases[] = {
      {"", ""},
      {"x{y=\"z\"}", "x{y=\"z\"}"},
      {"{{a}}{{ a }}{{  a  }}", "111"},
      {"{{ b }}", "{{ a }}\\\""},
      {"{{ a", NULL},
      {"{{}}", NULL},
      {"{{ A }}", NULL},
      {"{{ a }", NULL},
      {"}} {{ a }}", "}} 1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct str out = STR_NULL;
    struct err err = {0};
    int rc = template_render(str_of(cases[i].text), vars, 2, &arena, &out, &err);
    if (cases[i].result ? rc != 0 || !str_eq_z(out, cases[i].result) : rc != RC_INVALID)
      fail_msg("%s: rc %d, \"%.*s\" %s", cases[i].text, rc, STR_ARG(out), err.msg);
  }
  struct subject subject = subject_of("research-agent");
  struct str out;
  assert_int_equal(template_render_subject(
                       STR("{{ serviceName }} {{ weight }} {{ stableVersion }} {{ reporter }}"),
                       &subject, &arena, &out, NULL),
                   0);
  assert_string_equal(out.ptr, "research-agent 12.5 v1 source");
}

static void limits_read_as_users_write_them(void **state) {
  (void)state;
  const struct {
    const char *metric, *text;
    double limit; // below 0: refused
    const char *shown;
  } cases[] = {
      {"error-rate", "1%", 1, "1%"},          {"error-rate", "0.5", 0.5, "0.5%"},
      {"error-rate", "101%", -1, NULL},       {"error-rate", "many", -1, NULL},
      {"latency-p99", "500ms", 500, "500ms"}, {"latency-p99", "1.5s", 1500, "1.5s"},
      {"latency-p99", "250", 250, "250ms"},   {"latency-p99", "0", -1, NULL},
      {"latency-p99.9", "1m", 60000, "60s"},  {"latency-p99", "-5", -1, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct metric_spec spec;
    struct err err = {0};
    assert_true(metric_builtin(str_of(cases[i].metric), &spec));
    int rc = metric_limit_parse(&spec, str_of(cases[i].text), &err);
    if (cases[i].limit < 0) {
      assert_int_equal(rc, RC_INVALID);
      assert_non_null(strstr(err.msg, "expected"));
    } else {
      assert_int_equal(rc, 0);
      assert_true(spec.limit == cases[i].limit);
      assert_string_equal(metric_limit_text(&spec, &arena).ptr, cases[i].shown);
    }
  }
  struct metric_spec spec;
  const char *others[] = {"latency-p",  "latency-p100", "latency-p0",
                          "latency-px", "error-rates",  ""};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    assert_false(metric_builtin(str_of(others[i]), &spec));
}

static void a_limit_off_the_boundaries_is_explained(void **state) {
  (void)state;
  struct metric_spec spec = builtins[1];
  assert_true(str_is_empty(latency_note(&spec, &arena)));
  spec.has_limit = true;
  spec.limit = 500;
  assert_true(str_is_empty(latency_note(&spec, &arena)));
  spec.limit = 300;
  assert_string_equal(
      latency_note(&spec, &arena).ptr,
      "300 ms is not a bucket boundary of istio_request_duration_milliseconds (250, 500): a "
      "fail is decided at 500 ms, a pass at 250 ms");
  spec.limit = 7200000;
  assert_true(str_contains(latency_note(&spec, &arena), STR("can never fail")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(all_rollouts_share_a_few_queries, setup, teardown),
      cmocka_unit_test_setup_teardown(one_rollout_gives_exactly_these_queries, setup, teardown),
      cmocka_unit_test_setup_teardown(history_is_one_query_for_all_who_want_it, setup, teardown),
      cmocka_unit_test_setup_teardown(hostile_values_stay_values, setup, teardown),
      cmocka_unit_test_setup_teardown(the_window_is_bounded, setup, teardown),
      cmocka_unit_test_setup_teardown(an_unknown_variable_is_an_error_of_that_metric, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(templates_render_or_say_why, setup, teardown),
      cmocka_unit_test_setup_teardown(limits_read_as_users_write_them, setup, teardown),
      cmocka_unit_test_setup_teardown(a_limit_off_the_boundaries_is_explained, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
