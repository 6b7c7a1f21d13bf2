// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/rest_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void paths_are_taken_apart(void **state) {
  (void)state;
  static const struct {
    const char *url;
    enum rest_place place;
    const char *group, *version, *ns, *resource, *name, *sub;
  } cases[] = {
      {"/livez", REST_LIVEZ, "", "", "", "", "", ""},
      {"/readyz/ping", REST_LIVEZ, "", "", "", "", "", ""},
      {"/version", REST_VERSION, "", "", "", "", "", ""},
      {"/api", REST_API, "", "", "", "", "", ""},
      {"/apis", REST_APIS, "", "", "", "", "", ""},
      {"/apis/apps", REST_GROUP, "apps", "", "", "", "", ""},
      {"/api/v1", REST_GROUP_VERSION, "", "v1", "", "", "", ""},
      {"/apis/apps/v1/", REST_GROUP_VERSION, "apps", "v1", "", "", "", ""},
      {"/openapi/v2", REST_OPENAPI_V2, "", "", "", "", "", ""},
      {"/openapi/v3", REST_OPENAPI_V3, "", "", "", "", "", ""},
      {"/openapi/v3/api/v1", REST_OPENAPI_V3_DOC, "", "v1", "", "", "", ""},
      {"/openapi/v3/apis/apps/v1?hash=x", REST_OPENAPI_V3_DOC, "apps", "v1", "", "", "", ""},
      {"/api/v1/namespaces", REST_RESOURCE, "", "v1", "", "namespaces", "", ""},
      {"/api/v1/namespaces/x", REST_RESOURCE, "", "v1", "", "namespaces", "x", ""},
      {"/api/v1/namespaces/x/status", REST_RESOURCE, "", "v1", "", "namespaces", "x", "status"},
      {"/api/v1/namespaces/x/pods", REST_RESOURCE, "", "v1", "x", "pods", "", ""},
      {"/api/v1/namespaces/x/pods/p/log", REST_RESOURCE, "", "v1", "x", "pods", "p", "log"},
      {"/api/v1/pods", REST_RESOURCE, "", "v1", "", "pods", "", ""},
      {"/apis/apps/v1/namespaces/x/deployments/d/scale", REST_RESOURCE, "apps", "v1", "x",
       "deployments", "d", "scale"},
      {"/apis/apps/v1/namespaces/x/deployments/a%2Fb", REST_RESOURCE, "apps", "v1", "x",
       "deployments", "a/b", ""},
      {"/api/v1/namespaces/x/pods/p/log/more", REST_UNKNOWN, "", "v1", "x", "", "", ""},
      {"/", REST_UNKNOWN, "", "", "", "", "", ""},
      {"/metrics", REST_UNKNOWN, "", "", "", "", "", ""},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena arena;
    struct rest_path path;
    arena_init(&arena);
    assert_int_equal(rest_path_parse(str_of(cases[i].url), &arena, &path, NULL), 0);
    if (path.place != cases[i].place || !str_eq_z(path.group, cases[i].group) ||
        !str_eq_z(path.version, cases[i].version) || !str_eq_z(path.ns, cases[i].ns) ||
        !str_eq_z(path.resource, cases[i].resource) || !str_eq_z(path.name, cases[i].name) ||
        !str_eq_z(path.subresource, cases[i].sub))
      fail_msg("%s", cases[i].url);
    arena_dispose(&arena);
  }
}

static void queries_are_read(void **state) {
  (void)state;
  struct arena arena;
  struct rest_path path;
  arena_init(&arena);
  assert_int_equal(
      rest_path_parse(STR("/api/v1/pods?watch=true&labelSelector=app+in+%28a%2Cb%29&limit=5&"
                          "allowWatchBookmarks=1&force=false&unknown=x"),
                      &arena, &path, NULL),
      0);
  assert_true(path.query.watch);
  assert_true(path.query.allow_bookmarks);
  assert_true(path.query.has_force);
  assert_false(path.query.force);
  assert_true(str_eq_z(path.query.label_selector, "app in (a,b)"));
  assert_int_equal(path.query.limit, 5);
  assert_int_equal(path.query.grace_seconds, -1);
  arena_dispose(&arena);
}

static void bad_urls_are_refused(void **state) {
  (void)state;
  static const char *const cases[] = {"/api/v1/%",         "/api/v1/%zz",
                                      "/api/v1/a%00b",     "/api/v1/pods?limit=x",
                                      "/api/v1/pods?a=%2", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n"};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena arena;
    struct rest_path path;
    arena_init(&arena);
    if (rest_path_parse(str_of(cases[i]), &arena, &path, NULL) != RC_PARSE)
      fail_msg("accepted: %s", cases[i]);
    arena_dispose(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(paths_are_taken_apart),
      cmocka_unit_test(queries_are_read),
      cmocka_unit_test(bad_urls_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
