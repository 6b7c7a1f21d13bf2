// SPDX-License-Identifier: Apache-2.0
// One row of a field table as OpenAPI.
#include "manifests/schema/openapi_state.h"
#include "manifests/schema/scalar.h"

#define COMPONENTS "#/components/schemas/"

// The same value in another place. What is below it is not copied, so nobody may change it.
struct json *openapi_shared(const struct writer *w, const struct json *json) {
  struct json *copy = ARENA_NEW(w->arena, struct json);
  *copy = *json;
  copy->next = NULL;
  return copy;
}

struct json *openapi_typed(const struct writer *w, const char *type, const char *format) {
  struct json *json = json_new_object(w->arena);
  json_put_z(w->arena, json, "type", type);
  if (format && !w->lean)
    json_put_z(w->arena, json, "format", format);
  return json;
}

// `type` as a component of this name, and what stands for it. Another type that has the name
// already keeps it: this one then stands where it is.
struct json *openapi_by_name(const struct writer *w, const char *prefix, const char *name,
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
  struct json *json = openapi_typed(w, "object", NULL);
  json_put_bool(w->arena, json, "x-kubernetes-preserve-unknown-fields", true);
  return json;
}

// Rules cost by what a text may hold at most: numbers and durations as text need a length.
#define TEXT_LENGTH 128

void openapi_put_number(const struct writer *w, struct json *json, const char *key, double value) {
  bool whole = value == (double)(int64_t)value;
  json_put(w->arena, json, key,
           whole ? json_new_int(w->arena, (int64_t)value) : json_new_double(w->arena, value));
}

static struct json *int_or_string(const struct writer *w) {
  struct json *json = json_new_object(w->arena);
  if (w->lean)
    return json;
  struct json *any = json_put(w->arena, json, "anyOf", json_new_array(w->arena));
  json_append(any, openapi_typed(w, "integer", NULL));
  json_append(any, openapi_typed(w, "string", NULL));
  json_put_bool(w->arena, json, "x-kubernetes-int-or-string", true);
  if (w->structural && !w->verbatim)
    openapi_put_number(w, json, "maxLength", TEXT_LENGTH);
  return json;
}

// Of Kubernetes' resource.Quantity.
#define QUANTITY_PATTERN                                                                           \
  "^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+(\\.[0-9]*)?)?$"

static struct json *quantity_of(const struct writer *w) {
  if (!w->verbatim)
    return openapi_by_name(w, "io.k8s.apimachinery.pkg.api.resource.", "Quantity",
                           int_or_string(w));
  struct json *json = anything(w); // `cpu: 0.5` is neither a whole number nor a text
  if (w->structural)
    json_put_z(w->arena, json, "pattern", QUANTITY_PATTERN);
  return json;
}

// min and max as the keywords of the row's type; durations have none in OpenAPI.
static void put_bounds(const struct writer *w, const struct field *row, struct json *json) {
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
    openapi_put_number(w, json, low, row->min);
  else if (row->not_empty && low)
    openapi_put_number(w, json, low, 1);
  if (row->has_range && high && !open_end)
    openapi_put_number(w, json, high, row->max);
}

#define DURATION_PATTERN "^(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|\xc2\xb5s|ms|s|m|h))+)$"

