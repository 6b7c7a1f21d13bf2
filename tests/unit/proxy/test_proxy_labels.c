// SPDX-License-Identifier: Apache-2.0
// What the proxy says of itself in the metrics.
#include "proxy/proxy_labels.h"

#include "manifests/base/bug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void equal(struct str got, const char *expected) {
  assert_true(str_eq_z(got, expected));
}

static void labels_name_the_source(void **state) {
  static const struct str full[] = {STR("version=v3"), STR("app=front"),
                                    STR("app.kubernetes.io/name=shop"),
                                    STR("service.istio.io/canonical-revision=r=1")};
  const struct table_label *labels;
  struct arena arena = {0};
  (void)state;
  assert_int_equal(proxy_labels_parse(&arena, full, ARRAY_LEN(full), &labels, NULL), 0);
  struct stats_source source = proxy_labels_source(STR("w"), STR("n"), labels, ARRAY_LEN(full));
  equal(source.canonical_service, "shop");
  equal(source.canonical_revision, "r=1");
  equal(source.app, "front");
  equal(source.version, "v3");
  source = proxy_labels_source(STR("w"), STR("n"), labels, 2);
  equal(source.canonical_service, "front");
  equal(source.canonical_revision, "v3");
  source = proxy_labels_source(STR("w"), STR("n"), NULL, 0);
  assert_int_equal(source.app.len + source.canonical_service.len,
                   0); // unknown, the workload's name
  equal(source.workload, "w");
  arena_dispose(&arena);
}

static void what_is_no_label_is_refused(void **state) {
  static const struct str bad[] = {STR("app"), STR("=x"), STR("")};
  const struct table_label *labels;
  struct arena arena = {0};
  struct err err;
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(bad); i++)
    assert_int_equal(proxy_labels_parse(&arena, &bad[i], 1, &labels, &err), RC_USAGE);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(labels_name_the_source),
      cmocka_unit_test(what_is_no_label_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
