// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_review.h"
#include "manifests/base/bug.h"

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

static void all(struct arena *arena, struct json *rule, const char *member) {
  json_append(json_need_array(arena, rule, member), json_new_z(arena, "*"));
}

// One rule for resources and one for paths, both without limits.
static void fill_rules(struct arena *arena, struct json *status) {
  struct json *resources = json_new_object(arena), *paths = json_new_object(arena);
  all(arena, resources, "verbs");
  all(arena, resources, "apiGroups");
  all(arena, resources, "resources");
  all(arena, paths, "verbs");
  all(arena, paths, "nonResourceURLs");
  json_append(json_need_array(arena, status, "resourceRules"), resources);
  json_append(json_need_array(arena, status, "nonResourceRules"), paths);
  json_put_bool(arena, status, "incomplete", false);
}

struct json *api_review_answer(struct api_call *call, const struct kind_desc *kind,
                               struct str version, const struct json *body) {
  struct arena *arena = call->arena;
  struct json *answer = json_is(body, JSON_OBJECT) ? json_dup(arena, body) : json_new_object(arena);
  json_put_string(arena, answer, "apiVersion", kind_api_version(kind, version, arena));
  json_put_z(arena, answer, "kind", kind->kind);
  struct json *status = json_new_object(arena);
  json_put(arena, answer, "status", status);
  if (kind == &access_kind) { // whoever has the token may do everything
    json_put_bool(arena, status, "allowed", true);
    json_put_z(arena, status, "reason", "the token of this server gives all rights");
    return answer;
  }
  if (kind == &rules_kind) {
    fill_rules(arena, status);
    return answer;
  }
  struct json *info = json_need_object(arena, status, "userInfo");
  json_put_string(arena, info, "username", call->user->name);
  struct json *groups = json_need_array(arena, info, "groups");
  for (size_t i = 0; i < call->user->group_count; i++)
    json_append(groups, json_new_string(arena, call->user->groups[i]));
  return answer;
}
