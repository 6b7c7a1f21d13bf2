// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_review.h"
#include "manifests/base/bug.h"
#include "operator/standalone/auth_role.h"

static const char *const access_versions[] = {"v1", NULL};
static const char *const self_versions[] = {"v1", "v1beta1", NULL};

// Free-form: nothing is stored, so nothing needs pruning.
static const struct schema review_schema = {.name = "Review", .open = true};

static const struct kind_desc access_kind = {
    .group = "authorization.k8s.io",
    .versions = access_versions,
    .kind = "SelfSubjectAccessReview",
    .plural = "selfsubjectaccessreviews",
    .singular = "selfsubjectaccessreview",
    .builtin = true,
    .schema = &review_schema,
};

static const struct kind_desc rules_kind = {
    .group = "authorization.k8s.io",
    .versions = access_versions,
    .kind = "SelfSubjectRulesReview",
    .plural = "selfsubjectrulesreviews",
    .singular = "selfsubjectrulesreview",
    .builtin = true,
    .schema = &review_schema,
};

static const struct kind_desc self_kind = {
    .group = "authentication.k8s.io",
    .versions = self_versions,
    .kind = "SelfSubjectReview",
    .plural = "selfsubjectreviews",
    .singular = "selfsubjectreview",
    .builtin = true,
    .schema = &review_schema,
};

const struct kind_desc *const api_review_kinds[] = {&access_kind, &rules_kind, &self_kind};
const size_t api_review_count = ARRAY_LEN(api_review_kinds);

const struct kind_desc *api_review_find(struct str group, struct str version, struct str plural) {
  for (size_t i = 0; i < api_review_count; i++) {
    const struct kind_desc *kind = api_review_kinds[i];
    if (str_eq_z(group, kind->group) && str_eq_z(plural, kind->plural) &&
        kind_has_version(kind, version))
      return kind;
  }
  return NULL;
}

static void add_names(struct arena *arena, struct json *rule, const char *member,
                      const char *const *names, size_t count) {
  struct json *list = json_need_array(arena, rule, member);
  for (size_t i = 0; i < count; i++)
    json_append(list, json_new_z(arena, names[i]));
}

static struct json *add_rule(struct arena *arena, struct json *list, unsigned verbs,
                             const char *group) {
  struct json *rule = json_new_object(arena), *names = json_need_array(arena, rule, "verbs");
  if (verbs == AUTH_ALL)
    json_append(names, json_new_z(arena, "*"));
  for (unsigned bit = 1; verbs != AUTH_ALL && bit < AUTH_ALL; bit <<= 1)
    if (verbs & bit)
      json_append(names, json_new_z(arena, auth_verb_name(bit)));
  add_names(arena, rule, "apiGroups", &group, 1);
  (void)json_need_array(arena, rule, "resources");
  json_append(list, rule);
  return json_get(rule, "resources");
}

// All that this server has but one resource: RBAC's rules cannot leave out, so all are named.
static void add_all_but(struct arena *arena, const struct api_kinds *kinds, struct json *list,
                        const struct auth_rule *from) {
  for (size_t i = 0; i < api_kind_count(kinds); i++) {
    const char *group = api_kind_at(kinds, i)->group;
    bool first = true;
    for (size_t before = 0; before < i && first; before++)
      first = !str_eq_z(str_of(group), api_kind_at(kinds, before)->group);
    struct json *names = first ? add_rule(arena, list, from->verbs, group) : NULL;
    for (size_t k = i; names && k < api_kind_count(kinds); k++) {
      const struct kind_desc *kind = api_kind_at(kinds, k);
      if (str_eq_z(str_of(group), kind->group) && !str_eq_z(str_of(from->but), kind->plural))
        json_append(names, json_new_z(arena, kind->plural));
    }
  }
}

