// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/decode.h"
#include "manifests/schema/encode.h"
#include "support_case.h"
#include "support_thing.h"

static const struct thing *decode(const char *yaml, int wanted) {
  void *object = NULL;
  const struct decode_options options = {.file = STR("thing.yaml")};
  int rc =
      kind_decode(&thing_kind, thing_parse(yaml, &arena), &options, &arena, &findings, &object);
  if (rc != wanted)
    fail_msg("%d instead of %d: %s", rc, wanted, thing_findings(&findings, &arena).ptr);
  return object;
}

static void says(const char *text) {
  assert_string_equal(thing_findings(&findings, &arena).ptr, text);
}

static const char full[] = "apiVersion: test.serin.dev/v2\n"
                           "kind: Thing\n"
                           "metadata: {name: a}\n"
                           "spec:\n"
                           "  on: true\n"
                           "  strict: false\n"
                           "  count: 4\n"
                           "  limit: 0\n"
                           "  ratio: 0.5\n"
                           "  share: 12.5%\n"
                           "  memory: 128Mi\n"
                           "  title: \"\"\n"
                           "  mode: Fast\n"
                           "  wait: 1m30s\n"
                           "  gep: 1500ms\n"
                           "  max: 0s\n"
                           "  at: \"2026-01-29T12:00:00Z\"\n"
                           "  port: http\n"
                           "  main: {name: m, size: 1}\n"
                           "  extra: {name: e}\n"
                           "  parts: [{name: p}, {name: q, size: 10}]\n"
                           "  tags: [x]\n"
                           "  codes: [500, 503]\n"
                           "  labels: {a.b/c: d}\n"
                           "  ports: {http: 80}\n"
                           "  named: {one: {name: nn, size: 2}}\n"
                           "  freeForm: {any: [1, {thing: true}]}\n";

static void reads_every_type(void **state) {
  (void)state;
  const struct thing_spec *spec = &decode(full, 0)->spec;
  says("");
  assert_true(spec->on);
  assert_true(spec->has_strict && !spec->strict);
  assert_int_equal(spec->count, 4);
  assert_true(spec->has_limit);
  assert_int_equal(spec->limit, 0);
  assert_float_equal(spec->ratio, 0.5, 0);
  assert_float_equal(spec->share, 12.5, 0);
  assert_float_equal(spec->memory, 128.0 * 1024 * 1024, 0);
  assert_true(spec->title.ptr && spec->title.len == 0);
  assert_int_equal(spec->mode, THING_FAST);
  assert_int_equal(spec->wait_ms, 90000);
  assert_int_equal(spec->gep_ms, 1500);
  assert_true(spec->has_max_ms);
  assert_int_equal(spec->at_ms, 1769688000000);
  assert_true(spec->port.is_string && str_eq_z(spec->port.text, "http"));
  assert_int_equal(spec->main.size, 1);
  assert_int_equal(spec->extra->size, 3);
  assert_int_equal(spec->parts_count, 2);
  assert_string_equal(spec->parts[1].name.ptr, "q");
  assert_int_equal(spec->tags_count, 1);
  assert_int_equal(spec->codes[1], 503);
  assert_string_equal(string_map_get_z(&spec->labels, "a.b/c").ptr, "d");
  assert_int_equal(spec->ports.items[0].value, 80);
  assert_string_equal(spec->named[0].key.ptr, "one");
  assert_int_equal(spec->named[0].part.size, 2);
  assert_true(json_is_true(json_path(spec->free_form, "any.1.thing")));
}

static void fills_defaults(void **state) {
  (void)state;
  const struct thing_spec *spec = &decode("spec: {}\n", 0)->spec;
  assert_int_equal(spec->count, 2);
  assert_int_equal(spec->wait_ms, 5000);
  assert_string_equal(spec->port.text.ptr, "25%");
  assert_int_equal(spec->main.size, 3);
  assert_null(spec->extra);
  assert_int_equal(spec->tags_count, 2);
  assert_false(spec->has_limit || spec->has_strict || spec->has_max_ms);
  assert_null(spec->title.ptr);
}

static void null_is_absent(void **state) {
  (void)state;
  const struct thing_spec *spec = &decode("spec: {count: null, extra: null, title: ~}\n", 0)->spec;
  assert_int_equal(spec->count, 2);
  assert_null(spec->extra);
  assert_null(spec->title.ptr);
}

