// SPDX-License-Identifier: Apache-2.0
// Roles: who may do what; and that a component may do on one machine what manifests/install lets it
// do on a cluster.
#include "manifests/text/yaml.h"
#include "operator/standalone/auth_role.h"
#include "manifests/source/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static bool may(const char *role, const char *verb, const char *group, const char *resource,
                const char *subresource) {
  struct auth_access access = {.verbs = auth_verb_of(str_of(verb)),
                               .group = str_of(group),
                               .resource = str_of(resource),
                               .subresource = str_of(subresource)};
  return auth_role_allows(auth_role_find(str_of(role)), &access);
}

static void the_table(void **state) {
  static const struct {
    const char *role, *verb, *group, *resource, *subresource;
    bool allowed;
  } rows[] = {
      {"admin", "delete", "", "secrets", "", true},
      {"admin", "*", "*", "*", "", true},
      {"viewer", "list", "", "pods", "", true},
      {"viewer", "get", "", "pods", "log", true},
      {"viewer", "watch", "made.up.io", "things", "", true},
      {"viewer", "get", "", "secrets", "", false},
      {"viewer", "list", "*", "*", "", false}, // that would be Secrets, too
      {"viewer", "create", "serin.dev", "rolloutactions", "", false},
      {"viewer", "patch", "serin.dev", "rollouts", "", false},
      {"promote", "create", "serin.dev", "rolloutactions", "", true},
      {"promote", "delete", "serin.dev", "rolloutactions", "", false},
      {"promote", "patch", "serin.dev", "rollouts", "", false},
      {"promote", "get", "", "secrets", "", false},
      {"operator", "patch", "serin.dev", "rollouts", "status", true},
      {"operator", "create", "serin.dev", "rollouts", "", false},
      {"operator", "delete", "", "secrets", "", true}, // copies that versions keep
      {"operator", "update", "", "secrets", "", false},
      {"operator", "create", "", "pods", "", false},
      {"operator", "deletecollection", "apps", "deployments", "", false},
      {"proxy", "watch", "networking.istio.io", "virtualservices", "", true},
      {"proxy", "patch", "networking.istio.io", "virtualservices", "", false},
      {"proxy", "patch", "gateway.networking.k8s.io", "gateways", "status", true},
      {"proxy", "get", "", "secrets", "", false},
      {"proxy", "patch", "", "pods", "status", false},
      {"runtime", "create", "", "pods", "", true},
      {"runtime", "create", "apps", "deployments", "", false},
      {"runtime", "patch", "apps", "deployments", "status", true},
      {"runtime", "patch", "networking.istio.io", "virtualservices", "", false},
      {"nobody", "get", "", "pods", "", false},
      {"viewer", "impersonate", "", "users", "", false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    if (may(rows[i].role, rows[i].verb, rows[i].group, rows[i].resource, rows[i].subresource) !=
        rows[i].allowed)
      fail_msg("%s %s %s.%s/%s", rows[i].role, rows[i].verb, rows[i].resource, rows[i].group,
               rows[i].subresource);
  for (size_t i = 0; i < auth_role_count; i++)
    assert_true(str_contains(str_of(auth_role_names()), str_of(auth_roles[i].name)));
}

// Every verb of a ClusterRole's rule must be allowed to the role of the same component.
static size_t check_rule(const char *role, const struct json *rule) {
  size_t checked = 0;
  JSON_EACH(group, json_get(rule, "apiGroups"))
    JSON_EACH(resource, json_get(rule, "resources"))
      JSON_EACH(verb, json_get(rule, "verbs")) {
        struct str name, sub = json_string(resource);
        (void)str_next(&sub, '/', &name);
        struct auth_access access = {.verbs = auth_verb_of(json_string(verb)),
                                     .group = json_string(group),
                                     .resource = name,
                                     .subresource = sub.ptr ? sub : STR("")};
        if (!auth_role_allows(auth_role_find(str_of(role)), &access))
          fail_msg(
              "operator/standalone/auth_role.c: %s may not %.*s %.*s of group \"%.*s\", as the "
              "ClusterRole of manifests/install says",
              role, STR_ARG(json_string(verb)), STR_ARG(json_string(resource)),
              STR_ARG(json_string(group)));
        checked++;
      }
  return checked;
}

static void components_may_what_they_may_on_a_cluster(void **state) {
  static const struct {
    const char *role, *file, *name;
    size_t least;
  } rows[] = {{"operator", "operator/operator.yaml", "serin-operator", 20},
              {"proxy", "proxy/proxy.yaml", "serin-proxy", 20}};
  struct arena arena;
  struct str text;
  (void)state;
  arena_init(&arena);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct str path =
        arena_printf(&arena, "%s/manifests/install/%s", SERIN_SOURCE_DIR, rows[i].file);
    struct yaml_doc *docs = NULL;
    struct findings findings;
    findings_init(&findings, &arena);
    size_t checked = 0;
    assert_int_equal(file_read(path.ptr, 1u << 20, &arena, &text, NULL), 0);
    size_t count = yaml_parse(text, path, &arena, &docs, &findings);
    for (size_t d = 0; d < count; d++) {
      struct str kind = json_get_string(docs[d].root, "kind");
      struct str name = json_path_string(docs[d].root, "metadata.name");
      if ((!str_eq_z(kind, "ClusterRole") && !str_eq_z(kind, "Role")) ||
          !str_starts(name, str_of(rows[i].name)))
        continue;
      JSON_EACH(rule, json_get(docs[d].root, "rules"))
        checked += check_rule(rows[i].role, rule);
    }
    assert_true(checked > rows[i].least);
  }
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_table),
      cmocka_unit_test(components_may_what_they_may_on_a_cluster),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
