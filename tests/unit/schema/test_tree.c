// SPDX-License-Identifier: Apache-2.0
// Prune, defaults, what is not enforced, OpenAPI, CRD, docs: the walkers over json trees and
// tables.
#include "manifests/schema/crd.h"
#include "manifests/schema/defaults.h"
#include "manifests/schema/docs.h"
#include "manifests/schema/enforced.h"
#include "manifests/schema/openapi.h"
#include "manifests/schema/prune.h"
#include "support_case.h"
#include "support_thing.h"

#include <string.h>

static const char unknown[] =
    "{apiVersion: test.serin.dev/v2, kind: Thing, extra: 1, spec: {count: 1, bogus: {a: 1}, parts: "
    "[{name: a, nme: b}], named: {x: {name: ok, kind: z}}, main: 5, freeForm: {anything: 1}}}";

static void prunes_and_reports(void **state) {
  (void)state;
  struct json *json = thing_parse(unknown, &arena);
  assert_int_equal(kind_unknown(&thing_kind, json, &arena, NULL), 4);
  assert_non_null(json_get(json, "extra"));
  assert_int_equal(kind_prune(&thing_kind, json, &arena, &findings), 4);
  same(json, "{\"apiVersion\":\"test.serin.dev/v2\",\"kind\":\"Thing\",\"spec\":{\"count\":1,"
             "\"parts\":[{\"name\":\"a\"}],\"named\":{\"x\":{\"name\":\"ok\"}},\"main\":5,"
             "\"freeForm\":{\"anything\":1}}}");
  assert_string_equal(findings.items[0].path.ptr, "extra");
  assert_string_equal(findings.items[1].path.ptr, "spec.bogus");
  assert_string_equal(findings.items[2].path.ptr, "spec.parts[0].nme");
  assert_string_equal(findings.items[2].message.ptr,
                      "unknown field \"nme\"; did you mean \"name\"?");
  assert_string_equal(findings.items[3].path.ptr, "spec.named.x.kind");
  assert_int_equal(kind_prune(&thing_kind, json, &arena, &findings), 0);
}

static void prunes_a_name_that_stands_twice(void **state) {
  (void)state;
  struct json *json = NULL;
  assert_int_equal(
      json_parse(STR("{\"a\":1,\"a\":2,\"spec\":{},\"b\":1,\"a\":3}"), &arena, &json, NULL), 0);
  (void)kind_prune(&thing_kind, json, &arena, NULL);
  same(json, "{\"spec\":{}}");
}

static void writes_defaults(void **state) {
  (void)state;
  struct json *json = thing_parse("{spec: {count: null, parts: [{name: a}], extra: {}}}", &arena);
  kind_default(&thing_kind, json, &arena);
  same(json, "{\"spec\":{\"count\":2,\"parts\":[{\"name\":\"a\",\"size\":3}],\"extra\":{\"size\":3}"
             ",\"wait\":\"5s\",\"port\":\"25%\",\"tags\":[\"a\",\"b\"]}}");
  struct json *before = json_dup(&arena, json);
  kind_default(&thing_kind, json, &arena);
  assert_true(json_equal(before, json));
}

static void takes_defaults_out_again(void **state) {
  (void)state;
  struct json *json = thing_parse(
      "{spec: {count: 2, parts: [{name: a, size: 4}], extra: {size: 3}, wait: null}}", &arena);
  kind_default(&thing_kind, json, &arena);
  schema_undefault(thing_kind.schema, json, &arena);
  same(json, "{\"spec\":{\"parts\":[{\"name\":\"a\",\"size\":4}],\"extra\":{}}}");
}

struct step {
  int64_t size;
};
struct plan {
  struct step *steps;
  size_t steps_count;
};

