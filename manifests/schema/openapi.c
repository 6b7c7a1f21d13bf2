// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/openapi.h"

#include "manifests/schema/scalar.h"

#include <string.h>

struct writer {
  struct arena *arena;
  bool structural;         // for a CRD
  bool bare;               // in a list whose items get no defaults
  bool types_only;         // no text for people, no bounds: who reads it wants to know the shape
  bool builtin;            // of Kubernetes itself: with what its Go types say of ownership
  struct json *components; // named types go there, and stand as references; NULL: all in one
  const char *prefix;      // of their names
};

#define META_PREFIX "io.k8s.apimachinery.pkg.apis.meta.v1."
#define COMPONENTS "#/components/schemas/"

static struct json *object_of(const struct writer *w, const struct schema *schema);

static struct json *typed(const struct writer *w, const char *type, const char *format) {
  struct json *json = json_new_object(w->arena);
  json_put_z(w->arena, json, "type", type);
  if (format)
    json_put_z(w->arena, json, "format", format);
  return json;
}

// `type` as a component of this name, and what stands for it. Another type that has the name
// already keeps it: this one then stands where it is.
static struct json *by_name(const struct writer *w, const char *prefix, const char *name,
                            struct json *type) {
  if (!w->components)
    return type;
  struct str full = arena_printf(w->arena, "%s%s", prefix, name);
  const struct json *known = json_get_s(w->components, full);
  if (known && !json_equal(known, type))
    return type;
  if (!known)
    json_set(w->arena, w->components, full, type);
  struct json *json = json_new_object(w->arena), *ref = json_new_object(w->arena);
  json_put_string(w->arena, ref, "$ref", arena_printf(w->arena, COMPONENTS "%.*s", STR_ARG(full)));
  json_append(json_need_array(w->arena, json, "allOf"), ref);
  const struct json *doc = json_get(type, "description");
  if (doc) // of the field, where that has none
    json_put(w->arena, json, "description", json_dup(w->arena, doc));
  return json;
}

static struct json *anything(const struct writer *w) {
  struct json *json = json_new_object(w->arena);
  json_put_bool(w->arena, json, "x-kubernetes-preserve-unknown-fields", true);
  return json;
}

static struct json *any_object(const struct writer *w) {
  struct json *json = typed(w, "object", NULL);
  json_put_bool(w->arena, json, "x-kubernetes-preserve-unknown-fields", true);
  return json;
}

// Rules cost by what a text may hold at most: numbers and durations as text need a length.
#define TEXT_LENGTH 128

static void put_number(const struct writer *w, struct json *json, const char *key, double value) {
  bool whole = value == (double)(int64_t)value;
  json_put(w->arena, json, key,
           whole ? json_new_int(w->arena, (int64_t)value) : json_new_double(w->arena, value));
}

static struct json *int_or_string(const struct writer *w) {
  struct json *json = json_new_object(w->arena);
  struct json *any = json_put(w->arena, json, "anyOf", json_new_array(w->arena));
  json_append(any, typed(w, "integer", NULL));
  json_append(any, typed(w, "string", NULL));
  json_put_bool(w->arena, json, "x-kubernetes-int-or-string", true);
  if (w->structural)
    put_number(w, json, "maxLength", TEXT_LENGTH);
  return json;
}

// min and max as the keywords of the row's type; durations have none in OpenAPI.
static void put_bounds(const struct writer *w, const struct field *row, struct json *json) {
  if (w->types_only)
    return;
  bool open_end = row->max >= 9007199254740992.0;
  const char *low = NULL, *high = NULL;
  if (row->type == FIELD_INT || row->type == FIELD_DOUBLE || row->type == FIELD_PERCENT) {
    low = "minimum";
    high = "maximum";
  } else if (row->type == FIELD_STRING) {
    low = "minLength";
    high = "maxLength";
  } else if (row->type == FIELD_LIST || row->type == FIELD_STRINGS) {
    low = "minItems";
    high = "maxItems";
  } else if (row->type == FIELD_MAP) {
    high = "maxProperties";
  }
  bool counts = low == NULL || low[3] == 'L' || low[3] == 'I';
  if (row->has_range && low && (row->min > 0 || !counts))
    put_number(w, json, low, row->min);
  else if (row->not_empty && low)
    put_number(w, json, low, 1);
  if (row->has_range && high && !open_end)
    put_number(w, json, high, row->max);
}

