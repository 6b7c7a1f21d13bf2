// SPDX-License-Identifier: Apache-2.0
// What is only kept as json: judged by its form, and a verbatim value not touched by any walker.
#include "manifests/schema/crd.h"
#include "manifests/schema/decode.h"
#include "manifests/schema/defaults.h"
#include "manifests/schema/docs.h"
#include "manifests/schema/encode.h"
#include "manifests/schema/enforced.h"
#include "manifests/schema/openapi.h"
#include "manifests/schema/prune.h"
#include "support_case.h"
#include "support_thing.h"

#include <string.h>

static const struct field port_fields[] = {
    K_INT("number", F_INT32, .required = true),
    K_STRING("protocol", .fallback = "TCP"),
};
static const struct schema port_schema = KEPT_SCHEMA("Port", port_fields, .atomic = true);
static const struct field part_fields[] = {
    K_STRING("name", .required = true),
    K_BOOL_OPT("on", F_NOT_ENFORCED),
    K_BOOL("off"),
    K_STRINGS("args"),
    K_INTS("codes", F_INT32, .is_set = true),
    K_QUANTITIES("limits"),
    K_STRING_MAP("labels", .atomic = true),
    K_LIST("ports", &port_schema, .merge_key = "number", .map_keys = "number,protocol"),
    K_OBJECT("port", &port_schema),
};
static const struct schema part_schema = KEPT_SCHEMA("Part", part_fields);

struct box {
  const struct json *parts, *template_, *size;
};
static const struct field template_fields[] = {
    K_LIST("parts", &part_schema, .merge_key = "name", .required = true),
};
static const struct schema template_schema = KEPT_SCHEMA("Template", template_fields);
static const struct field box_fields[] = {
    F_KEPT_LIST(struct box, parts, "parts", &part_schema, .merge_key = "name"),
    F_KEPT_OBJECT(struct box, template_, "template", &template_schema, .verbatim = true),
    F_KEPT(struct box, size, "size", FIELD_QUANTITY),
};
static const struct schema box_schema = SCHEMA("Box", struct box, box_fields);
static const struct field kind_fields[] = {
    {.name = "spec", .type = FIELD_OBJECT, .presence = FIELD_NO_PRESENCE, .schema = &box_schema},
};
static const struct schema kind_schema = SCHEMA("Kind", struct box, kind_fields);
static const struct kind_desc box_kind = {
    .group = "test.serin.dev",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "Box",
    .plural = "boxes",
    .singular = "box",
    .schema = &kind_schema,
};

static const char good[] =
    "{parts: [{name: a, limits: {cpu: 0.5, memory: 1Gi}, ports: [{number: 1}, {number: 1}]}], "
    "template: {parts: [{name: a, off: false, newer: [1], ports: [{number: 1}, {number: "
    "1}]}, {name: b}], newer: {}}, size: 2}";

static void keeps_what_it_is_given(void **state) {
  (void)state;
  struct json *json = thing_parse(good, &arena);
  struct str before = json_text(&arena, json);
  struct box box = {.parts = NULL};
  assert_int_equal(schema_decode(&box_schema, json, NULL, STR(""), &arena, &findings, &box), 0);
  assert_int_equal(findings.count, 0);
  assert_ptr_equal(box.template_, json_get(json, "template"));
  same(schema_encode(&box_schema, &box, &arena), before.ptr);
}

static void judges_the_form(void **state) {
  (void)state;
  struct box box;
  struct json *json = thing_parse(
      "{parts: [{name: 1, on: 'yes', args: [a, 2], codes: [1, 3000000000], limits: {cpu: lots}, "
      "labels: {a: 1}, ports: {}, port: [], other: 1}, b, {name: c}, {name: c}], size: big}",
      &arena);
  assert_int_not_equal(schema_decode(&box_schema, json, NULL, STR(""), &arena, &findings, &box), 0);
  assert_string_equal(
      thing_findings(&findings, &arena).ptr,
      "1: error: parts[0].name: expected a string, found 1: put it in quotes [wrong-type]\n"
      "1: error: parts[0].on: expected true or false, found the string \"yes\" [wrong-type]\n"
      "1: error: parts[0].args[1]: expected a string, found 2: put it in quotes [wrong-type]\n"
      "1: error: parts[0].codes[1]: expected an integer of 32 bits, found 3000000000 "
      "[wrong-type]\n"
      "1: error: parts[0].limits.cpu: expected a quantity such as 2, \"500m\" or \"128Mi\", found "
      "the string \"lots\" [bad-value]\n"
      "1: error: parts[0].labels.a: expected a string, found 1: put it in quotes [wrong-type]\n"
      "1: error: parts[0].ports: expected a list, found an object [wrong-type]\n"
      "1: error: parts[0].port: expected an object, found a list [wrong-type]\n"
      "1: error: parts[0].other: unknown field \"other\" in Part [unknown-field]\n"
      "1: error: parts[1]: expected an object, found the string \"b\" [wrong-type]\n"
      "1: error: size: expected a quantity such as 2, \"500m\" or \"128Mi\", found the string "
      "\"big\" [bad-value]\n");
}