static void items_of_bare_lists_stay_as_they_are(void **state) {
  (void)state;
  static const struct field step_fields[] = {
      F_INT(struct step, size, "size", .fallback = "3", .doc = "How much.")};
  static const struct schema step_schema = SCHEMA("Step", struct step, step_fields);
  static const struct field plan_fields[] = {
      F_LIST(struct plan, steps, "steps", &step_schema, .bare_items = true, .fallback = "[{}]")};
  static const struct schema plan_schema = SCHEMA("Plan", struct plan, plan_fields);
  struct json *json = json_new_object(&arena);
  schema_default(&plan_schema, json, &arena);
  same(json, "{\"steps\":[{}]}");
  json = openapi_schema(&plan_schema, &arena);
  const struct json *size = json_path(json, "properties.steps.items.properties.size");
  assert_null(json_get(size, "default"));
  assert_string_equal(json_get_string(size, "description").ptr, "How much. Default: 3.");
  // What an older CRD filled in means the same.
  assert_int_equal(json_parse(STR("{\"steps\":[{\"size\":3},{\"size\":4}]}"), &arena, &json, NULL),
                   0);
  schema_undefault(&plan_schema, json, &arena);
  same(json, "{\"steps\":[{},{\"size\":4}]}");
}

static void lists_what_is_not_enforced(void **state) {
  (void)state;
  struct json *json = thing_parse("{spec: {strict: true, on: true, mode: Slow}}", &arena);
  assert_int_equal(unenforced_report(&thing_kind, json, STR("f"), &arena, &findings), 2);
  assert_string_equal(thing_findings(&findings, &arena).ptr,
                      "f:1: warning: spec.strict: is accepted but not enforced by this proxy "
                      "[not-enforced]\n"
                      "f:1: warning: spec.mode: Slow is accepted but not enforced by this proxy "
                      "[not-enforced]\n");
  json = thing_parse("{spec: {strict: false, mode: Fast}}", &arena);
  assert_int_equal(unenforced_report(&thing_kind, json, STR("f"), &arena, NULL), 0);
}

static void describes_itself_in_openapi(void **state) {
  (void)state;
  struct json *json = openapi_kind(&thing_kind, STR("v1"), false, &arena);
  same(json_path(json, "x-kubernetes-group-version-kind"),
       "[{\"group\":\"test.serin.dev\",\"version\":\"v1\",\"kind\":\"Thing\"}]");
  const struct json *spec = json_path(json, "properties.spec.properties");
  same(json_path(spec, "mode"),
       "{\"description\":\"How fast.\",\"type\":\"string\",\"enum\":[\"Fast\",\"Slow\",\"Old\"]}");
  same(json_path(spec, "count"),
       "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1,\"default\":2}");
  same(json_path(spec, "limit"),
       "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":0,\"maximum\":100}");
  same(json_path(spec, "title"), "{\"type\":\"string\",\"maxLength\":20}");
  same(json_path(spec, "oldTitle"),
       "{\"description\":\"Deprecated: use title\",\"type\":\"string\"}");
  same(json_path(spec, "port"),
       "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"x-kubernetes-int-or-string\":"
       "true,\"default\":\"25%\"}");
  same(json_path(spec, "parts"),
       "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"description\":\"A part.\","
       "\"properties\":{\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z0-9]([-a-z0-9]*[a-z0-9])"
       "?$\",\"minLength\":1},\"size\":{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1,"
       "\"maximum\":10,\"default\":3}},\"required\":[\"name\"]},\"x-kubernetes-list-type\":\"map\","
       "\"x-kubernetes-list-map-keys\":[\"name\"],\"x-kubernetes-patch-merge-key\":\"name\","
       "\"maxItems\":3,\"x-kubernetes-patch-strategy\":\"merge\"}");
  same(json_path(spec, "freeForm"), "{\"x-kubernetes-preserve-unknown-fields\":true}");
  same(json_path(json, "required"), "[\"spec\"]");
}

static void names_components(void **state) {
  (void)state;
  assert_string_equal(openapi_component_name(&thing_kind, STR_NULL, &arena).ptr,
                      "dev.serin.test.v2.Thing");
  struct kind_desc builtin = thing_kind;
  builtin.builtin = true;
  builtin.group = "";
  assert_string_equal(openapi_component_name(&builtin, STR("v1"), &arena).ptr,
                      "io.k8s.api.core.v1.Thing");
  builtin.group = "discovery.k8s.io";
  assert_string_equal(openapi_component_name(&builtin, STR("v1"), &arena).ptr,
                      "io.k8s.api.discovery.v1.Thing");
}