#define DURATION_PATTERN "^(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|\xc2\xb5s|ms|s|m|h))+)$"

static struct json *duration_of(const struct writer *w) {
  struct json *json = typed(w, "string", NULL);
  if (w->structural) {
    json_put_z(w->arena, json, "pattern", DURATION_PATTERN);
    put_number(w, json, "maxLength", TEXT_LENGTH);
  }
  return json;
}

// A number with decimals or a text: no type of OpenAPI is both, but its keywords look at the one
// they are for.
static struct json *percent_of(const struct writer *w) {
  struct json *json = anything(w);
  if (w->structural)
    json_put_z(w->arena, json, "pattern", "^[0-9]+(\\.[0-9]+)?%?$");
  return json;
}

// A server refuses list-type=map unless every item has its keys.
static bool keys_are_sure(const struct writer *w, const struct field *row) {
  struct str rest = str_of(row->map_keys ? row->map_keys : row->merge_key), key;
  while (str_next(&rest, ',', &key)) {
    const struct field *key_row = schema_find(row->schema, key);
    if (!key_row || (!key_row->required && (w->bare || !key_row->fallback)))
      return false;
  }
  return true;
}

static void put_list_type(const struct writer *w, const struct field *row, struct json *json) {
  if (row->is_set)
    json_put_z(w->arena, json, "x-kubernetes-list-type", "set");
  if (!row->merge_key || (!w->builtin && !keys_are_sure(w, row)))
    return;
  json_put_z(w->arena, json, "x-kubernetes-list-type", "map");
  struct json *keys =
      json_put(w->arena, json, "x-kubernetes-list-map-keys", json_new_array(w->arena));
  struct str rest = str_of(row->map_keys ? row->map_keys : row->merge_key), key;
  while (str_next(&rest, ',', &key))
    json_append(keys, json_new_string(w->arena, key));
  if (!w->structural)
    json_put_z(w->arena, json, "x-kubernetes-patch-merge-key", row->merge_key);
}

static struct json *array_of(const struct writer *w, const struct field *row, struct json *items) {
  struct json *json = typed(w, "array", NULL);
  json_put(w->arena, json, "items", items);
  put_list_type(w, row, json);
  return json;
}

static struct json *list_of(const struct writer *w, const struct field *row) {
  struct writer inner = *w;
  inner.bare |= row->bare_items;
  return array_of(w, row, object_of(&inner, row->schema));
}

static struct json *map_of(const struct writer *w, struct json *values) {
  struct json *json = typed(w, "object", NULL);
  json_put(w->arena, json, "additionalProperties", values);
  return json;
}

static struct json *text_of(const struct writer *w, const struct field *row) {
  struct json *json = typed(w, "string", NULL);
  // An empty text passes the decoder, so the pattern is only said where the field must not be
  // empty.
  if (row->format && row->format->pattern && row->not_empty)
    json_put_z(w->arena, json, "pattern", row->format->pattern);
  return json;
}

static struct json *enum_of(const struct writer *w, const struct field *row) {
  struct json *json = typed(w, "string", NULL);
  struct json *names = json_put(w->arena, json, "enum", json_new_array(w->arena));
  for (int i = 1; row->values[i].name; i++)
    json_append(names, json_new_z(w->arena, row->values[i].name));
  return json;
}

