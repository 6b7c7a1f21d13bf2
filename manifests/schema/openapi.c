// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/openapi.h"

#include "manifests/schema/openapi_state.h"

#include <string.h>

static void put_rule(const struct writer *w, struct json *object, const struct schema_rule *rule) {
  struct json *json = json_new_object(w->arena);
  json_put_z(w->arena, json, "rule", rule->rule);
  json_put_z(w->arena, json, "message", rule->message);
  json_append(json_need_array(w->arena, object, "x-kubernetes-validations"), json);
}

static void fill(const struct writer *w, const struct schema *schema, struct json *object,
                 struct json *properties) {
  struct json *required = NULL;
  for (size_t i = 0; i < schema->count; i++) {
    const struct field *row = &schema->fields[i];
    if (!json_get(properties, row->name))
      json_put(w->arena, properties, row->name, openapi_field(w, row));
    if (row->required && (!row->fallback || w->verbatim)) {
      required = json_need_array(w->arena, object, "required");
      json_append(required, json_new_z(w->arena, row->name));
    }
  }
  if (schema->open || w->verbatim)
    json_put_bool(w->arena, object, "x-kubernetes-preserve-unknown-fields", true);
  if (w->structural && schema->one_property) {
    openapi_put_number(w, object, "minProperties", 1);
    openapi_put_number(w, object, "maxProperties", 1);
  }
  for (size_t i = 0; w->structural && i < schema->rule_count; i++)
    put_rule(w, object, &schema->rules[i]);
}