static void judges_a_verbatim_value_as_a_definition_does(void **state) {
  (void)state;
  struct box box;
  struct json *json = thing_parse("{template: {parts: [{name: a}, {name: b, ports: [{protocol: "
                                  "x}]}, {name: a}, {on: 1}]}}",
                                  &arena);
  assert_int_not_equal(schema_decode(&box_schema, json, NULL, STR(""), &arena, &findings, &box), 0);
  assert_string_equal(
      thing_findings(&findings, &arena).ptr,
      "1: error: template.parts[1].ports[0].number: is required [required]\n"
      "1: error: template.parts[3].name: is required [required]\n"
      "1: error: template.parts[3].on: expected true or false, found 1 [wrong-type]\n"
      "1: error: template.parts[2]: Duplicate value: a [duplicate]\n");
  const struct decode_options options = {.skip_verbatim = true};
  assert_int_equal(schema_decode(&box_schema, json, &options, STR(""), &arena, NULL, &box), 0);
}

static void leaves_a_verbatim_value_alone(void **state) {
  (void)state;
  struct json *json = thing_parse(good, &arena), *spec = json_new_object(&arena);
  struct str before = json_text(&arena, json_get(json, "template"));
  json_put(&arena, spec, "spec", json);
  assert_int_equal(kind_prune(&box_kind, spec, &arena, &findings), 0);
  kind_default(&box_kind, spec, &arena);
  schema_tidy(&box_schema, json);
  same(json_get(json, "template"), before.ptr);
  same(json_path(json, "parts.0.ports"),
       "[{\"number\":1,\"protocol\":\"TCP\"},{\"number\":1,\"protocol\":\"TCP\"}]");
  schema_undefault(&box_schema, json, &arena);
  same(json_get(json, "template"), before.ptr);
}

static void says_who_does_not_enforce_it(void **state) {
  (void)state;
  struct json *json = thing_parse(
      "{spec: {parts: [{name: a, on: true}], template: {parts: [{name: a, on: true}]}}}", &arena);
  assert_int_equal(unenforced_report(&box_kind, json, STR("f"), &arena, &findings), 2);
  assert_string_equal(thing_findings(&findings, &arena).ptr,
                      "f:1: warning: spec.parts[0].on: is accepted but not enforced by this proxy "
                      "[not-enforced]\n"
                      "f:1: warning: spec.template.parts[0].on: is accepted but not enforced by "
                      "the process runtime [not-enforced]\n");
}

#define OPEN "\"x-kubernetes-preserve-unknown-fields\":true"
#define NULLS "\"nullable\":true"

static void a_definition_neither_prunes_nor_defaults_it(void **state) {
  (void)state;
  struct json *json = openapi_kind(&box_kind, STR(""), true, &arena);
  const struct json *spec = json_path(json, "properties.spec.properties"),
                    *part = json_path(spec, "template.properties.parts.items");
  same(json_path(spec, "parts.items.properties.ports.items.properties.protocol"),
       "{\"type\":\"string\",\"default\":\"TCP\"}");
  assert_true(
      json_is_true(json_get(json_get(spec, "template"), "x-kubernetes-preserve-unknown-fields")));
  same(json_path(spec, "template.properties.parts.x-kubernetes-list-map-keys"), "[\"name\"]");
  same(json_path(part, "required"), "[\"name\"]");
  same(json_path(part, "properties.name"), "{\"type\":\"string\"}");
  same(json_path(part, "properties.codes"),
       "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"format\":\"int32\"},\"x-kubernetes-"
       "list-type\":\"set\"," NULLS "}");
  same(json_path(part, "properties.labels"),
       "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}," NULLS
       ",\"x-kubernetes-map-type\":\"atomic\"}");
  // Its keys are not sure to be there: one value.
  same(json_path(part, "properties.ports"),
       "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"x-kubernetes-map-type\":\"atomic\","
       "\"properties\":{\"number\":{\"type\":\"integer\",\"format\":\"int32\"},\"protocol\":{"
       "\"type\":\"string\"," NULLS "}},\"required\":[\"number\"]," OPEN "}," NULLS "}");
  const struct json *limit = json_path(part, "properties.limits.additionalProperties");
  assert_null(json_get(limit, "type"));
  assert_non_null(json_get(limit, "pattern"));
}

static void its_page_is_another(void **state) {
  (void)state;
  struct buf page;
  buf_init(&page, 1u << 20);
  assert_int_equal(docs_kind(&page, &box_kind), 0);
  assert_non_null(strstr(buf_z(&page), "| `template` | `Template` |"));
  assert_non_null(strstr(buf_z(&page), "| `parts` | list of [Part](#part) |"));
  assert_null(strstr(buf_z(&page), "### Template"));
  buf_dispose(&page);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(keeps_what_it_is_given),
      TEST(judges_the_form),
      TEST(judges_a_verbatim_value_as_a_definition_does),
      TEST(leaves_a_verbatim_value_alone),
      TEST(says_who_does_not_enforce_it),
      TEST(a_definition_neither_prunes_nor_defaults_it),
      TEST(its_page_is_another),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
