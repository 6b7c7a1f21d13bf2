// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/discovery.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/pod.h"
#include "operator/standalone/api_review.h"

#include <string.h>

static const char *const verbs_main[] = {"create", "delete", "deletecollection", "get",
                                         "list",   "patch",  "update",           "watch"};
static const char *const verbs_part[] = {"get", "patch", "update"};
static const char *const verbs_get[] = {"get"};
static const char *const verbs_create[] = {"create"};

size_t discovery_group_versions(const struct api_kinds *set, struct arena *arena,
                                struct discovery_group_version **ret_list) {
  struct discovery_group_version *list = NULL;
  size_t count = 0, capacity = 0;
  size_t kinds = api_kind_count(set);
  for (size_t i = 0; i < kinds + api_review_count; i++) {
    const struct kind_desc *kind = i < kinds ? api_kind_at(set, i) : api_review_kinds[i - kinds];
    for (size_t v = 0; kind->versions[v]; v++) {
      bool known = false;
      for (size_t k = 0; k < count; k++)
        known |= !strcmp(list[k].group, kind->group) && !strcmp(list[k].version, kind->versions[v]);
      if (known)
        continue;
      struct discovery_group_version *slot =
          arena_push(arena, (void **)&list, &count, &capacity, sizeof(*slot));
      *slot = (struct discovery_group_version){kind->group, kind->versions[v]};
    }
  }
  *ret_list = list;
  return count;
}

static struct json *names(struct arena *arena, const char *const *list, size_t count) {
  struct json *array = json_new_array(arena);
  for (size_t i = 0; list && (count ? i < count : list[i] != NULL); i++)
    json_append(array, json_new_z(arena, list[i]));
  return array;
}

static struct json *head(struct arena *arena, const char *kind) {
  struct json *object = json_new_object(arena);
  json_put_z(arena, object, "kind", kind);
  json_put_z(arena, object, "apiVersion", "v1");
  return object;
}

struct json *discovery_api(struct arena *arena) {
  struct json *object = head(arena, "APIVersions");
  json_append(json_need_array(arena, object, "versions"), json_new_z(arena, "v1"));
  json_put(arena, object, "serverAddressByClientCIDRs", json_new_array(arena));
  return object;
}

static struct json *group_version(struct arena *arena, const char *group, const char *version) {
  struct json *object = json_new_object(arena);
  json_put_string(arena, object, "groupVersion", arena_printf(arena, "%s/%s", group, version));
  json_put_z(arena, object, "version", version);
  return object;
}

static struct json *group_object(const struct api_kinds *kinds, struct arena *arena,
                                 struct str group) {
  struct discovery_group_version *list;
  size_t count = discovery_group_versions(kinds, arena, &list);
  struct json *object = NULL;
  for (size_t i = 0; i < count; i++) {
    if (!str_eq_z(group, list[i].group) || group.len == 0)
      continue;
    if (!object) {
      object = json_new_object(arena);
      json_put_string(arena, object, "name", group);
      json_put(arena, object, "versions", json_new_array(arena));
      json_put(arena, object, "preferredVersion",
               group_version(arena, list[i].group, list[i].version));
    }
    json_append(json_get(object, "versions"), group_version(arena, list[i].group, list[i].version));
  }
  return object;
}

struct json *discovery_group(const struct api_kinds *kinds, struct str group, struct arena *arena) {
  struct json *object = group_object(kinds, arena, group);
  if (object) {
    json_put_z(arena, object, "kind", "APIGroup");
    json_put_z(arena, object, "apiVersion", "v1");
  }
  return object;
}

// True at the first entry of each named group.
static bool is_first(const struct discovery_group_version *list, size_t index) {
  for (size_t i = 0; i < index; i++)
    if (!strcmp(list[i].group, list[index].group))
      return false;
  return true;
}

