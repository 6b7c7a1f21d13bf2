// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/object_meta.h"
#include "manifests/kinds/registry.h"
#include "manifests/schema/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void finds_by_version_and_kind(void **state) {
  (void)state;
  const char *versions[] = {"networking.istio.io/v1", "networking.istio.io/v1beta1",
                            "networking.istio.io/v1alpha3"};
  for (size_t i = 0; i < 3; i++)
    assert_string_equal(kind_find(str_of(versions[i]), STR("VirtualService"))->kind,
                        "VirtualService");
  assert_null(kind_find(STR("networking.istio.io/v2"), STR("VirtualService")));
  assert_null(kind_find(STR("v1"), STR("VirtualService")));
  assert_string_equal(kind_find(STR("v1"), STR("Service"))->plural, "services");
  assert_string_equal(kind_find(STR("apps/v1"), STR("Deployment"))->plural, "deployments");
  assert_string_equal(kind_find(STR("gateway.networking.k8s.io/v1beta1"), STR("HTTPRoute"))->plural,
                      "httproutes");
  assert_string_equal(kind_find(STR("serin.dev/v1alpha1"), STR("Rollout"))->plural, "rollouts");
}

static void finds_by_plural(void **state) {
  (void)state;
  assert_string_equal(
      kind_find_plural(STR("discovery.k8s.io"), STR("v1"), STR("endpointslices"))->kind,
      "EndpointSlice");
  assert_string_equal(kind_find_plural(STR(""), STR("v1"), STR("pods"))->kind, "Pod");
  assert_null(kind_find_plural(STR(""), STR("v1"), STR("pod")));
}

static void finds_what_people_type(void **state) {
  (void)state;
  assert_string_equal(kind_find_name(STR("vs"))->kind, "VirtualService");
  assert_string_equal(kind_find_name(STR("Deploy"))->kind, "Deployment");
  assert_string_equal(kind_find_name(STR("gateway"))->group, "gateway.networking.k8s.io");
  assert_string_equal(kind_find_name(STR("gw"))->group, "networking.istio.io");
  assert_string_equal(kind_find_name(STR("gateways.networking.istio.io"))->group,
                      "networking.istio.io");
  assert_string_equal(kind_find_name(STR("deployments.apps"))->kind, "Deployment");
  assert_string_equal(kind_find_name(STR("sro"))->kind, "Rollout");
  assert_null(kind_find_name(STR("nonsense")));
}

static void suggests_the_nearest(void **state) {
  (void)state;
  assert_string_equal(kind_nearest(STR("Deploymnet"))->kind, "Deployment");
  assert_string_equal(kind_nearest(STR("virtualservice"))->kind, "VirtualService");
  assert_null(kind_nearest(STR("Elephant")));
}

// Facts that every table must keep, whatever is added to it.
static void check_schema(const struct schema *schema, const char *kind, int depth) {
  assert_true(depth < 20);
  assert_non_null(schema->name);
  for (size_t i = 0; i < schema->count; i++) {
    const struct field *row = &schema->fields[i];
    bool with_schema = row->type == FIELD_OBJECT || row->type == FIELD_OPTIONAL ||
                       row->type == FIELD_LIST || row->type == FIELD_MAP;
    if (with_schema != (row->schema != NULL))
      fail_msg("%s: %s.%s: schema and type do not fit", kind, schema->name, row->name);
    if ((row->type == FIELD_ENUM) != (row->values != NULL))
      fail_msg("%s: %s.%s: values and type do not fit", kind, schema->name, row->name);
    if (schema->size ? row->offset >= schema->size : !row->kept) // a kept value has no struct
      fail_msg("%s: %s.%s: lies outside of its struct", kind, schema->name, row->name);
    for (size_t j = 0; j < i; j++)
      if (strcmp(row->name, schema->fields[j].name) == 0)
        fail_msg("%s: %s.%s: stands twice", kind, schema->name, row->name);
    if (row->type == FIELD_LIST && !row->kept && row->element_size != row->schema->size)
      fail_msg("%s: %s.%s: elements and schema differ in size", kind, schema->name, row->name);
    if (row->merge_key && !schema_find(row->schema, str_of(row->merge_key)))
      fail_msg("%s: %s.%s: its items have no %s", kind, schema->name, row->name, row->merge_key);
    if (row->schema)
      check_schema(row->schema, kind, depth + 1);
  }
}

static void tables_are_sound(void **state) {
  (void)state;
  for (size_t i = 0; i < kind_count(); i++) {
    const struct kind_desc *kind = kind_at(i);
    check_schema(kind->schema, kind->kind, 0);
    assert_string_equal(kind->schema->fields[0].name, "metadata");
    assert_int_equal(kind->schema->fields[0].offset, 0);
    assert_ptr_equal(kind->schema->fields[0].schema, &object_meta_schema);
    assert_non_null(kind->doc);
    assert_true(kind->versions[0] && kind->plural && kind->singular);
    for (size_t j = 0; j < i; j++)
      assert_false(!kind->alias_of && strcmp(kind->plural, kind_at(j)->plural) == 0 &&
                   strcmp(kind->group, kind_at(j)->group) == 0);
  }
}

// All defaults are of their row's own form, or decoding an empty object would abort.
static void defaults_are_valid(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  for (size_t i = 0; i < kind_count(); i++) {
    void *object = NULL;
    (void)kind_decode(kind_at(i), json_new_object(&arena), NULL, &arena, NULL, &object);
    assert_non_null(object);
  }
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_by_version_and_kind), cmocka_unit_test(finds_by_plural),
      cmocka_unit_test(finds_what_people_type),    cmocka_unit_test(suggests_the_nearest),
      cmocka_unit_test(tables_are_sound),          cmocka_unit_test(defaults_are_valid),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
