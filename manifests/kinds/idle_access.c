// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/idle.h"
#include "manifests/kinds/object_meta.h"

#define META(T) F_OBJECT(T, metadata, "metadata", &object_meta_schema)

static const char *const v1[] = {"v1", NULL};

// --- ServiceAccount

struct local_reference {
  struct str name;
};
struct service_account {
  struct object_meta metadata;
  struct object_reference *secrets;
  size_t secrets_count;
  struct local_reference *pull_secrets;
  size_t pull_secrets_count;
  bool has_automount;
  bool automount;
};
static const struct field local_reference_fields[] = {
    F_STRING(struct local_reference, name, "name", .doc = "Its name."),
};
static const struct schema local_reference_schema =
    SCHEMA("LocalObjectReference", struct local_reference, local_reference_fields);
static const struct field account_fields[] = {
    META(struct service_account),
    F_LIST(struct service_account, secrets, "secrets", &object_reference_schema,
           .merge_key = "name", .doc = "Secrets its Pods may use."),
    F_LIST(struct service_account, pull_secrets, "imagePullSecrets", &local_reference_schema,
           .doc = "Secrets for registries."),
    F_BOOL_OPT(struct service_account, automount, "automountServiceAccountToken",
               .doc = "Pods get its token."),
};
static const struct schema account_schema =
    SCHEMA("ServiceAccount", struct service_account, account_fields);

const struct kind_desc service_account_kind = {
    .group = "",
    .versions = v1,
    .kind = "ServiceAccount",
    .plural = "serviceaccounts",
    .singular = "serviceaccount",
    .short_names = (const char *const[]){"sa", NULL},
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .schema = &account_schema,
    .doc = "Whom processes are to the API.",
};

// --- Role, ClusterRole

struct policy_rule {
  struct str *verbs, *groups, *resources, *names, *urls;
  size_t verbs_count, groups_count, resources_count, names_count, urls_count;
};
static const struct field rule_fields[] = {
    F_STRINGS(struct policy_rule, verbs, "verbs", .required = true, .doc = "What may be done."),
    F_STRINGS(struct policy_rule, groups, "apiGroups", .doc = "To kinds of these groups."),
    F_STRINGS(struct policy_rule, resources, "resources", .doc = "To these kinds."),
    F_STRINGS(struct policy_rule, names, "resourceNames", .doc = "To these objects only."),
    F_STRINGS(struct policy_rule, urls, "nonResourceURLs", .doc = "To these paths."),
};
static const struct schema rule_schema = SCHEMA("PolicyRule", struct policy_rule, rule_fields);

struct role {
  struct object_meta metadata;
  struct policy_rule *rules;
  size_t rules_count;
  const struct json *aggregation;
};
static const struct field role_fields[] = {
    META(struct role),
    F_LIST(struct role, rules, "rules", &rule_schema, .doc = "What may be done."),
};
static const struct schema role_schema = SCHEMA("Role", struct role, role_fields);
static const struct field cluster_role_fields[] = {
    META(struct role),
    F_LIST(struct role, rules, "rules", &rule_schema, .doc = "What may be done."),
    F_JSON(struct role, aggregation, "aggregationRule", .doc = "Roles whose rules it takes over."),
};
static const struct schema cluster_role_schema =
    SCHEMA("ClusterRole", struct role, cluster_role_fields);

const struct kind_desc role_kind = {
    .group = "rbac.authorization.k8s.io",
    .versions = v1,
    .kind = "Role",
    .plural = "roles",
    .singular = "role",
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .schema = &role_schema,
    .doc = "Rights within a namespace.",
};
const struct kind_desc cluster_role_kind = {
    .group = "rbac.authorization.k8s.io",
    .versions = v1,
    .kind = "ClusterRole",
    .plural = "clusterroles",
    .singular = "clusterrole",
    .builtin = true,
    .idle = true,
    .schema = &cluster_role_schema,
    .doc = "Rights in all namespaces.",
};

// --- RoleBinding, ClusterRoleBinding

struct subject {
  struct str kind, api_group, name, namespace_;
};
struct role_reference {
  struct str api_group, kind, name;
};
struct binding {
  struct object_meta metadata;
  struct subject *subjects;
  size_t subjects_count;
  struct role_reference role;
};
static const struct field subject_fields[] = {
    F_STRING(struct subject, kind, "kind", .required = true, .doc = "User, Group, ServiceAccount."),
    F_STRING(struct subject, api_group, "apiGroup", .doc = "Its group."),
    F_STRING(struct subject, name, "name", .required = true, .doc = "Its name."),
    F_STRING(struct subject, namespace_, "namespace", .doc = "Of a ServiceAccount."),
};
static const struct schema subject_schema = SCHEMA("Subject", struct subject, subject_fields);
static const struct field role_reference_fields[] = {
    F_STRING(struct role_reference, api_group, "apiGroup", .doc = "Its group."),
    F_STRING(struct role_reference, kind, "kind", .required = true, .doc = "Role or ClusterRole."),
    F_STRING(struct role_reference, name, "name", .required = true, .doc = "Its name."),
};
static const struct schema role_reference_schema =
    SCHEMA("RoleRef", struct role_reference, role_reference_fields);
static const struct field binding_fields[] = {
    META(struct binding),
    F_LIST(struct binding, subjects, "subjects", &subject_schema, .doc = "Who gets the rights."),
    F_OBJECT(struct binding, role, "roleRef", &role_reference_schema, .required = true,
             .doc = "The rights."),
};
static const struct schema role_binding_schema =
    SCHEMA("RoleBinding", struct binding, binding_fields);
static const struct schema cluster_role_binding_schema =
    SCHEMA("ClusterRoleBinding", struct binding, binding_fields);

const struct kind_desc role_binding_kind = {
    .group = "rbac.authorization.k8s.io",
    .versions = v1,
    .kind = "RoleBinding",
    .plural = "rolebindings",
    .singular = "rolebinding",
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .schema = &role_binding_schema,
    .doc = "Gives a Role to somebody.",
};
const struct kind_desc cluster_role_binding_kind = {
    .group = "rbac.authorization.k8s.io",
    .versions = v1,
    .kind = "ClusterRoleBinding",
    .plural = "clusterrolebindings",
    .singular = "clusterrolebinding",
    .builtin = true,
    .idle = true,
    .schema = &cluster_role_binding_schema,
    .doc = "Gives a ClusterRole to somebody.",
};
