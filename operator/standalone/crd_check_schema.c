// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "manifests/kinds/regex.h"
#include "operator/standalone/crd_check_state.h"
#include "operator/standalone/crd_rules.h"
#include "operator/standalone/crd_validate.h"
#include "operator/standalone/crd_value.h"

#include <stdarg.h>

enum level { LEVEL_ROOT, LEVEL_FIELD, LEVEL_ITEM };

struct place_in_schema {
  struct str path;
  enum level level;
  bool in_meta;           // below the metadata of a resource
  const char *no_default; // why a default may not stand here; NULL: it may
};

void crd_add(struct findings *findings, struct str path, const char *id, const char *format, ...) {
  struct buf text;
  va_list args;
  buf_init(&text, 64u << 10);
  va_start(args, format);
  (void)buf_addv(&text, format, args);
  va_end(args);
  if (findings->count < FINDINGS_MAX)
    findings_add(findings, FINDING_ERROR, STR(""), 0, path, id, "%.*s", STR_ARG(buf_str(&text)));
  buf_dispose(&text);
}

struct str crd_check_child(struct checker *c, struct str path, const char *name) {
  return arena_printf(c->arena, "%.*s.%s", STR_ARG(path), name);
}

struct str crd_check_keyed(struct checker *c, struct str path, struct str key) {
  return arena_printf(c->arena, "%.*s.properties[%.*s]", STR_ARG(path), STR_ARG(key));
}

struct str crd_check_indexed(struct checker *c, struct str path, const char *name, size_t index) {
  return arena_printf(c->arena, "%.*s.%s[%zu]", STR_ARG(path), name, index);
}

void crd_check_forbid(struct checker *c, struct str path, const char *name, const char *why) {
  crd_add(c->findings, crd_check_child(c, path, name), "forbidden", "Forbidden: %s", why);
}

void crd_check_need(struct checker *c, struct str path, const char *name, const char *why) {
  crd_add(c->findings, crd_check_child(c, path, name), "required", "Required value: %s", why);
}

void crd_check_wrong(struct checker *c, struct str path, const char *name, const struct json *value,
                     const char *why) {
  crd_add(c->findings, crd_check_child(c, path, name), "invalid", "Invalid value: %.*s: %s",
          STR_ARG(crd_show(value, c->arena)), why);
}

// --- What any schema may hold

static void check_type_name(struct checker *c, const struct json *schema, struct str path) {
  static const char *const types[] = {"array", "boolean", "integer", "number", "object", "string"};
  struct str type = json_get_string(schema, "type");
  for (size_t i = 0; i < ARRAY_LEN(types); i++)
    if (str_eq_z(type, types[i]))
      return;
  if (type.len)
    crd_add(c->findings, crd_check_child(c, path, "type"), "enum",
            "Unsupported value: \"%.*s\": supported values: \"array\", \"boolean\", \"integer\", "
            "\"number\", \"object\", \"string\"",
            STR_ARG(type));
  if (str_eq_z(type, "null"))
    crd_check_forbid(c, path, "type", "type cannot be set to null, use nullable as an alternative");
}