static void reports_all_faults_with_place(void **state) {
  (void)state;
  (void)decode("apiVersion: test.serin.dev/v9\n"
               "kind: Thyng\n"
               "spec:\n"
               "  on: maybe\n"
               "  count: 0\n"
               "  ratio: \"0.5\"\n"
               "  share: 120\n"
               "  memory: lots\n"
               "  title: 1.10\n"
               "  mode: fast\n"
               "  wait: 1 h\n"
               "  gep: 1.5s\n"
               "  at: noon\n"
               "  port: [1]\n"
               "  main: {size: 11}\n"
               "  extra: []\n"
               "  parts: [{name: A}, 5, {size: 7, name: a}]\n"
               "  tags: [1]\n"
               "  codes: [1, x]\n"
               "  labels: {\"a b\": c, d: 1}\n"
               "  ports: {http: 0}\n"
               "  named: {one: null, two: 2}\n"
               "  freForm: {}\n",
               RC_INVALID);
  says("thing.yaml:2: error: kind: expected Thing, found the string \"Thyng\" [wrong-kind]\n"
       "thing.yaml:1: error: apiVersion: expected test.serin.dev/v2 for Thing, found the string "
       "\"test.serin.dev/v9\" [wrong-kind]\n"
       "thing.yaml:4: error: spec.on: expected true or false, found the string \"maybe\" "
       "[wrong-type]\n"
       "thing.yaml:5: error: spec.count: expected at least 1, found 0 [out-of-range]\n"
       "thing.yaml:6: error: spec.ratio: expected a number, found the string \"0.5\" [wrong-type]\n"
       "thing.yaml:7: error: spec.share: expected 0 to 100 percent, found 120 [out-of-range]\n"
       "thing.yaml:8: error: spec.memory: expected a quantity such as 2, \"500m\" or \"128Mi\", "
       "found the string \"lots\" [bad-value]\n"
       "thing.yaml:9: error: spec.title: expected a string, found 1.10: put it in quotes "
       "[wrong-type]\n"
       "thing.yaml:10: error: spec.mode: expected \"Fast\", \"Slow\" or \"Old\", found the string "
       "\"fast\"; did you mean \"Fast\"? [bad-value]\n"
       "thing.yaml:11: error: spec.wait: expected a duration such as \"10s\", \"1m30s\" or "
       "\"250ms\", to the millisecond, found the string \"1 h\" [bad-value]\n"
       "thing.yaml:12: error: spec.gep: expected a duration such as \"10s\" or \"1m30s\" (whole h, "
       "m, s, ms), found the string \"1.5s\" [bad-value]\n"
       "thing.yaml:13: error: spec.at: expected a time such as \"2026-01-29T12:00:00Z\", found the "
       "string \"noon\" [bad-time]\n"
       "thing.yaml:14: error: spec.port: expected a whole number or a string, found a list "
       "[wrong-type]\n"
       "thing.yaml:15: error: spec.main.name: is required [required]\n"
       "thing.yaml:15: error: spec.main.size: expected 1 to 10, found 11 [out-of-range]\n"
       "thing.yaml:16: error: spec.extra: expected an object, found a list [wrong-type]\n"
       "thing.yaml:17: error: spec.parts[0].name: expected at most 63 lower-case letters, digits "
       "and '-', with a letter or digit at both ends, found the string \"A\" [bad-value]\n"
       "thing.yaml:17: error: spec.parts[1]: expected an object, found 5 [wrong-type]\n"
       "thing.yaml:17: error: spec.parts[2].size: 7 is not possible [unlucky]\n"
       "thing.yaml:18: error: spec.tags[0]: expected a string, found 1: put it in quotes "
       "[wrong-type]\n"
       "thing.yaml:19: error: spec.codes[0]: expected 400 to 599, found 1 [out-of-range]\n"
       "thing.yaml:19: error: spec.codes[1]: expected a whole number, found the string \"x\" "
       "[wrong-type]\n"
       "thing.yaml:20: error: spec.labels[\"a b\"]: the key is not a label name (at most 63 "
       "letters, "
       "digits, '-', '_', '.'), with an optional prefix/ [bad-value]\n"
       "thing.yaml:20: error: spec.labels.d: expected a string, found 1: put it in quotes "
       "[wrong-type]\n"
       "thing.yaml:21: error: spec.ports.http: expected 1 to 65535, found 0 [out-of-range]\n"
       "thing.yaml:22: error: spec.named.one: expected an object, found null: write {} for \"is "
       "present\" [wrong-type]\n"
       "thing.yaml:22: error: spec.named.two: expected an object, found 2 [wrong-type]\n"
       "thing.yaml:23: error: spec.freForm: unknown field \"freForm\"; did you mean \"freeForm\"? "
       "[unknown-field]\n");
}

static void faulty_members_hold_defaults(void **state) {
  (void)state;
  const struct thing *thing = decode("spec: {count: many, main: 5, title: ok}\n", RC_INVALID);
  assert_int_equal(thing->spec.count, 0);
  assert_int_equal(thing->spec.main.size, 3);
  assert_string_equal(thing->spec.title.ptr, "ok");
}

static void needs_the_required(void **state) {
  (void)state;
  (void)decode("metadata: {name: a}\n", RC_INVALID);
  says("thing.yaml:1: error: spec: is required [required]\n");
}

