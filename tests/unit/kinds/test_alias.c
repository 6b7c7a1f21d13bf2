// SPDX-License-Identifier: Apache-2.0
// Kinds with two forms: there and back is the same object.
#include "manifests/kinds/event.h"
#include "manifests/kinds/idle.h"
#include "manifests/text/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct json *parse(struct arena *arena, const char *text) {
  struct json *json = NULL;
  assert_int_equal(json_parse(str_of(text), arena, &json, NULL), 0);
  return json;
}

static void check(const struct kind_desc *alias, const char *stored, const char *shown) {
  struct arena arena;
  arena_init(&arena);
  struct json *object = parse(&arena, stored), *want = parse(&arena, shown);
  alias->to_alias(object, &arena);
  if (!json_equal(object, want))
    fail_msg("%s", json_text(&arena, object).ptr);
  alias->from_alias(object, &arena);
  struct json *annotations = json_path(object, "metadata.annotations");
  if (annotations && !annotations->count)
    json_remove(json_get(object, "metadata"), STR("annotations"));
  if (!json_equal(object, parse(&arena, stored)))
    fail_msg("%s", json_text(&arena, object).ptr);
  arena_dispose(&arena);
}

static void events_have_newer_names(void **state) {
  (void)state;
  check(&event_alias_kind,
        "{\"reason\":\"R\",\"involvedObject\":{\"name\":\"x\"},\"message\":\"m\",\"count\":3,"
        "\"source\":{\"component\":\"c\"},\"reportingComponent\":\"k\"}",
        "{\"reason\":\"R\",\"regarding\":{\"name\":\"x\"},\"note\":\"m\",\"deprecatedCount\":3,"
        "\"deprecatedSource\":{\"component\":\"c\"},\"reportingController\":\"k\"}");
}

#define CPU                                                                                        \
  "{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{\"type\":\"Utilization\","    \
  "\"averageUtilization\":50}}}"
#define MEMORY                                                                                     \
  "{\"type\":\"Resource\",\"resource\":{\"name\":\"memory\",\"target\":{\"type\":\"Utilization\"," \
  "\"averageUtilization\":70}}}"

static void autoscalers_say_the_cpu_share_in_v1(void **state) {
  (void)state;
  check(&horizontal_pod_autoscaler_v1_kind, "{\"spec\":{\"maxReplicas\":3,\"metrics\":[" CPU "]}}",
        "{\"spec\":{\"maxReplicas\":3,\"targetCPUUtilizationPercentage\":50}}");
  check(&horizontal_pod_autoscaler_v1_kind, "{\"spec\":{\"maxReplicas\":3}}",
        "{\"spec\":{\"maxReplicas\":3}}");
}

static void autoscalers_keep_in_v1_what_it_cannot_say(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  struct json *object =
      parse(&arena, "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"metrics\":[" CPU "," MEMORY "]}}");
  struct json *whole = json_dup(&arena, object);
  horizontal_pod_autoscaler_v1_kind.to_alias(object, &arena);
  assert_int_equal(json_int(json_path(object, "spec.targetCPUUtilizationPercentage"), 0), 50);
  assert_null(json_path(object, "spec.metrics"));
  horizontal_pod_autoscaler_v1_kind.from_alias(object, &arena);
  assert_true(json_equal(json_path(object, "spec"), json_path(whole, "spec")));
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(events_have_newer_names),
      cmocka_unit_test(autoscalers_say_the_cpu_share_in_v1),
      cmocka_unit_test(autoscalers_keep_in_v1_what_it_cannot_say),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