static void check_keywords(struct checker *c, const struct json *schema, struct str path) {
  static const char *const unknown[] = {"id",          "additionalItems", "patternProperties",
                                        "definitions", "dependencies",    "$ref"};
  check_type_name(c, schema, path);
  for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
    if (json_get(schema, unknown[i]))
      crd_check_forbid(c, path, unknown[i],
                       arena_printf(c->arena, "%s is not supported", unknown[i]).ptr);
  if (json_is(json_get(schema, "items"), JSON_ARRAY))
    crd_check_forbid(c, path, "items", "items must be a schema object and not an array");
  if (crd_flag(schema, "uniqueItems"))
    crd_check_forbid(
        c, path, "uniqueItems",
        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
  struct str pattern = json_get_string(schema, "pattern");
  struct regex *regex = NULL;
  struct err err;
  if (pattern.len && regex_compile(pattern, false, &regex, &err))
    crd_check_wrong(
        c, path, "pattern", json_get(schema, "pattern"),
        arena_printf(c->arena, "must be a valid regular expression, but isn't: %s", err.msg).ptr);
  regex_free(regex);
}

// --- Schemas below allOf, anyOf, oneOf and not, which may only judge

const struct json *crd_check_as_schema(const struct json *value) {
  return json_is(value, JSON_OBJECT) ? value : NULL;
}

static void check_nested(struct checker *c, const struct json *nested, const struct json *schema,
                         struct str path, struct str schema_path, bool skip_any);

static bool is_int_or_string(const struct json *list) {
  const struct json *first = json_at(list, 0), *second = json_at(list, 1);
  return json_is(list, JSON_ARRAY) && list->count == 2 && first->count == 1 && second->count == 1 &&
         str_eq_z(json_get_string(first, "type"), "integer") &&
         str_eq_z(json_get_string(second, "type"), "string");
}

static void check_junctors(struct checker *c, const struct json *holder, const struct json *schema,
                           struct str path, struct str schema_path, bool skip_any) {
  static const char *const names[] = {"anyOf", "allOf", "oneOf"};
  for (size_t i = 0; i < ARRAY_LEN(names); i++) {
    size_t index = 0;
    JSON_EACH(part, i == 0 && skip_any ? NULL : json_get(holder, names[i])) {
      bool skip = i == 1 && index == 0 && is_int_or_string(json_get(part, "anyOf"));
      check_nested(c, part, schema, crd_check_indexed(c, path, names[i], index), schema_path, skip);
      index++;
    }
  }
  const struct json *negated = json_get(holder, "not");
  if (negated)
    check_nested(c, negated, schema, crd_check_child(c, path, "not"), schema_path, false);
}

static void forbid_structure(struct checker *c, const struct json *nested, struct str path) {
  static const struct {
    const char *name, *why;
  } rows[] = {{"type", "must be empty to be structural"},
              {"additionalProperties", "must be undefined to be structural"},
              {"default", "must be undefined to be structural"},
              {"title", "must be empty to be structural"},
              {"description", "must be empty to be structural"},
              {"nullable", "must be false to be structural"},
              {"x-kubernetes-preserve-unknown-fields", "must be false to be structural"},
              {"x-kubernetes-embedded-resource", "must be false to be structural"},
              {"x-kubernetes-int-or-string", "must be false to be structural"},
              {"x-kubernetes-list-map-keys", "must be empty to be structural"},
              {"x-kubernetes-list-type", "must be undefined to be structural"},
              {"x-kubernetes-map-type", "must be undefined to be structural"},
              {"x-kubernetes-validations", "must be empty to be structural"}};
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    const struct json *found = json_get(nested, rows[i].name);
    bool empty = !found || (json_is(found, JSON_BOOL) && !found->boolean && i >= 5) ||
                 (json_is(found, JSON_STRING) && found->string.len == 0);
    if (!empty)
      crd_check_forbid(c, path, rows[i].name, rows[i].why);
  }
}

static void check_nested(struct checker *c, const struct json *nested, const struct json *schema,
                         struct str path, struct str schema_path, bool skip_any) {
  if (!schema && c->whole) {
    crd_add(c->findings, schema_path, "required", "Required value: because it is defined in %.*s",
            STR_ARG(path));
    return;
  }
  check_keywords(c, nested, path);
  forbid_structure(c, nested, path);
  check_junctors(c, nested, schema, path, schema_path, skip_any);
  const struct json *items = crd_check_as_schema(json_get(nested, "items"));
  if (items)
    check_nested(c, items, crd_check_as_schema(json_get(schema, "items")),
                 crd_check_child(c, path, "items"), crd_check_child(c, schema_path, "items"),
                 false);
  JSON_EACH(property, json_get(nested, "properties")) {
    if (str_eq_z(property->key, "metadata"))
      crd_add(c->findings, crd_check_keyed(c, path, property->key), "forbidden",
              "Forbidden: must not be specified in a nested context");
    check_nested(c, property, json_get_s(json_get(schema, "properties"), property->key),
                 crd_check_keyed(c, path, property->key),
                 crd_check_keyed(c, schema_path, property->key), false);
  }
}

// --- Structure

