// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/openapi_serve.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/object_meta.h"
#include "manifests/schema/openapi.h"
#include "operator/standalone/discovery.h"

// kubectl keeps documents on disk by this hash.
static struct str hash_of(const struct api_kinds *kinds, const char *group, const char *version,
                          struct arena *arena) {
  struct arena own;
  arena_init(&own);
  struct json *document = openapi_serve_document(kinds, str_of(group), str_of(version), &own);
  uint64_t hash = str_hash(document ? json_text(&own, document) : STR(""));
  arena_dispose(&own);
  return arena_printf(arena, "%016llX", (unsigned long long)hash);
}

struct json *openapi_serve_index(const struct api_kinds *kinds, struct arena *arena) {
  struct json *index = json_new_object(arena), *paths = json_need_object(arena, index, "paths");
  struct discovery_group_version *list;
  size_t count = discovery_group_versions(kinds, arena, &list);
  for (size_t i = 0; i < count; i++) {
    struct str name = list[i].group[0]
                          ? arena_printf(arena, "apis/%s/%s", list[i].group, list[i].version)
                          : arena_printf(arena, "api/%s", list[i].version);
    struct str hash = hash_of(kinds, list[i].group, list[i].version, arena);
    struct json *entry = json_new_object(arena);
    json_put_string(
        arena, entry, "serverRelativeURL",
        arena_printf(arena, "/openapi/v3/%.*s?hash=%.*s", STR_ARG(name), STR_ARG(hash)));
    json_set(arena, paths, name, entry);
  }
  return index;
}

static struct json *gvk(struct arena *arena, const struct kind_desc *kind, struct str version) {
  struct json *object = json_new_object(arena);
  json_put_z(arena, object, "group", kind->group);
  json_put_z(arena, object, "kind", kind->kind);
  json_put_string(arena, object, "version", version);
  return object;
}

static struct json *parameters(struct arena *arena, bool patch) {
  static const char *const names[] = {"dryRun", "fieldManager", "fieldValidation", "force"};
  struct json *list = json_new_array(arena);
  for (size_t i = 0; i < (patch ? 4u : 3u); i++) {
    struct json *parameter = json_new_object(arena), *schema = json_new_object(arena);
    json_put_z(arena, parameter, "name", names[i]);
    json_put_z(arena, parameter, "in", "query");
    json_put_z(arena, schema, "type", i == 3 ? "boolean" : "string");
    json_put_bool(arena, schema, "uniqueItems", true);
    json_put(arena, parameter, "schema", schema);
    json_append(list, parameter);
  }
  return list;
}

static struct json *operation(struct arena *arena, const struct kind_desc *kind, struct str version,
                              const char *action, struct str component) {
  struct json *op = json_new_object(arena), *schema = json_new_object(arena);
  json_put_z(arena, op, "x-kubernetes-action", action);
  json_put(arena, op, "x-kubernetes-group-version-kind", gvk(arena, kind, version));
  bool writes = str_eq_z(str_of(action), "post") || str_eq_z(str_of(action), "patch");
  if (writes)
    json_put(arena, op, "parameters", parameters(arena, action[1] == 'a'));
  json_put_string(arena, schema, "$ref",
                  arena_printf(arena, "#/components/schemas/%.*s", STR_ARG(component)));
  struct json *responses = json_need_object(arena, op, "responses");
  struct json *ok = json_need_object(arena, responses, "200");
  json_put_z(arena, ok, "description", "OK");
  struct json *content = json_need_object(arena, ok, "content");
  json_put(arena, json_need_object(arena, content, "application/json"), "schema", schema);
  return op;
}

static void add_paths(struct json *paths, const struct kind_desc *kind, struct str version,
                      struct str component, struct arena *arena) {
  const char *ns = kind->namespaced ? "/namespaces/{namespace}" : "";
  struct str base = kind->group[0]
                        ? arena_printf(arena, "/apis/%s/%.*s%s/%s", kind->group, STR_ARG(version),
                                       ns, kind->plural)
                        : arena_printf(arena, "/api/%.*s%s/%s", STR_ARG(version), ns, kind->plural);
  struct json *collection = json_new_object(arena), *single = json_new_object(arena);
  json_put(arena, collection, "get", operation(arena, kind, version, "list", component));
  json_put(arena, collection, "post", operation(arena, kind, version, "post", component));
  json_put(arena, single, "get", operation(arena, kind, version, "get", component));
  json_put(arena, single, "patch", operation(arena, kind, version, "patch", component));
  json_set(arena, paths, base, collection);
  json_set(arena, paths, arena_printf(arena, "%.*s/{name}", STR_ARG(base)), single);
}

struct json *openapi_serve_document(const struct api_kinds *kinds, struct str group,
                                    struct str version, struct arena *arena) {
  struct json *document = json_new_object(arena);
  json_put_z(arena, document, "openapi", "3.0.0");
  struct json *info = json_need_object(arena, document, "info");
  json_put_z(arena, info, "title", "Serin");
  json_put_z(arena, info, "version", SERIN_VERSION);
  struct json *paths = json_need_object(arena, document, "paths");
  struct json *components = json_need_object(arena, document, "components");
  struct json *schemas = json_need_object(arena, components, "schemas");
  for (size_t i = 0; i < api_kind_count(kinds); i++) {
    const struct kind_desc *kind = api_kind_at(kinds, i);
    if (!str_eq_z(group, kind->group) || !kind_has_version(kind, version))
      continue;
    struct str component = openapi_component_name(kind, version, arena);
    openapi_add_components(kind, version, &object_meta_schema, schemas, arena);
    add_paths(paths, kind, version, component, arena);
  }
  // Groups that only take reviews have an empty document.
  return paths->count || discovery_resources(kinds, group, version, arena) ? document : NULL;
}