static void warns_of_the_deprecated(void **state) {
  (void)state;
  const struct thing *thing = decode("spec: {oldTitle: x, mode: Old}\n", 0);
  assert_string_equal(thing->spec.title.ptr, "x");
  says("thing.yaml:1: warning: spec.oldTitle: is deprecated: use title [deprecated-old-title]\n"
       "thing.yaml:1: warning: spec.mode: Old is deprecated: write Slow [deprecated-old]\n");
}

static void rules_see_what_was_given(void **state) {
  (void)state;
  (void)decode("spec:\n  on: true\n  parts:\n  - name: a\n  - name: a\n  - name: B\n", RC_INVALID);
  says("thing.yaml:6: error: spec.parts[2].name: expected at most 63 lower-case letters, digits "
       "and '-', with a letter or digit at both ends, found the string \"B\" [bad-value]\n"
       "thing.yaml:5: error: spec.parts[1].name: \"a\" is already that of parts[0] [duplicate]\n"
       "thing.yaml:1: warning: spec.title: is better given [untitled]\n");
}

static void unknown_fields_by_policy(void **state) {
  (void)state;
  void *object = NULL;
  const struct json *json = thing_parse("spec: {unheard: 1}\n", &arena);
  struct decode_options options = {.unknown = UNKNOWN_IGNORE};
  assert_int_equal(kind_decode(&thing_kind, json, &options, &arena, &findings, &object), 0);
  assert_int_equal(findings.count, 0);
  options.unknown = UNKNOWN_WARN;
  assert_int_equal(kind_decode(&thing_kind, json, &options, &arena, &findings, &object), 0);
  assert_int_equal(findings.warnings, 1);
  assert_int_equal(kind_decode(&thing_kind, json, NULL, &arena, NULL, &object), RC_INVALID);
}

static void checks_can_be_left_out(void **state) {
  (void)state;
  void *object = NULL;
  const struct json *json = thing_parse("spec: {main: {name: a, size: 7}}\n", &arena);
  const struct decode_options options = {.skip_checks = true};
  assert_int_equal(kind_decode(&thing_kind, json, &options, &arena, &findings, &object), 0);
  assert_int_equal(kind_decode(&thing_kind, json, NULL, &arena, &findings, &object), RC_INVALID);
}

static void only_objects(void **state) {
  (void)state;
  void *object = &arena;
  const struct json *json = json_new_int(&arena, 1);
  assert_int_equal(kind_decode(&thing_kind, json, NULL, &arena, &findings, &object), RC_INVALID);
  assert_null(object);
  assert_int_equal(kind_decode(&thing_kind, NULL, NULL, &arena, &findings, &object), RC_INVALID);
}

static void encodes_what_it_decoded(void **state) {
  (void)state;
  const struct thing *thing = decode(full, 0);
  struct json *once = kind_encode(&thing_kind, thing, STR("v1"), &arena);
  assert_string_equal(
      json_text(&arena, once).ptr,
      "{\"apiVersion\":\"test.serin.dev/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\"},"
      "\"spec\":{\"on\":true,\"strict\":false,\"count\":4,\"limit\":0,\"ratio\":0.5,\"share\":12.5,"
      "\"memory\":134217728,\"title\":\"\",\"mode\":\"Fast\",\"wait\":\"1m30s\",\"gep\":\"1500ms\","
      "\"max\":\"0s\",\"at\":\"2026-01-29T12:00:00Z\",\"port\":\"http\",\"main\":{\"name\":\"m\","
      "\"size\":1},\"extra\":{\"name\":\"e\",\"size\":3},\"parts\":[{\"name\":\"p\",\"size\":3},{"
      "\"name\":\"q\",\"size\":10}],\"tags\":[\"x\"],\"codes\":[500,503],\"labels\":{\"a.b/"
      "c\":\"d\"},\"ports\":{\"http\":80},\"named\":{\"one\":{\"name\":\"nn\",\"size\":2}},"
      "\"freeForm\":{\"any\":[1,{\"thing\":true}]}}}");
  void *again = NULL;
  assert_int_equal(kind_decode(&thing_kind, once, NULL, &arena, &findings, &again), 0);
  assert_true(json_equal(once, kind_encode(&thing_kind, again, STR("v1"), &arena)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(reads_every_type),
      TEST(fills_defaults),
      TEST(null_is_absent),
      TEST(reports_all_faults_with_place),
      TEST(faulty_members_hold_defaults),
      TEST(needs_the_required),
      TEST(warns_of_the_deprecated),
      TEST(rules_see_what_was_given),
      TEST(unknown_fields_by_policy),
      TEST(checks_can_be_left_out),
      TEST(only_objects),
      TEST(encodes_what_it_decoded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
