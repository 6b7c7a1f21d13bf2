// SPDX-License-Identifier: Apache-2.0
// value_rules.h for roles and their bindings.
#include "operator/standalone/value_rules.h"
#include "manifests/kinds/idle.h"

#define RBAC "rbac.authorization.k8s.io"

static void check_rule(struct value_check *check, const struct json *rule, struct str path) {
  bool urls = !value_is_empty(json_get(rule, "nonResourceURLs"));
  bool resources = !value_is_empty(json_get(rule, "resources"));
  bool groups = !value_is_empty(json_get(rule, "apiGroups"));
  bool namespaced = json_path_string(check->object, "metadata.namespace").len > 0;
  static const struct value_rule verbs[] = {
      REQUIRED("verbs", .words = "verbs must contain at least one value"), RULES_END};
  static const struct value_rule needed[] = {
      REQUIRED("apiGroups", .words = "resource rules must supply at least one api group"),
      REQUIRED("resources", .words = "resource rules must supply at least one resource"),
      RULES_END};
  value_run(check, verbs, rule, NULL, path);
  if (urls && namespaced)
    value_invalid(check, path, "nonResourceURLs", json_get(rule, "nonResourceURLs"),
                  "namespaced rules cannot apply to non-resource URLs");
  if (urls && (resources || groups))
    value_invalid(check, path, "nonResourceURLs", json_get(rule, "nonResourceURLs"),
                  "rules cannot apply to both regular resources and non-resource URLs");
  else if (!urls)
    value_run(check, needed, rule, NULL, path);
}

static const struct value_rule role_rules[] = {CHECKED("rules[]", check_rule), RULES_END};
static const struct value_rule cluster_role_rules[] = {
    CHECKED("rules[]", check_rule),
    REQUIRED("aggregationRule?.clusterRoleSelectors",
             .words = "at least one clusterRoleSelector required if aggregationRule is non-nil"),
    RULES_END,
};

static void check_subject(struct value_check *check, const struct json *subject, struct str path) {
  struct str kind = json_get_string(subject, "kind"), group = json_get_string(subject, "apiGroup");
  bool account = str_eq_z(kind, "ServiceAccount");
  bool known = account || str_eq_z(kind, "User") || str_eq_z(kind, "Group");
  static const struct value_rule names[] = {REQUIRED("name"), RULES_END};
  value_run(check, names, subject, NULL, path);
  if (!known)
    value_fault(check, path, "kind", VALUE_CHOICE_ID,
                "Unsupported value: \"%.*s\": supported values: \"ServiceAccount\", \"User\", "
                "\"Group\"",
                STR_ARG(kind));
  else if (group.len && !str_eq_z(group, account ? "" : RBAC))
    value_fault(check, path, "apiGroup", VALUE_CHOICE_ID,
                "Unsupported value: \"%.*s\": supported values: \"%s\"", STR_ARG(group),
                account ? "" : RBAC);
  if (account && !json_path_string(check->object, "metadata.namespace").len &&
      !json_get_string(subject, "namespace").len)
    value_fault(check, path, "namespace", VALUE_REQUIRED_ID, "Required value");
}

// `roles`: the kinds it may name.
static void check_ref(struct value_check *check, const struct json *ref, struct str path,
                      const char *roles) {
  struct str kind = json_get_string(ref, "kind");
  const struct value_rule rules[] = {
      ONE_OF("apiGroup", RBAC),
      ONE_OF("kind", roles),
      REQUIRED("name"),
      RULES_END,
  };
  value_run(check, rules, ref, NULL, path);
  if (!kind.len)
    value_fault(check, path, "kind", VALUE_CHOICE_ID,
                "Unsupported value: \"\": supported values: %s", roles);
  const struct json *old = json_get(check->old, "roleRef");
  if (check->old && !(ref && old && json_equal(ref, old)))
    value_invalid(check, path, NULL, ref, "cannot change roleRef");
}
static void check_role_ref(struct value_check *check, const struct json *ref, struct str path) {
  check_ref(check, ref, path, "Role,ClusterRole");
}
static void check_cluster_ref(struct value_check *check, const struct json *ref, struct str path) {
  check_ref(check, ref, path, "ClusterRole");
}

static const struct value_rule binding_rules[] = {CHECKED("roleRef", check_role_ref),
                                                  CHECKED("subjects[]", check_subject), RULES_END};
static const struct value_rule cluster_binding_rules[] = {
    CHECKED("roleRef", check_cluster_ref), CHECKED("subjects[]", check_subject), RULES_END};

const struct value_kind value_access_kinds[] = {{&role_kind, role_rules},
                                                {&cluster_role_kind, cluster_role_rules},
                                                {&role_binding_kind, binding_rules},
                                                {&cluster_role_binding_kind, cluster_binding_rules},
                                                {NULL, NULL}};