static void fill_rules(struct arena *arena, const struct api_kinds *kinds,
                       const struct auth_role *role, struct json *status) {
  static const char *const all_paths[] = {"*"};
  static const char *const open_paths[] = {"/api",   "/api/*",     "/apis",   "/apis/*", "/healthz",
                                           "/livez", "/openapi/*", "/readyz", "/version"};
  static const char *const get[] = {"get"};
  bool all = role && role->all;
  struct json *list = json_need_array(arena, status, "resourceRules");
  if (all)
    json_append(add_rule(arena, list, AUTH_ALL, "*"), json_new_z(arena, "*"));
  for (size_t i = 0; role && i < role->rule_count; i++) {
    const struct auth_rule *rule = &role->rules[i];
    if (rule->but)
      add_all_but(arena, kinds, list, rule);
    else
      json_append(add_rule(arena, list, rule->verbs, rule->group),
                  json_new_z(arena, rule->resource));
  }
  for (size_t i = 0; !all && i < api_review_count; i++)
    json_append(add_rule(arena, list, AUTH_CREATE, api_review_kinds[i]->group),
                json_new_z(arena, api_review_kinds[i]->plural));
  struct json *paths = json_new_object(arena);
  add_names(arena, paths, "verbs", all ? all_paths : get, 1);
  add_names(arena, paths, "nonResourceURLs", all ? all_paths : open_paths,
            all ? 1 : ARRAY_LEN(open_paths));
  json_append(json_need_array(arena, status, "nonResourceRules"), paths);
  json_put_bool(arena, status, "incomplete", false);
}

static bool may_path(const struct auth_role *role, const struct json *asked) {
  static const char *const open_paths[] = {"/api",     "/healthz", "/livez",
                                           "/openapi", "/readyz",  "/version"};
  struct str path = json_get_string(asked, "path");
  if (role && role->all)
    return true;
  bool open = false;
  for (size_t i = 0; i < ARRAY_LEN(open_paths) && !open; i++)
    open = str_starts(path, str_of(open_paths[i]));
  return open && str_eq_z(json_get_string(asked, "verb"), "get");
}

static bool may_resource(const struct api_user *user, const struct json *asked) {
  struct str ns = json_get_string(asked, "namespace"), verb = json_get_string(asked, "verb");
  struct auth_access access = {.verbs = auth_verb_of(verb),
                               .group = json_get_string(asked, "group"),
                               .resource = json_get_string(asked, "resource"),
                               .subresource = json_get_string(asked, "subresource")};
  if (user->ns.len && !str_eq(ns, user->ns))
    return false;
  // Whoever may do everything may also do what this server does not know.
  return (user->role && user->role->all) || auth_role_allows(user->role, &access);
}

static void fill_access(struct api_call *call, const struct json *body, struct json *status) {
  const struct json *resource = json_path(body, "spec.resourceAttributes");
  const struct json *path = json_path(body, "spec.nonResourceAttributes");
  const struct auth_role *role = call->user->role;
  bool allowed = resource ? may_resource(call->user, resource) : path && may_path(role, path);
  json_put_bool(call->arena, status, "allowed", allowed);
  if (allowed && role) // kubectl would print the reason of a refusal
    json_put_string(call->arena, status, "reason",
                    arena_printf(call->arena, "the token's role is %s", role->name));
}

struct json *api_review_answer(struct api_call *call, const struct api_kinds *kinds,
                               const struct kind_desc *kind, struct str version,
                               const struct json *body) {
  struct arena *arena = call->arena;
  struct json *answer = json_is(body, JSON_OBJECT) ? json_dup(arena, body) : json_new_object(arena);
  json_put_string(arena, answer, "apiVersion", kind_api_version(kind, version, arena));
  json_put_z(arena, answer, "kind", kind->kind);
  struct json *status = json_new_object(arena);
  json_put(arena, answer, "status", status);
  if (kind == &access_kind) {
    fill_access(call, body, status);
    return answer;
  }
  if (kind == &rules_kind) {
    fill_rules(arena, kinds, call->user->role, status);
    return answer;
  }
  struct json *info = json_need_object(arena, status, "userInfo");
  json_put_string(arena, info, "username", call->user->name);
  struct json *groups = json_need_array(arena, info, "groups");
  for (size_t i = 0; i < call->user->group_count; i++)
    json_append(groups, json_new_string(arena, call->user->groups[i]));
  return answer;
}