struct json *discovery_apis(const struct api_kinds *kinds, struct arena *arena) {
  struct json *object = head(arena, "APIGroupList"),
              *groups = json_need_array(arena, object, "groups");
  struct discovery_group_version *list;
  size_t count = discovery_group_versions(kinds, arena, &list);
  for (size_t i = 0; i < count; i++)
    if (list[i].group[0] && is_first(list, i))
      json_append(groups, group_object(kinds, arena, str_of(list[i].group)));
  return object;
}

struct part {
  const char *name, *group, *version, *kind;
  const char *const *verbs;
  size_t verb_count;
};

// The subresources of a kind; their kind is the object's own where none is named.
static size_t parts_of(const struct kind_desc *kind, struct part parts[3]) {
  size_t count = 0;
  if (kind->has_status)
    parts[count++] = (struct part){"status", NULL, NULL, NULL, verbs_part, ARRAY_LEN(verbs_part)};
  if (kind->scale_spec)
    parts[count++] =
        (struct part){"scale", "autoscaling", "v1", "Scale", verbs_part, ARRAY_LEN(verbs_part)};
  if (kind == &pod_kind)
    parts[count++] = (struct part){"log", NULL, NULL, NULL, verbs_get, ARRAY_LEN(verbs_get)};
  return count;
}

static struct json *legacy_resource(struct arena *arena, const struct kind_desc *kind,
                                    struct str name, const char *kind_name,
                                    const char *const *verbs, size_t count) {
  struct json *resource = json_new_object(arena);
  json_put_string(arena, resource, "name", name);
  json_put_z(arena, resource, "singularName", "");
  json_put_bool(arena, resource, "namespaced", kind->namespaced);
  json_put_z(arena, resource, "kind", kind_name);
  json_put(arena, resource, "verbs", names(arena, verbs, count));
  return resource;
}

static void add_legacy(struct arena *arena, struct json *list, const struct kind_desc *kind,
                       bool review) {
  struct json *resource = legacy_resource(arena, kind, str_of(kind->plural), kind->kind,
                                          review ? verbs_create : verbs_main,
                                          review ? ARRAY_LEN(verbs_create) : ARRAY_LEN(verbs_main));
  json_put_z(arena, resource, "singularName", kind->singular);
  if (kind->short_names)
    json_put(arena, resource, "shortNames", names(arena, kind->short_names, 0));
  if (kind->categories)
    json_put(arena, resource, "categories", names(arena, kind->categories, 0));
  json_append(list, resource);
  struct part parts[3];
  size_t count = parts_of(kind, parts);
  for (size_t i = 0; i < count; i++) {
    struct str name = arena_printf(arena, "%s/%s", kind->plural, parts[i].name);
    struct json *sub =
        legacy_resource(arena, kind, name, parts[i].kind ? parts[i].kind : kind->kind,
                        parts[i].verbs, parts[i].verb_count);
    if (parts[i].group) {
      json_put_z(arena, sub, "group", parts[i].group);
      json_put_z(arena, sub, "version", parts[i].version);
    }
    json_append(list, sub);
  }
}

static bool is_in(const struct kind_desc *kind, struct str group, struct str version) {
  return str_eq_z(group, kind->group) && kind_has_version(kind, version);
}

struct json *discovery_resources(const struct api_kinds *kinds, struct str group,
                                 struct str version, struct arena *arena) {
  struct json *object = head(arena, "APIResourceList");
  struct str name =
      group.len ? arena_printf(arena, "%.*s/%.*s", STR_ARG(group), STR_ARG(version)) : version;
  json_put_string(arena, object, "groupVersion", name);
  struct json *list = json_need_array(arena, object, "resources");
  for (size_t i = 0; i < api_kind_count(kinds); i++)
    if (is_in(api_kind_at(kinds, i), group, version))
      add_legacy(arena, list, api_kind_at(kinds, i), false);
  for (size_t i = 0; i < api_review_count; i++)
    if (is_in(api_review_kinds[i], group, version))
      add_legacy(arena, list, api_review_kinds[i], true);
  return list->count ? object : NULL;
}

