// SPDX-License-Identifier: Apache-2.0
// How the fields of a status that is written by itself are called.
#include "operator/standalone/crd_validate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char schema[] =
    "{\"type\":\"object\",\"properties\":{\"status\":{\"type\":\"object\",\"properties\":{"
    "\"ready\":{"
    "\"type\":\"integer\"},\"word\":{\"type\":\"string\",\"pattern\":\"^a\"}}},\"statuses\":{"
    "\"type\":\"integer\"}}}";

static void says(const char *object, const char *part, const char *path, const char *message) {
  struct arena arena;
  struct findings found;
  struct json *judge = NULL, *value = NULL;
  arena_init(&arena);
  findings_init(&found, &arena);
  assert_int_equal(json_parse(str_of(schema), &arena, &judge, NULL), RC_OK);
  assert_int_equal(json_parse(str_of(object), &arena, &value, NULL), RC_OK);
  crd_validate(judge, value, str_of(part), &arena, &found);
  assert_int_equal(found.count, 1);
  assert_string_equal(found.items[0].path.ptr, path);
  assert_string_equal(found.items[0].message.ptr, message);
  arena_dispose(&arena);
}

static void a_whole_object_names_all(void **state) {
  (void)state;
  says("{\"status\":{\"ready\":\"x\"}}", "", "status.ready",
       "Invalid value: \"string\": status.ready in body must be of type integer: \"string\"");
}

static void a_status_names_what_is_in_it(void **state) {
  (void)state;
  says("{\"status\":{\"ready\":\"x\"}}", "status", "status.ready",
       "Invalid value: \"string\": ready in body must be of type integer: \"string\"");
  says("{\"status\":1}", "status", "status",
       "Invalid value: \"integer\":  in body must be of type object: \"integer\"");
  says("{\"statuses\":\"x\"}", "status", "statuses",
       "Invalid value: \"string\": statuses in body must be of type integer: \"string\"");
}

// A value may look like the name of a field.
static void values_are_not_names(void **state) {
  (void)state;
  says("{\"status\":{\"word\":\"b: status.x in body c\"}}", "status", "status.word",
       "Invalid value: \"b: status.x in body c\": word in body should match '^a'");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_object_names_all),
      cmocka_unit_test(a_status_names_what_is_in_it),
      cmocka_unit_test(values_are_not_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