static struct json *type_of(const struct writer *w, const struct field *row) {
  switch (row->type) {
  case FIELD_BOOL: return typed(w, "boolean", NULL);
  case FIELD_INT: return typed(w, "integer", "int64");
  case FIELD_DOUBLE: return typed(w, "number", "double");
  case FIELD_STRING: return text_of(w, row);
  case FIELD_ENUM: return enum_of(w, row);
  case FIELD_DURATION: return duration_of(w);
  case FIELD_GEP_DURATION: return typed(w, "string", NULL);
  case FIELD_PERCENT: return percent_of(w);
  case FIELD_QUANTITY:
    return by_name(w, "io.k8s.apimachinery.pkg.api.resource.", "Quantity", int_or_string(w));
  case FIELD_INT_OR_STRING:
    return by_name(w, "io.k8s.apimachinery.pkg.util.intstr.", "IntOrString", int_or_string(w));
  case FIELD_TIME: return by_name(w, META_PREFIX, "Time", typed(w, "string", "date-time"));
  case FIELD_MICRO_TIME:
    return by_name(w, META_PREFIX, "MicroTime", typed(w, "string", "date-time"));
  case FIELD_OBJECT:
  case FIELD_OPTIONAL: return object_of(w, row->schema);
  case FIELD_LIST: return list_of(w, row);
  case FIELD_STRINGS: return array_of(w, row, text_of(w, row));
  case FIELD_INTS: return array_of(w, row, typed(w, "integer", "int64"));
  case FIELD_STRING_MAP:
    return map_of(w, row->numbers_too ? by_name(w, "io.k8s.apimachinery.pkg.api.resource.",
                                                "Quantity", int_or_string(w))
                                      : typed(w, "string", NULL));
  case FIELD_INT_MAP: return map_of(w, typed(w, "integer", "int64"));
  case FIELD_MAP: return map_of(w, object_of(w, row->schema));
  case FIELD_JSON: return row->objects_only ? any_object(w) : anything(w);
  }
  return anything(w);
}

static void put_doc(const struct writer *w, const struct field *row, struct json *json) {
  if (w->types_only)
    return;
  struct str doc = str_of(row->doc);
  if (row->deprecated)
    doc = arena_printf(w->arena, "Deprecated: %s%s%s", row->deprecated, row->doc ? ". " : "",
                       row->doc ? row->doc : "");
  if (row->enforced == ENFORCED_NO)
    doc = arena_printf(w->arena, "%.*s%s", STR_ARG(doc), " Accepted but not enforced yet.");
  if (doc.len)
    json_put_string(w->arena, json, "description", str_trim(doc));
}

// In words, where no server fills it in.
static void say_default(const struct writer *w, const struct field *row, struct json *json) {
  struct str doc = json_get_string(json, "description");
  json_put_string(w->arena, json, "description",
                  arena_printf(w->arena, "%.*s%sDefault: %s.", STR_ARG(doc), doc.len ? " " : "",
                               row->fallback));
}