// Types that all groups share.
static bool is_meta(const struct schema *schema) {
  static const char *const names[] = {"ObjectMeta", "OwnerReference", "LabelSelector",
                                      "LabelSelectorRequirement"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (strcmp(schema->name, names[i]) == 0)
      return true;
  return false;
}

static struct json *new_object_of(const struct writer *w, const struct schema *schema) {
  struct json *json = openapi_typed(w, "object", NULL);
  if (schema->doc && !w->lean && !(w->structural && w->verbatim))
    json_put_z(w->arena, json, "description", schema->doc);
  if ((w->builtin || w->verbatim) && schema->atomic)
    json_put_z(w->arena, json, "x-kubernetes-map-type", "atomic");
  fill(w, schema, json, json_put(w->arena, json, "properties", json_new_object(w->arena)));
  return schema->name
             ? openapi_by_name(w, is_meta(schema) ? META_PREFIX : w->prefix, schema->name, json)
             : json;
}

struct json *openapi_object(const struct writer *w, const struct schema *schema) {
  struct openapi_types *types = w->types;
  if (!types)
    return new_object_of(w, schema);
  unsigned how = (unsigned)w->builtin | (unsigned)w->verbatim << 1 | (unsigned)w->bare << 2;
  for (size_t i = 0; i < types->count; i++)
    if (types->items[i].schema == schema && types->items[i].how == how)
      return openapi_shared(w, types->items[i].json);
  struct json *json = new_object_of(w, schema);
  struct openapi_type *type =
      arena_push(w->arena, (void **)&types->items, &types->count, &types->capacity, sizeof(*type));
  *type = (struct openapi_type){schema, how, json};
  return openapi_shared(w, json);
}

struct json *openapi_schema(const struct schema *schema, struct arena *arena) {
  struct writer w = {.arena = arena, .builtin = true};
  return openapi_object(&w, schema);
}

static void put_header(const struct writer *w, struct json *properties) {
  struct json *text =
      json_put(w->arena, properties, "apiVersion", openapi_typed(w, "string", NULL));
  if (w->lean) {
    json_put(w->arena, properties, "kind", openapi_typed(w, "string", NULL));
    return;
  }
  json_put_z(w->arena, text, "description", "Group and version of this object's schema.");
  text = json_put(w->arena, properties, "kind", openapi_typed(w, "string", NULL));
  json_put_z(w->arena, text, "description", "The kind of this object.");
}

static struct json *whole(const struct writer *w, const struct kind_desc *kind) {
  struct json *json = json_new_object(w->arena);
  if (kind->doc && !w->lean)
    json_put_z(w->arena, json, "description", kind->doc);
  json_put_z(w->arena, json, "type", "object");
  struct json *properties = json_put(w->arena, json, "properties", json_new_object(w->arena));
  put_header(w, properties);
  const struct writer go = {.arena = w->arena,
                            .builtin = true,
                            .lean = w->lean,
                            .components = w->components,
                            .types = w->types};
  const struct field *meta = schema_find(kind->schema, STR("metadata"));
  // An API server knows metadata itself and allows no schema for it.
  json_put(w->arena, properties, "metadata",
           w->structural || !meta ? openapi_typed(w, "object", NULL) : openapi_field(&go, meta));
  fill(w, kind->schema, json, properties);
  static const struct schema_rule IMMUTABLE = {"self == oldSelf",
                                               "spec is immutable: create another object"};
  if (w->structural && kind->immutable_spec)
    put_rule(w, json_get(properties, "spec"), &IMMUTABLE);
  return json;
}

static void put_group_version_kind(const struct writer *w, const struct kind_desc *kind,
                                   struct str version, struct json *json) {
  struct json *list =
      json_put(w->arena, json, "x-kubernetes-group-version-kind", json_new_array(w->arena));
  struct json *gvk = json_new_object(w->arena);
  json_put_z(w->arena, gvk, "group", kind->group);
  json_put_string(w->arena, gvk, "version",
                  str_is_empty(version) ? str_of(kind->versions[0]) : version);
  json_put_z(w->arena, gvk, "kind", kind->kind);
  json_append(list, gvk);
}

struct json *openapi_kind(const struct kind_desc *kind, struct str version, bool structural,
                          struct arena *arena) {
  struct openapi_types types = {.count = 0};
  struct writer w = {.arena = arena,
                     .structural = structural,
                     .builtin = kind->builtin && !structural,
                     .types = structural ? NULL : &types};
  struct json *json = kind->openapi ? json_dup(arena, kind->openapi) : whole(&w, kind);
  if (!structural)
    put_group_version_kind(&w, kind, version, json);
  return json;
}

struct json *openapi_ownership(const struct kind_desc *kind, struct openapi_types *types,
                               struct arena *arena) {
  const struct writer w = {.arena = arena, .builtin = kind->builtin, .lean = true, .types = types};
  return whole(&w, kind);
}

void openapi_add_components(const struct kind_desc *kind, struct str version,
                            const struct schema *meta, struct json *components,
                            struct arena *arena) {
  struct str component = openapi_component_name(kind, version, arena);
  struct str prefix = str_slice(component, 0, component.len - strlen(kind->kind));
  // As of a definition's kinds: only their metadata is of a type with a name.
  struct openapi_types types = {.count = 0};
  struct writer w = {.arena = arena,
                     .builtin = kind->builtin,
                     .components = kind->builtin ? components : NULL,
                     .types = &types,
                     .prefix = arena_str(arena, prefix).ptr};
  struct json *json = kind->openapi ? json_dup(arena, kind->openapi) : whole(&w, kind);
  struct json *properties = json_get(json, "properties");
  if (!kind->builtin && json_get(properties, "metadata")) {
    const struct writer go = {.arena = arena, .builtin = true, .components = components};
    json_put(arena, properties, "metadata", openapi_object(&go, meta));
  }
  put_group_version_kind(&w, kind, version, json);
  json_set(arena, components, component, json);
}

struct str openapi_component_name(const struct kind_desc *kind, struct str version,
                                  struct arena *arena) {
  if (str_is_empty(version))
    version = str_of(kind->versions[0]);
  struct str group = str_of(kind->group), part;
  if (kind->builtin) {
    struct str first = group;
    part = STR("core");
    if (group.len)
      (void)str_next(&first, '.', &part);
    return arena_printf(arena, "io.k8s.api.%.*s.%.*s.%s", STR_ARG(part), STR_ARG(version),
                        kind->kind);
  }
  struct str name = STR(""); // the group backwards: serin.dev -> dev.serin
  while (str_next(&group, '.', &part))
    name = arena_printf(arena, "%.*s%s%.*s", STR_ARG(part), name.len ? "." : "", STR_ARG(name));
  return arena_printf(arena, "%.*s.%.*s.%s", STR_ARG(name), STR_ARG(version), kind->kind);
}
