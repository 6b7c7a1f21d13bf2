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

// As kubectl 1.33 sends them. A zero that is a pointer in Go is a zero, not an absence.
static void what_kubectl_creates_is_read(void **state) {
  (void)state;
  static const struct {
    struct str body;
    const char *json;
  } cases[] = {
      {{"\x6b\x38\x73\x00\x0a\x29\x0a\x0e\x61\x75\x74\x6f\x73\x63\x61\x6c\x69\x6e\x67\x2f\x76\x31"
        "\x12\x17\x48\x6f\x72\x69\x7a\x6f\x6e\x74\x61\x6c\x50\x6f\x64\x41\x75\x74\x6f\x73\x63\x61"
        "\x6c\x65\x72\x12\x1e\x0a\x03\x0a\x01\x64\x12\x17\x0a\x0f\x0a\x0a\x44\x65\x70\x6c\x6f\x79"
        "\x6d\x65\x6e\x74\x12\x01\x64\x10\x00\x18\x03\x20\x32",
        sizeof("\x6b\x38\x73\x00\x0a\x29\x0a\x0e\x61\x75\x74\x6f\x73\x63\x61\x6c\x69\x6e\x67\x2f"
               "\x76\x31\x12\x17\x48\x6f\x72\x69\x7a\x6f\x6e\x74\x61\x6c\x50\x6f\x64\x41\x75\x74"
               "\x6f\x73\x63\x61\x6c\x65\x72\x12\x1e\x0a\x03\x0a\x01\x64\x12\x17\x0a\x0f\x0a\x0a"
               "\x44\x65\x70\x6c\x6f\x79\x6d\x65\x6e\x74\x12\x01\x64\x10\x00\x18\x03\x20\x32") -
            1},
       "{\"apiVersion\":\"autoscaling/"
       "v1\",\"kind\":\"HorizontalPodAutoscaler\",\"metadata\":{\"name\":\"d\"},\"spec\":{"
       "\"scaleTargetRef\":{\"kind\":\"Deployment\",\"name\":\"d\"},\"minReplicas\":0,"
       "\"maxReplicas\":3,\"targetCPUUtilizationPercentage\":50}}"},
      {{"\x6b\x38\x73\x00\x0a\x1f\x0a\x14\x6e\x65\x74\x77\x6f\x72\x6b\x69\x6e\x67\x2e\x6b\x38\x73"
        "\x2e\x69\x6f\x2f\x76\x31\x12\x07\x49\x6e\x67\x72\x65\x73\x73\x12\x2a\x0a\x03\x0a\x01\x69"
        "\x12\x23\x1a\x21\x0a\x03\x61\x2e\x62\x12\x1a\x0a\x18\x0a\x16\x0a\x01\x2f\x12\x09\x22\x07"
        "\x0a\x01\x73\x12\x02\x10\x50\x1a\x06\x50\x72\x65\x66\x69\x78",
        sizeof(
            "\x6b\x38\x73\x00\x0a\x1f\x0a\x14\x6e\x65\x74\x77\x6f\x72\x6b\x69\x6e\x67\x2e\x6b\x38"
            "\x73\x2e\x69\x6f\x2f\x76\x31\x12\x07\x49\x6e\x67\x72\x65\x73\x73\x12\x2a\x0a\x03\x0a"
            "\x01\x69\x12\x23\x1a\x21\x0a\x03\x61\x2e\x62\x12\x1a\x0a\x18\x0a\x16\x0a\x01\x2f\x12"
            "\x09\x22\x07\x0a\x01\x73\x12\x02\x10\x50\x1a\x06\x50\x72\x65\x66\x69\x78") -
            1},
       "{\"apiVersion\":\"networking.k8s.io/"
       "v1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":\"i\"},\"spec\":{\"rules\":[{\"host\":\"a."
       "b\",\"http\":{\"paths\":[{\"path\":\"/"
       "\",\"backend\":{\"service\":{\"name\":\"s\",\"port\":{\"number\":80}}},\"pathType\":"
       "\"Prefix\"}]}}]}}"},
      {{"\x6b\x38\x73\x00\x0a\x13\x0a\x02\x76\x31\x12\x0d\x52\x65\x73\x6f\x75\x72\x63\x65\x51\x75"
        "\x6f\x74\x61\x12\x13\x0a\x03\x0a\x01\x71\x12\x0c\x0a\x0a\x0a\x03\x63\x70\x75\x12\x03\x0a"
        "\x01\x31",
        sizeof("\x6b\x38\x73\x00\x0a\x13\x0a\x02\x76\x31\x12\x0d\x52\x65\x73\x6f\x75\x72\x63\x65"
               "\x51\x75\x6f\x74\x61\x12\x13\x0a\x03\x0a\x01\x71\x12\x0c\x0a\x0a\x0a\x03\x63\x70"
               "\x75\x12\x03\x0a\x01\x31") -
            1},
       "{\"apiVersion\":\"v1\",\"kind\":\"ResourceQuota\",\"metadata\":{\"name\":\"q\"},\"spec\":{"
       "\"hard\":{\"cpu\":\"1\"}}}"},
      {{"\x6b\x38\x73\x00\x0a\x15\x0a\x07\x61\x70\x70\x73\x2f\x76\x31\x12\x0a\x44\x65\x70\x6c\x6f"
        "\x79\x6d\x65\x6e\x74\x12\x17\x0a\x03\x0a\x01\x64\x12\x10\x08\x00\x1a\x0c\x12\x0a\x12\x08"
        "\x0a\x01\x63\x12\x03\x69\x6d\x67",
        sizeof("\x6b\x38\x73\x00\x0a\x15\x0a\x07\x61\x70\x70\x73\x2f\x76\x31\x12\x0a\x44\x65\x70"
               "\x6c\x6f\x79\x6d\x65\x6e\x74\x12\x17\x0a\x03\x0a\x01\x64\x12\x10\x08\x00\x1a\x0c"
               "\x12\x0a\x12\x08\x0a\x01\x63\x12\x03\x69\x6d\x67") -
            1},
       "{\"apiVersion\":\"apps/"
       "v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":0,"
       "\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"img\"}]}}}}"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena arena;
    struct json *json;
    arena_init(&arena);
    assert_int_equal(rest_protobuf_decode(cases[i].body, &arena, &json, NULL), 0);
    assert_string_equal(json_text(&arena, json).ptr, cases[i].json);
    arena_dispose(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_config_map_is_read),
      cmocka_unit_test(what_kubectl_creates_is_read),
      cmocka_unit_test(every_cut_is_refused_or_read),
      cmocka_unit_test(unknown_kinds_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
