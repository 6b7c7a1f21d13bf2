// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/service.h"
#include "operator/standalone/strategic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct json *parse(struct arena *arena, const char *text) {
  struct json *json = NULL;
  struct err err = {.msg = ""};
  if (json_parse(str_of(text), arena, &json, &err))
    fail_msg("%s: %s", text, err.msg);
  return json;
}

static void check(const struct schema *schema, const char *target, const char *patch,
                  const char *expected) {
  struct arena arena;
  struct json *result = NULL;
  struct err err = {.msg = ""};
  arena_init(&arena);
  if (strategic_merge(schema, parse(&arena, target), parse(&arena, patch), &arena, &result, &err))
    fail_msg("%s: %s", patch, err.msg);
  if (!json_equal(result, parse(&arena, expected)))
    fail_msg("%s\ngives %s\nnot   %s", patch, json_text(&arena, result).ptr, expected);
  arena_dispose(&arena);
}

#define POD(x) "{\"spec\":{\"template\":{\"spec\":" x "}}}"

static void containers_merge_by_name(void **state) {
  (void)state;
  check(
      deployment_kind.schema,
      POD("{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"1\"}]}"),
      POD("{\"$setElementOrder/containers\":[{\"name\":\"a\"},{\"name\":\"b\"}],"
          "\"containers\":[{\"name\":\"b\",\"image\":\"2\"}]}"),
      POD("{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"2\"}]}"));
  check(deployment_kind.schema, POD("{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}"),
        POD("{\"containers\":[{\"$patch\":\"delete\",\"name\":\"a\"}]}"),
        POD("{\"containers\":[{\"name\":\"b\"}]}"));
  check(deployment_kind.schema, POD("{\"containers\":[{\"name\":\"a\"}]}"),
        POD("{\"$setElementOrder/containers\":[{\"name\":\"z\"},{\"name\":\"a\"}],"
            "\"containers\":[{\"name\":\"z\",\"image\":\"1\"}]}"),
        POD("{\"containers\":[{\"name\":\"z\",\"image\":\"1\"},{\"name\":\"a\"}]}"));
  // What the order does not name keeps its place: an injected sidecar behind, another in between.
  check(deployment_kind.schema,
        POD("{\"containers\":[{\"name\":\"a\"},{\"name\":\"mid\"},{\"name\":\"b\"},{\"name\":"
            "\"side\"}]}"),
        POD("{\"$setElementOrder/containers\":[{\"name\":\"a\"},{\"name\":\"b\"}],"
            "\"containers\":[{\"name\":\"a\",\"image\":\"1\"}]}"),
        POD("{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"mid\"},{\"name\":\"b\"},"
            "{\"name\":\"side\"}]}"));
}

static void env_merges_within_a_container(void **state) {
  (void)state;
  check(deployment_kind.schema,
        POD("{\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"X\",\"value\":\"1\"}]}]}"),
        POD("{\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"Y\",\"value\":\"2\"}]}]}"),
        POD("{\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"Y\",\"value\":\"2\"},"
            "{\"name\":\"X\",\"value\":\"1\"}]}]}")); // what is new goes in front
}

static void plain_lists_and_maps(void **state) {
  (void)state;
  check(deployment_kind.schema, POD("{\"containers\":[{\"name\":\"a\",\"args\":[\"1\",\"2\"]}]}"),
        POD("{\"containers\":[{\"name\":\"a\",\"args\":[\"3\"]}]}"),
        POD("{\"containers\":[{\"name\":\"a\",\"args\":[\"3\"]}]}"));
  check(deployment_kind.schema, "{\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}}",
        "{\"metadata\":{\"labels\":{\"a\":null,\"c\":\"3\"}}}",
        "{\"metadata\":{\"labels\":{\"b\":\"2\",\"c\":\"3\"}}}");
  check(deployment_kind.schema, "{\"metadata\":{\"labels\":{\"a\":\"1\"}}}",
        "{\"metadata\":{\"labels\":{\"$patch\":\"replace\",\"c\":\"3\"}}}",
        "{\"metadata\":{\"labels\":{\"c\":\"3\"}}}");
}

static void finalizers_are_a_set(void **state) {
  (void)state;
  check(deployment_kind.schema, "{\"metadata\":{\"finalizers\":[\"a\"]}}",
        "{\"metadata\":{\"finalizers\":[\"b\",\"a\"]}}",
        "{\"metadata\":{\"finalizers\":[\"b\",\"a\"]}}");
  check(deployment_kind.schema, "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}",
        "{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}}",
        "{\"metadata\":{\"finalizers\":[\"b\"]}}");
}

static void retain_keys_drops_the_rest(void **state) {
  (void)state;
  check(deployment_kind.schema,
        "{\"spec\":{\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxSurge\":1}}}}",
        "{\"spec\":{\"strategy\":{\"$retainKeys\":[\"type\"],\"type\":\"Recreate\"}}}",
        "{\"spec\":{\"strategy\":{\"type\":\"Recreate\"}}}");
}

static void service_ports_merge_by_port(void **state) {
  (void)state;
  check(service_kind.schema, "{\"spec\":{\"ports\":[{\"port\":80,\"name\":\"a\"}]}}",
        "{\"spec\":{\"ports\":[{\"port\":80,\"name\":\"b\"},{\"port\":81}]}}",
        "{\"spec\":{\"ports\":[{\"port\":80,\"name\":\"b\"},{\"port\":81}]}}");
}

static void an_item_without_its_key_is_refused(void **state) {
  (void)state;
  struct arena arena;
  struct json *result;
  struct err err;
  arena_init(&arena);
  int rc = strategic_merge(
      deployment_kind.schema, parse(&arena, POD("{\"containers\":[{\"name\":\"a\"}]}")),
      parse(&arena, POD("{\"containers\":[{\"image\":\"x\"}]}")), &arena, &result, &err);
  assert_int_equal(rc, RC_PARSE);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(containers_merge_by_name),
      cmocka_unit_test(env_merges_within_a_container),
      cmocka_unit_test(plain_lists_and_maps),
      cmocka_unit_test(finalizers_are_a_set),
      cmocka_unit_test(retain_keys_drops_the_rest),
      cmocka_unit_test(service_ports_merge_by_port),
      cmocka_unit_test(an_item_without_its_key_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