static struct json *field_of(const struct writer *w, const struct field *row) {
  struct json *json = json_new_object(w->arena);
  put_doc(w, row, json);
  struct json *type = type_of(w, row);
  for (struct json *next = NULL, *part = type->child; part; part = next) {
    next = part->next;
    if (!json_get_s(json, part->key))
      json_set(w->arena, json, part->key, part);
  }
  if (row->type != FIELD_INTS && row->type != FIELD_INT_MAP)
    put_bounds(w, row, json);
  if (row->fallback && w->bare)
    say_default(w, row, json);
  else if (row->fallback)
    json_put(w->arena, json, "default", scalar_default_json(row, w->arena));
  else if (w->builtin && row->type == FIELD_OBJECT) // a struct that is no pointer: always there
    json_put(w->arena, json, "default", json_new_object(w->arena));
  if (w->builtin && row->atomic)
    json_put_z(w->arena, json, "x-kubernetes-map-type", "atomic");
  if (!w->structural && (row->merge_key || row->is_set || row->replace_keys))
    json_put_z(w->arena, json, "x-kubernetes-patch-strategy",
               row->replace_keys ? row->merge_key ? "merge,retainKeys" : "retainKeys" : "merge");
  return json;
}

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
      json_put(w->arena, properties, row->name, field_of(w, row));
    if (row->required && !row->fallback) {
      required = json_need_array(w->arena, object, "required");
      json_append(required, json_new_z(w->arena, row->name));
    }
  }
  if (schema->open)
    json_put_bool(w->arena, object, "x-kubernetes-preserve-unknown-fields", true);
  if (w->structural && schema->one_property) {
    put_number(w, object, "minProperties", 1);
    put_number(w, object, "maxProperties", 1);
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

static struct json *object_of(const struct writer *w, const struct schema *schema) {
  struct json *json = typed(w, "object", NULL);
  if (schema->doc && !w->types_only)
    json_put_z(w->arena, json, "description", schema->doc);
  if (w->builtin && schema->atomic)
    json_put_z(w->arena, json, "x-kubernetes-map-type", "atomic");
  fill(w, schema, json, json_put(w->arena, json, "properties", json_new_object(w->arena)));
  return schema->name ? by_name(w, is_meta(schema) ? META_PREFIX : w->prefix, schema->name, json)
                      : json;
}

struct json *openapi_schema(const struct schema *schema, struct arena *arena) {
  struct writer w = {.arena = arena, .builtin = true};
  return object_of(&w, schema);
}

static void put_header(const struct writer *w, struct json *properties) {
  struct json *text = json_put(w->arena, properties, "apiVersion", typed(w, "string", NULL));
  if (!w->types_only)
    json_put_z(w->arena, text, "description", "Group and version of this object's schema.");
  text = json_put(w->arena, properties, "kind", typed(w, "string", NULL));
  if (!w->types_only)
    json_put_z(w->arena, text, "description", "The kind of this object.");
}

static struct json *whole(const struct writer *w, const struct kind_desc *kind) {
  struct json *json = json_new_object(w->arena);
  if (kind->doc && !w->types_only)
    json_put_z(w->arena, json, "description", kind->doc);
  json_put_z(w->arena, json, "type", "object");
  struct json *properties = json_put(w->arena, json, "properties", json_new_object(w->arena));
  put_header(w, properties);
  const struct writer go = {
      .arena = w->arena, .builtin = true, .types_only = w->types_only, .components = w->components};
  const struct field *meta = schema_find(kind->schema, STR("metadata"));
  // An API server knows metadata itself and allows no schema for it.
  json_put(w->arena, properties, "metadata",
           w->structural || !meta ? typed(w, "object", NULL) : field_of(&go, meta));
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
  struct writer w = {
      .arena = arena, .structural = structural, .builtin = kind->builtin && !structural};
  struct json *json = kind->openapi ? json_dup(arena, kind->openapi) : whole(&w, kind);
  if (!structural)
    put_group_version_kind(&w, kind, version, json);
  return json;
}

struct json *openapi_types(const struct kind_desc *kind, struct arena *arena) {
  struct writer w = {.arena = arena, .builtin = kind->builtin, .types_only = true};
  return whole(&w, kind);
}

void openapi_add_components(const struct kind_desc *kind, struct str version,
                            const struct schema *meta, struct json *components,
                            struct arena *arena) {
  struct str component = openapi_component_name(kind, version, arena);
  struct str prefix = str_slice(component, 0, component.len - strlen(kind->kind));
  // As of a definition's kinds: only their metadata is of a type with a name.
  struct writer w = {.arena = arena,
                     .builtin = kind->builtin,
                     .components = kind->builtin ? components : NULL,
                     .prefix = arena_str(arena, prefix).ptr};
  struct json *json = kind->openapi ? json_dup(arena, kind->openapi) : whole(&w, kind);
  struct json *properties = json_get(json, "properties");
  if (!kind->builtin && json_get(properties, "metadata")) {
    const struct writer go = {.arena = arena, .builtin = true, .components = components};
    json_put(arena, properties, "metadata", object_of(&go, meta));
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
