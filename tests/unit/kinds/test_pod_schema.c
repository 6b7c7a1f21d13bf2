// SPDX-License-Identifier: Apache-2.0
// The pod template in the Rollout's CRD has every field of the pod tables; and what server-side
// apply reads of a kind is what its OpenAPI schema says. (tests/kubernetes compares the tables with
// Kubernetes.)
#include "manifests/kinds/pod.h"
#include "manifests/kinds/registry.h"
#include "manifests/kinds/rollout.h"
#include "manifests/schema/openapi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct arena arena;

static int set_up(void **state) {
  (void)state;
  arena_init(&arena);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

static size_t fields;

// What the table says of each field is in `json`, and nothing that a server would act on.
static void compare(const struct schema *schema, const struct json *json, const char *where) {
  if (!json_is_true(json_get(json, "x-kubernetes-preserve-unknown-fields")))
    fail_msg("%s prunes what it does not know", where);
  assert_int_equal(json_get(json, "properties")->count, schema->count);
  for (size_t i = 0; i < schema->count; i++) {
    const struct field *row = &schema->fields[i];
    const struct json *property = json_get(json_get(json, "properties"), row->name);
    const char *at = arena_printf(&arena, "%s.%s", where, row->name).ptr;
    static const char *const unwanted[] = {"default", "minimum",  "maximum",    "minLength",
                                           "enum",    "minItems", "description"};
    if (!property)
      fail_msg("%s is not in the schema", at);
    for (size_t k = 0; k < sizeof(unwanted) / sizeof(unwanted[0]); k++)
      if (json_get(property, unwanted[k]))
        fail_msg("%s has a %s", at, unwanted[k]);
    bool required = false;
    JSON_EACH(name, json_get(json, "required")) {
      required |= str_eq_z(json_string(name), row->name);
    }
    if (required != row->required || required == json_is_true(json_get(property, "nullable")))
      fail_msg("%s is required, or may be null, otherwise than in the table", at);
    fields++;
    if (row->schema)
      compare(row->schema, row->type == FIELD_LIST ? json_get(property, "items") : property, at);
  }
}

static void the_crd_has_every_field_of_a_pod(void **state) {
  (void)state;
  struct json *crd = openapi_kind(&rollout_kind, STR(""), true, &arena);
  fields = 0;
  compare(&pod_template_schema, json_path(crd, "properties.spec.properties.template"), "template");
  assert_true(fields > 1000);
}

// Only the keywords that server-side apply looks at, of those values that it takes apart.
static struct json *owned(const struct json *full) {
  static const char *const kept[] = {"x-kubernetes-list-type",
                                     "x-kubernetes-list-map-keys",
                                     "x-kubernetes-map-type",
                                     "x-kubernetes-preserve-unknown-fields",
                                     "required",
                                     "default"};
  struct json *out = json_new_object(&arena);
  const struct json *type = json_get(full, "type");
  if (type)
    json_put(&arena, out, "type", json_dup(&arena, type));
  for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
    if (json_get(full, kept[i]))
      json_put(&arena, out, kept[i], json_dup(&arena, json_get(full, kept[i])));
  static const char *const inner[] = {"items", "additionalProperties"};
  for (size_t i = 0; i < 2; i++)
    if (json_get(full, inner[i]))
      json_put(&arena, out, inner[i], owned(json_get(full, inner[i])));
  if (json_get(full, "properties")) {
    struct json *properties = json_need_object(&arena, out, "properties");
    JSON_EACH(property, json_get(full, "properties")) {
      json_set(&arena, properties, property->key, owned(property));
    }
  }
  return out;
}

static void apply_sees_what_openapi_says(void **state) {
  (void)state;
  struct openapi_types types = {.count = 0};
  for (size_t i = 0; i < kind_count(); i++) {
    const struct kind_desc *kind = kind_at(i);
    const struct json *small = openapi_ownership(kind, &types, &arena);
    const struct json *full = owned(openapi_kind(kind, STR(""), false, &arena));
    if (!json_equal(small, full))
      fail_msg("%s: %s\nis not\n%s", kind->kind, json_text(&arena, small).ptr,
               json_text(&arena, full).ptr);
  }
  assert_true(types.count > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_crd_has_every_field_of_a_pod, set_up, tear_down),
      cmocka_unit_test_setup_teardown(apply_sees_what_openapi_says, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