static struct json *response_kind(struct arena *arena, const char *group, const char *version,
                                  const char *kind) {
  struct json *object = json_new_object(arena);
  json_put_z(arena, object, "group", group);
  json_put_z(arena, object, "version", version);
  json_put_z(arena, object, "kind", kind);
  return object;
}

static void add_aggregated(struct arena *arena, struct json *list, const struct kind_desc *kind,
                           const char *version, bool review) {
  struct json *resource = json_new_object(arena);
  json_put_z(arena, resource, "resource", kind->plural);
  json_put(arena, resource, "responseKind", response_kind(arena, kind->group, version, kind->kind));
  json_put_z(arena, resource, "scope", kind->namespaced ? "Namespaced" : "Cluster");
  json_put_z(arena, resource, "singularResource", kind->singular);
  json_put(arena, resource, "verbs",
           names(arena, review ? verbs_create : verbs_main,
                 review ? ARRAY_LEN(verbs_create) : ARRAY_LEN(verbs_main)));
  if (kind->short_names)
    json_put(arena, resource, "shortNames", names(arena, kind->short_names, 0));
  if (kind->categories)
    json_put(arena, resource, "categories", names(arena, kind->categories, 0));
  struct part parts[3];
  size_t count = parts_of(kind, parts);
  for (size_t i = 0; i < count; i++) {
    struct json *sub = json_new_object(arena);
    json_put_z(arena, sub, "subresource", parts[i].name);
    json_put(arena, sub, "responseKind",
             parts[i].kind ? response_kind(arena, parts[i].group, parts[i].version, parts[i].kind)
                           : response_kind(arena, kind->group, version, kind->kind));
    json_put(arena, sub, "verbs", names(arena, parts[i].verbs, parts[i].verb_count));
    json_append(json_need_array(arena, resource, "subresources"), sub);
  }
  json_append(list, resource);
}

static struct json *aggregated_version(const struct api_kinds *kinds, struct arena *arena,
                                       const char *group, const char *version) {
  struct json *object = json_new_object(arena);
  json_put_z(arena, object, "version", version);
  struct json *list = json_need_array(arena, object, "resources");
  for (size_t i = 0; i < api_kind_count(kinds); i++)
    if (is_in(api_kind_at(kinds, i), str_of(group), str_of(version)))
      add_aggregated(arena, list, api_kind_at(kinds, i), version, false);
  for (size_t i = 0; i < api_review_count; i++)
    if (is_in(api_review_kinds[i], str_of(group), str_of(version)))
      add_aggregated(arena, list, api_review_kinds[i], version, true);
  json_put_z(arena, object, "freshness", "Current");
  return object;
}

struct json *discovery_aggregated(const struct api_kinds *kinds, bool core, const char *version,
                                  struct arena *arena) {
  struct json *object = json_new_object(arena), *items = json_new_array(arena);
  json_put_z(arena, object, "kind", "APIGroupDiscoveryList");
  json_put_string(arena, object, "apiVersion",
                  arena_printf(arena, "apidiscovery.k8s.io/%s", version));
  json_put(arena, object, "metadata", json_new_object(arena));
  json_put(arena, object, "items", items);
  struct discovery_group_version *list;
  size_t count = discovery_group_versions(kinds, arena, &list);
  for (size_t i = 0; i < count; i++) {
    if (core != (list[i].group[0] == '\0') || !is_first(list, i))
      continue;
    struct json *group = json_new_object(arena), *meta = json_need_object(arena, group, "metadata");
    if (!core)
      json_put_z(arena, meta, "name", list[i].group);
    json_put(arena, meta, "creationTimestamp", json_new_null(arena));
    struct json *versions = json_need_array(arena, group, "versions");
    for (size_t v = i; v < count; v++)
      if (!strcmp(list[v].group, list[i].group))
        json_append(versions, aggregated_version(kinds, arena, list[v].group, list[v].version));
    json_append(items, group);
  }
  return object;
}
