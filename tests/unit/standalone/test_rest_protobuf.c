// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/rest_protobuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

// k8s\0, Unknown{1: TypeMeta{1: "v1", 2: KIND}, 2: raw}
#define CONFIG_MAP                                                                                 \
  "k8s\0\x0a\x0f\x0a\x02v1\x12\x09"                                                                \
  "ConfigMap\x12\x0f\x0a\x03\x0a\x01"                                                              \
  "x\x12\x08\x0a\x01"                                                                              \
  "k\x12\x03"                                                                                      \
  "abc"

static void a_config_map_is_read(void **state) {
  (void)state;
  struct arena arena;
  struct json *json;
  arena_init(&arena);
  assert_int_equal(rest_protobuf_decode(STR(CONFIG_MAP), &arena, &json, NULL), 0);
  assert_string_equal(json_text(&arena, json).ptr,
                      "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\"},"
                      "\"data\":{\"k\":\"abc\"}}");
  arena_dispose(&arena);
}

static void every_cut_is_refused_or_read(void **state) {
  (void)state;
  struct str whole = STR(CONFIG_MAP);
  size_t refused = 0;
  for (size_t len = 0; len < whole.len; len++) {
    struct arena arena;
    struct json *json;
    arena_init(&arena);
    refused += rest_protobuf_decode(str_slice(whole, 0, len), &arena, &json, NULL) != 0;
    arena_dispose(&arena);
  }
  assert_true(refused > whole.len - 3); // only a cut between two fields may pass
}

static void unknown_kinds_are_named(void **state) {
  (void)state;
  struct arena arena;
  struct json *json;
  struct err err = {.msg = ""};
  arena_init(&arena);
  assert_int_equal(rest_protobuf_decode(STR("k8s\0\x0a\x09\x0a\x02v1\x12\x03"
                                            "Pod"),
                                        &arena, &json, &err),
                   RC_UNSUPPORTED);
  assert_true(str_contains(str_of(err.msg), STR("Pod")));
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_config_map_is_read),
      cmocka_unit_test(every_cut_is_refused_or_read),
      cmocka_unit_test(unknown_kinds_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