static void check_own_type(struct checker *c, const struct json *schema,
                           const struct place_in_schema *at) {
  static const char *const empty[] = {[LEVEL_ROOT] = "must not be empty at the root",
                                      [LEVEL_FIELD] =
                                          "must not be empty for specified object fields",
                                      [LEVEL_ITEM] = "must not be empty for specified array items"};
  struct str type = json_get_string(schema, "type");
  bool object = str_eq_z(type, "object");
  bool embedded = crd_flag(schema, "x-kubernetes-embedded-resource");
  const char *must = "must be object if x-kubernetes-embedded-resource is true";
  if (embedded && !type.len)
    crd_check_need(c, at->path, "type", must);
  else if (embedded && !object)
    crd_check_wrong(c, at->path, "type", json_get(schema, "type"), must);
  else if (!type.len && !crd_flag(schema, "x-kubernetes-int-or-string") &&
           !crd_flag(schema, "x-kubernetes-preserve-unknown-fields"))
    crd_check_need(c, at->path, "type", empty[at->level]);
  if (at->level == LEVEL_ROOT && type.len && !object)
    crd_check_wrong(c, at->path, "type", json_get(schema, "type"), "must be object at the root");
}

static void check_extensions(struct checker *c, const struct json *schema,
                             const struct place_in_schema *at) {
  const char *keep = "x-kubernetes-preserve-unknown-fields";
  const char *embedded = "x-kubernetes-embedded-resource";
  const char *either = "must be false if x-kubernetes-int-or-string is true";
  if (json_is(json_get(schema, keep), JSON_BOOL) && !crd_flag(schema, keep))
    crd_check_wrong(c, at->path, keep, json_get(schema, keep), "must be true or undefined");
  if (crd_flag(schema, "x-kubernetes-int-or-string") && crd_flag(schema, keep))
    crd_check_wrong(c, at->path, keep, json_get(schema, keep), either);
  if (crd_flag(schema, "x-kubernetes-int-or-string") && crd_flag(schema, embedded))
    crd_check_wrong(c, at->path, embedded, json_get(schema, embedded), either);
  if (!crd_flag(schema, embedded))
    return;
  const struct json *properties = json_get(schema, "properties");
  if (at->in_meta)
    crd_check_forbid(c, at->path, embedded, "must not be used inside of resource meta");
  if (json_get(schema, "additionalProperties"))
    crd_check_forbid(c, at->path, "additionalProperties",
                     "must not be used if x-kubernetes-embedded-resource is set");
  if (!crd_flag(schema, keep) && (!properties || !properties->count))
    crd_check_need(c, at->path, "properties",
                   "must not be empty if x-kubernetes-embedded-resource is true without "
                   "x-kubernetes-preserve-unknown-fields");
}

static void check_meta_fields(struct checker *c, const struct json *schema,
                              const struct place_in_schema *at) {
  const struct json *properties = json_get(schema, "properties");
  static const char *const texts[] = {"kind", "apiVersion"};
  if (at->level != LEVEL_ROOT && !crd_flag(schema, "x-kubernetes-embedded-resource"))
    return;
  for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
    const struct json *property = json_get(properties, texts[i]);
    if (property && !str_eq_z(json_get_string(property, "type"), "string"))
      crd_check_wrong(c, crd_check_keyed(c, at->path, str_of(texts[i])), "type",
                      json_get(property, "type"), "must be string");
  }
  const struct json *meta = json_get(properties, "metadata");
  if (!meta)
    return;
  struct str path = crd_check_keyed(c, at->path, STR("metadata"));
  if (!str_eq_z(json_get_string(meta, "type"), "object"))
    crd_check_wrong(c, path, "type", json_get(meta, "type"), "must be object");
  bool more = json_get(meta, "additionalProperties") || json_get(meta, "required") ||
              crd_flag(meta, "x-kubernetes-preserve-unknown-fields");
  JSON_EACH(property, json_get(meta, "properties"))
    more = more || (!str_eq_z(property->key, "name") && !str_eq_z(property->key, "generateName"));
  if (at->level == LEVEL_ROOT && more)
    crd_add(c->findings, path, "forbidden",
            "Forbidden: must not specify anything other than name and generateName, but metadata "
            "is implicitly specified");
}