static struct json *duration_of(const struct writer *w) {
  struct json *json = openapi_typed(w, "string", NULL);
  if (w->structural) {
    json_put_z(w->arena, json, "pattern", DURATION_PATTERN);
    openapi_put_number(w, json, "maxLength", TEXT_LENGTH);
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

// A server refuses list-type=map unless every item has its keys. So in a verbatim value, which has
// no defaults, `ports` (containerPort and protocol, which is TCP when it is left out) and
// imagePullSecrets are owned as a whole: without `protocol`, DNS on TCP and UDP would be one port
// twice, and with a default every template that leaves it out would change.
static bool keys_are_sure(const struct writer *w, const struct field *row) {
  struct str rest = str_of(row->map_keys ? row->map_keys : row->merge_key), key;
  while (str_next(&rest, ',', &key)) {
    const struct field *key_row = schema_find(row->schema, key);
    bool filled_in = key_row && key_row->fallback && !w->bare && !w->verbatim;
    if (!key_row || (!key_row->required && !filled_in))
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
  if (!w->structural && !w->lean)
    json_put_z(w->arena, json, "x-kubernetes-patch-merge-key", row->merge_key);
}

static struct json *array_of(const struct writer *w, const struct field *row, struct json *items) {
  struct json *json = openapi_typed(w, "array", NULL);
  json_put(w->arena, json, "items", items);
  put_list_type(w, row, json);
  return json;
}

static struct json *list_of(const struct writer *w, const struct field *row) {
  struct writer inner = *w;
  inner.bare |= row->bare_items;
  return array_of(w, row, openapi_object(&inner, row->schema));
}

static struct json *map_of(const struct writer *w, struct json *values) {
  struct json *json = openapi_typed(w, "object", NULL);
  json_put(w->arena, json, "additionalProperties", values);
  return json;
}

static struct json *text_of(const struct writer *w, const struct field *row) {
  struct json *json = openapi_typed(w, "string", NULL);
  // An empty text passes the decoder, so the pattern is only said where the field must not be
  // empty.
  if (row->format && row->format->pattern && row->not_empty && !w->verbatim && !w->lean)
    json_put_z(w->arena, json, "pattern", row->format->pattern);
  return json;
}

static struct json *integer_of(const struct writer *w, const struct field *row) {
  return openapi_typed(w, "integer", row->is_int32 ? "int32" : "int64");
}

static struct json *enum_of(const struct writer *w, const struct field *row) {
  struct json *json = openapi_typed(w, "string", NULL);
  if (w->lean)
    return json;
  struct json *names = json_put(w->arena, json, "enum", json_new_array(w->arena));
  for (int i = 1; row->values[i].name; i++)
    json_append(names, json_new_z(w->arena, row->values[i].name));
  return json;
}

static struct json *type_of(const struct writer *w, const struct field *row) {
  switch (row->type) {
  case FIELD_BOOL: return openapi_typed(w, "boolean", NULL);
  case FIELD_INT: return integer_of(w, row);
  case FIELD_DOUBLE: return openapi_typed(w, "number", "double");
  case FIELD_STRING: return row->numbers_too ? quantity_of(w) : text_of(w, row);
  case FIELD_ENUM: return enum_of(w, row);
  case FIELD_DURATION: return duration_of(w);
  case FIELD_GEP_DURATION: return openapi_typed(w, "string", NULL);
  case FIELD_PERCENT: return percent_of(w);
  case FIELD_QUANTITY: return quantity_of(w);
  case FIELD_INT_OR_STRING:
    return openapi_by_name(w, "io.k8s.apimachinery.pkg.util.intstr.", "IntOrString",
                           int_or_string(w));
  case FIELD_TIME:
    return openapi_by_name(w, META_PREFIX, "Time", openapi_typed(w, "string", "date-time"));
  case FIELD_MICRO_TIME:
    return openapi_by_name(w, META_PREFIX, "MicroTime", openapi_typed(w, "string", "date-time"));
  case FIELD_OBJECT:
  case FIELD_OPTIONAL: return openapi_object(w, row->schema);
  case FIELD_LIST: return list_of(w, row);
  case FIELD_STRINGS: return array_of(w, row, text_of(w, row));
  case FIELD_INTS: return array_of(w, row, integer_of(w, row));
  case FIELD_STRING_MAP:
    return map_of(w, row->numbers_too ? quantity_of(w) : openapi_typed(w, "string", NULL));
  case FIELD_INT_MAP: return map_of(w, openapi_typed(w, "integer", "int64"));
  case FIELD_MAP: return map_of(w, openapi_object(w, row->schema));
  case FIELD_JSON: return row->objects_only ? any_object(w) : anything(w);
  }
  return anything(w);
}

static void put_doc(const struct writer *w, const struct field *row, struct json *json) {
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

// What a row says beyond its type.
static void put_rest(const struct writer *w, const struct field *row, struct json *json) {
  if (w->verbatim) {
    // A null stays what it is: a server would take it out of what a template's hash is of.
    if (w->structural && !row->required)
      json_put_bool(w->arena, json, "nullable", true);
    return;
  }
  if (row->type != FIELD_INTS && row->type != FIELD_INT_MAP && !w->lean)
    put_bounds(w, row, json);
  if (row->fallback && w->bare && w->lean)
    return;
  if (row->fallback && w->bare)
    say_default(w, row, json);
  else if (row->fallback)
    json_put(w->arena, json, "default", scalar_default_json(row, w->arena));
  else if (w->builtin && row->type == FIELD_OBJECT) // a struct that is no pointer: always there
    json_put(w->arena, json, "default", json_new_object(w->arena));
}

struct json *openapi_field(const struct writer *outer, const struct field *row) {
  struct writer inner = *outer;
  const struct writer *w = &inner;
  struct json *json = json_new_object(w->arena);
  // Below spec.template of a CRD the words would be too many, and about another runtime.
  if (!w->lean && !(w->structural && w->verbatim))
    put_doc(w, row, json);
  inner.verbatim = outer->verbatim || row->verbatim;
  struct json *type = type_of(w, row);
  JSON_EACH(part, type) {
    if (!json_get_s(json, part->key))
      json_add(w->arena, json, part->key, openapi_shared(w, part));
  }
  put_rest(outer, row, json);
  if ((w->builtin || w->verbatim) && row->atomic)
    json_put_z(w->arena, json, "x-kubernetes-map-type", "atomic");
  if (!w->structural && !w->lean && (row->merge_key || row->is_set || row->replace_keys))
    json_put_z(w->arena, json, "x-kubernetes-patch-strategy",
               row->replace_keys ? row->merge_key ? "merge,retainKeys" : "retainKeys" : "merge");
  return json;
}