// Each member of `types` stands in `whole`, with the same value where it is no object or list.
static void is_part_of(const struct json *types, const struct json *whole) {
  JSON_EACH(member, types) {
    const struct json *same = json_get_s(whole, member->key);
    assert_non_null(same);
    if (json_is(member, JSON_OBJECT))
      is_part_of(member, same);
    else
      assert_true(json_equal(member, same));
  }
}

static void says_types_alone(void **state) {
  (void)state;
  struct openapi_types made = {.count = 0};
  struct json *types = openapi_ownership(&thing_kind, &made, &arena),
              *whole = openapi_kind(&thing_kind, STR("v1"), false, &arena);
  is_part_of(types, whole);
  assert_int_equal(json_path(types, "properties.spec.properties")->count,
                   json_path(whole, "properties.spec.properties")->count);
  struct str text = json_text(&arena, types);
  assert_false(str_contains(text, STR("\"maximum\"")));
  assert_true(str_contains(text, STR("x-kubernetes-list-map-keys")));
  assert_true(text.len < json_text(&arena, whole).len);
}

static void makes_a_crd(void **state) {
  (void)state;
  struct json *crd = crd_build(&thing_kind, &arena);
  assert_string_equal(json_path_string(crd, "metadata.name").ptr, "things.test.serin.dev");
  assert_int_equal(json_path(crd, "spec.versions")->count, 2);
  assert_true(json_is_true(json_path(crd, "spec.versions.0.storage")));
  assert_false(json_is_true(json_path(crd, "spec.versions.1.storage")));
  same(json_path(crd, "spec.versions.0.subresources"),
       "{\"status\":{},\"scale\":{\"specReplicasPath\":\".spec.count\",\"statusReplicasPath\":\"."
       "status.count\"}}");
  same(json_path(crd, "spec.versions.0.additionalPrinterColumns"),
       "[{\"name\":\"Mode\",\"type\":\"string\",\"description\":\"How fast.\",\"jsonPath\":\".spec."
       "mode\"},{\"name\":\"Age\",\"type\":\"date\",\"priority\":1,\"jsonPath\":\".metadata."
       "creationTimestamp\"}]");
  const struct json *schema = json_path(crd, "spec.versions.0.schema.openAPIV3Schema");
  same(json_path(schema, "properties.metadata"), "{\"type\":\"object\"}");
  struct str text = json_text(&arena, schema);
  assert_false(str_contains(text, STR("patch-merge-key")));
  assert_false(str_contains(text, STR("group-version-kind")));
}

static void writes_a_page(void **state) {
  (void)state;
  struct buf page;
  buf_init(&page, 1u << 20);
  assert_int_equal(docs_kind(&page, &thing_kind), 0);
  const char *text = buf_z(&page);
  assert_non_null(strstr(text, "# Thing\n"));
  assert_non_null(strstr(text, "`apiVersion: test.serin.dev/v2` (also `v1`), plural `things`, "
                               "short `th`, namespaced.\n"));
  assert_non_null(strstr(text, "| `mode` | one of `Fast`, `Slow`, `Old` |  | How fast. `Fast`: at "
                               "once. `Slow`: later. |\n"));
  assert_non_null(strstr(text, "| `main` | [Part](#part) |"));
  assert_non_null(strstr(text, "### Part\n"));
  assert_non_null(strstr(text, "| `wait` | duration, at least 1ms | `5s` |"));
  buf_dispose(&page);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(prunes_and_reports),
      TEST(prunes_a_name_that_stands_twice),
      TEST(writes_defaults),
      TEST(takes_defaults_out_again),
      TEST(items_of_bare_lists_stay_as_they_are),
      TEST(lists_what_is_not_enforced),
      TEST(describes_itself_in_openapi),
      TEST(says_types_alone),
      TEST(names_components),
      TEST(makes_a_crd),
      TEST(writes_a_page),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
