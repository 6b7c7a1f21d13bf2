// SPDX-License-Identifier: Apache-2.0
// manifests/install/crds is what the field tables give (REFRESH=1 writes it anew).
#include "manifests/kinds/registry.h"
#include "manifests/schema/crd.h"
#include "manifests/text/yaml.h"
#include "support_golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void crds_are_up_to_date(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  size_t count = 0;
  for (size_t i = 0; i < kind_count(); i++) {
    const struct kind_desc *kind = kind_at(i);
    if (!kind->ours)
      continue;
    struct buf text;
    buf_init(&text, 4u << 20);
    (void)buf_add_z(&text, "# Generated from the field tables of manifests/kinds; do not edit.\n");
    assert_int_equal(yaml_write(&text, crd_build(kind, &arena)), 0);
    golden_same(arena_printf(&arena, "manifests/install/crds/%s.yaml", kind->plural).ptr,
                buf_str(&text));
    buf_dispose(&text);
    count++;
  }
  assert_int_equal(count, 3);
  arena_dispose(&arena);
}

// What an API server asks of a structural schema: types, list keys that are required or have a
// default.
static void check_schema(const struct json *schema, const char *where, struct arena *arena) {
  bool open = json_is_true(json_get(schema, "x-kubernetes-preserve-unknown-fields"));
  bool either = json_is_true(json_get(schema, "x-kubernetes-int-or-string"));
  if (!json_get(schema, "type") && !open && !either)
    fail_msg("%s has no type", where);
  JSON_EACH(key, json_get(schema, "x-kubernetes-list-map-keys")) {
    const struct json *items = json_get(schema, "items");
    const struct json *row = json_get_s(json_get(items, "properties"), json_string(key));
    bool required = false;
    JSON_EACH(name, json_get(items, "required")) {
      required |= str_eq(json_string(name), json_string(key));
    }
    if (!row || (!required && !json_get(row, "default")))
      fail_msg("%s: list key %s is neither required nor has a default", where, key->string.ptr);
  }
  JSON_EACH(property, json_get(schema, "properties")) {
    check_schema(property, arena_printf(arena, "%s.%.*s", where, STR_ARG(property->key)).ptr,
                 arena);
  }
  if (json_get(schema, "items"))
    check_schema(json_get(schema, "items"), arena_printf(arena, "%s[]", where).ptr, arena);
  if (json_is(json_get(schema, "additionalProperties"), JSON_OBJECT))
    check_schema(json_get(schema, "additionalProperties"), arena_printf(arena, "%s{}", where).ptr,
                 arena);
}

static void schemas_are_structural(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  for (size_t i = 0; i < kind_count(); i++)
    if (!kind_at(i)->builtin) {
      struct json *crd = crd_build(kind_at(i), &arena);
      JSON_EACH(version, json_path(crd, "spec.versions")) {
        check_schema(json_path(version, "schema.openAPIV3Schema"), kind_at(i)->kind, &arena);
      }
    }
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(crds_are_up_to_date),
                                     cmocka_unit_test(schemas_are_structural)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
