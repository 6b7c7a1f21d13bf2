// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/kept_object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct kube_resource routes = {.group = "gateway.networking.k8s.io",
                                            .version = "v1",
                                            .plural = "httproutes",
                                            .kind = "HTTPRoute"};
static const struct kube_resource pods = {
    .group = "", .version = "v1", .plural = "pods", .kind = "Pod"};

static struct arena arena;

static int end(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

static void becomes(const struct kube_resource *resource, const char *own, const char *text,
                    const char *wanted) {
  struct json *json = NULL;
  assert_int_equal(json_parse(str_of(text), &arena, &json, NULL), RC_OK);
  kept_object_prepare(json, resource, own, &arena);
  assert_string_equal(json_text(&arena, json).ptr, wanted);
}

static void what_a_list_leaves_out_comes(void **state) {
  (void)state;
  becomes(&routes, NULL, "{\"metadata\":{\"name\":\"a\"}}",
          "{\"metadata\":{\"name\":\"a\"},\"apiVersion\":\"gateway.networking.k8s.io/v1\","
          "\"kind\":\"HTTPRoute\"}");
  becomes(&pods, NULL, "{}", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}");
  becomes(&pods, NULL, "{\"apiVersion\":\"v2\",\"kind\":\"Other\"}",
          "{\"apiVersion\":\"v2\",\"kind\":\"Other\"}");
}

static void managed_fields_go(void **state) {
  (void)state;
  becomes(&pods, NULL, "{\"kind\":\"Pod\",\"metadata\":{\"managedFields\":[{}],\"name\":\"a\"}}",
          "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}");
}

#define BY(manager, time) "{\"manager\":\"" manager "\",\"time\":\"2026-01-01T00:00:" time "Z\"}"
#define WRITTEN(entries) "{\"kind\":\"Pod\",\"metadata\":{\"managedFields\":[" entries "]}}"
#define LAST(manager) "{\"kind\":\"Pod\",\"metadata\":{\"lastWriter\":\"" manager "\"}}"

static void the_newest_foreign_writer_is_named(void **state) {
  (void)state;
  becomes(&pods, "us", WRITTEN(BY("us", "01") "," BY("helm", "03") "," BY("argo", "02")),
          LAST("helm"));
  becomes(&pods, "us", WRITTEN(BY("us", "03") "," BY("helm", "02")), LAST(""));
  becomes(&pods, "us", WRITTEN(BY("us", "02") "," BY("helm", "02")),
          LAST("helm")); // the same second
  becomes(&pods, "us", WRITTEN(BY("us", "02") ",{\"manager\":\"odd\",\"time\":\"soon\"}"),
          LAST(""));
  becomes(&pods, "us", "{\"kind\":\"Pod\",\"metadata\":{}}", LAST(""));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(what_a_list_leaves_out_comes, end),
      cmocka_unit_test_teardown(managed_fields_go, end),
      cmocka_unit_test_teardown(the_newest_foreign_writer_is_named, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