static void check_default(struct checker *c, const struct json *schema,
                          const struct place_in_schema *at) {
  const struct json *fallback = json_get(schema, "default");
  if (!fallback)
    return;
  if (at->no_default) {
    crd_check_forbid(c, at->path, "default",
                     arena_printf(c->arena, "must not be set %s", at->no_default).ptr);
    return;
  }
  struct json *pruned = json_dup(c->arena, fallback);
  struct str path = crd_check_child(c, at->path, "default");
  crd_prune(schema, pruned, crd_flag(schema, "x-kubernetes-embedded-resource"), c->arena, NULL);
  if (!json_equal(pruned, fallback))
    crd_check_wrong(c, at->path, "default", fallback, "must not have unknown fields");
  struct findings found; // with paths from the default on
  findings_init(&found, c->arena);
  crd_validate(schema, fallback, STR(""), c->arena, &found);
  for (size_t i = 0; i < found.count; i++) {
    const struct finding *finding = &found.items[i];
    crd_add(c->findings,
            finding->path.len ? crd_check_child(c, path, arena_str(c->arena, finding->path).ptr)
                              : path,
            finding->id.ptr, "%.*s", STR_ARG(finding->message));
  }
}

static void check_structure(struct checker *c, const struct json *schema,
                            const struct place_in_schema *at);

static void check_children(struct checker *c, const struct json *schema,
                           const struct place_in_schema *at) {
  const struct json *items = crd_check_as_schema(json_get(schema, "items"));
  const struct json *more = json_get(schema, "additionalProperties");
  const struct json *properties = json_get(schema, "properties");
  bool root = at->level == LEVEL_ROOT;
  if (str_eq_z(json_get_string(schema, "type"), "array") && !json_get(schema, "items"))
    crd_check_need(c, at->path, "items", "must be specified");
  if (more && root)
    crd_check_forbid(c, at->path, "additionalProperties", "must not be used at the root");
  if (more && properties && properties->count && !json_is_true(more))
    crd_check_forbid(c, at->path, "additionalProperties",
                     "additionalProperties and properties are mutual exclusive");
  struct place_in_schema below = {crd_check_child(c, at->path, "items"), LEVEL_ITEM, at->in_meta,
                                  at->no_default};
  if (items)
    check_structure(c, items, &below);
  below = (struct place_in_schema){crd_check_child(c, at->path, "additionalProperties"),
                                   LEVEL_FIELD, at->in_meta, at->no_default};
  if (at->in_meta)
    below.no_default = "inside additionalProperties applying to object metadata";
  if (crd_check_as_schema(more))
    check_structure(c, more, &below);
  bool resource = root || crd_flag(schema, "x-kubernetes-embedded-resource");
  JSON_EACH(property, properties) {
    bool meta =
        resource && (str_eq_z(property->key, "metadata") || str_eq_z(property->key, "kind") ||
                     str_eq_z(property->key, "apiVersion"));
    below = (struct place_in_schema){crd_check_keyed(c, at->path, property->key), LEVEL_FIELD,
                                     at->in_meta || meta, at->no_default};
    if (meta && root)
      below.no_default = arena_printf(c->arena, "in top-level %.*s", STR_ARG(property->key)).ptr;
    check_structure(c, property, &below);
  }
}

static void check_structure(struct checker *c, const struct json *schema,
                            const struct place_in_schema *at) {
  if (!json_is(schema, JSON_OBJECT)) {
    crd_add(c->findings, at->path, "type", "Invalid value: %.*s: must be a schema",
            STR_ARG(crd_show(schema, c->arena)));
    return;
  }
  check_keywords(c, schema, at->path);
  check_own_type(c, schema, at);
  check_extensions(c, schema, at);
  check_meta_fields(c, schema, at);
  crd_check_list_and_map_type(c, schema, at->path);
  c->whole = at->level == LEVEL_ROOT;
  check_junctors(c, schema, schema, at->path, at->path,
                 is_int_or_string(json_get(schema, "anyOf")));
  crd_rules_check_words(schema, at->path, c->findings);
  check_default(c, schema, at);
  check_children(c, schema, at);
}

void crd_check_schema(const struct json *schema, struct str path, struct findings *findings) {
  struct checker c = {.findings = findings, .arena = findings->arena};
  struct place_in_schema root = {.path = path, .level = LEVEL_ROOT};
  size_t before = findings->errors;
  check_structure(&c, schema, &root);
  if (crd_flag(schema, "nullable"))
    crd_check_forbid(&c, path, "nullable", "nullable cannot be true at the root");
  if (findings->errors == before) // rules of other schemas have no types
    crd_rules_check(schema, path, findings);
}
