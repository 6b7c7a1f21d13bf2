// SPDX-License-Identifier: Apache-2.0
// What Kubernetes checks of custom objects beside their OpenAPI schema.
#include "manifests/base/map.h"
#include "manifests/kinds/object_meta.h"
#include "manifests/schema/decode.h"
#include "operator/standalone/crd_validate.h"
#include "operator/standalone/crd_value.h"

#include <ctype.h>

typedef void (*walk_fn)(const struct json *schema, const struct json *value, struct str path,
                        struct findings *findings);

// Calls `fn` for every value the schema knows something of.
static void walk(const struct json *schema, const struct json *value, struct str path,
                 struct findings *findings, walk_fn fn) {
  struct arena *arena = findings->arena;
  if (!schema)
    return;
  fn(schema, value, path, findings);
  size_t index = 0;
  JSON_EACH(item, json_is(value, JSON_ARRAY) ? value : NULL)
    walk(json_get(schema, "items"), item, arena_printf(arena, "%.*s[%zu]", STR_ARG(path), index++),
         findings, fn);
  JSON_EACH(item, json_is(value, JSON_OBJECT) ? value : NULL) {
    bool known = json_get_s(json_get(schema, "properties"), item->key) != NULL;
    struct str at = known ? arena_printf(arena, "%.*s%s%.*s", STR_ARG(path), path.len ? "." : "",
                                         STR_ARG(item->key))
                          : arena_printf(arena, "%.*s[%.*s]", STR_ARG(path), STR_ARG(item->key));
    walk(crd_member(schema, item->key), item, at, findings, fn);
  }
}

// The part of an item that must be unique: itself, or its keys.
static struct json *identity(const struct json *item, const struct json *keys,
                             struct arena *arena) {
  if (!keys)
    return json_dup(arena, item);
  struct json *part = json_new_object(arena);
  JSON_EACH(key, keys) {
    const struct json *value = json_get_s(item, json_string(key));
    if (value)
      json_set(arena, part, json_string(key), json_dup(arena, value));
  }
  return part;
}

static void check_unique(const struct json *schema, const struct json *value, struct str path,
                         struct findings *findings) {
  struct str type = json_get_string(schema, "x-kubernetes-list-type");
  bool map = str_eq_z(type, "map");
  if (!json_is(value, JSON_ARRAY) || (!map && !str_eq_z(type, "set")))
    return;
  struct arena *arena = findings->arena;
  struct map seen; // how often: 1 or more
  size_t index = 0;
  map_init(&seen);
  JSON_EACH(item, value) {
    struct str at = arena_printf(arena, "%.*s[%zu]", STR_ARG(path), index++);
    if (map && !json_is(item, JSON_OBJECT) && !json_is(item, JSON_NULL)) {
      findings_add(findings, FINDING_ERROR, STR(""), 0, at, "invalid",
                   "Invalid value: %.*s: must be an object for an array of list-type map",
                   STR_ARG(crd_show(item, arena)));
      break;
    }
    const struct json *part =
        identity(item, map ? json_get(schema, "x-kubernetes-list-map-keys") : NULL, arena);
    struct buf text;
    buf_init(&text, SIZE_MAX / 4);
    json_write_canonical(&text, part);
    uintptr_t times = (uintptr_t)map_get(&seen, buf_str(&text)) + 1;
    (void)map_put(&seen, arena_str(arena, buf_str(&text)), (void *)times);
    buf_dispose(&text);
    if (times == 2)
      findings_add(findings, FINDING_ERROR, STR(""), 0, at, "duplicate", "Duplicate value: %.*s",
                   STR_ARG(crd_show(part, arena)));
  }
  map_dispose(&seen);
}

void crd_validate_lists(const struct json *schema, const struct json *value, struct str path,
                        struct findings *findings) {
  walk(schema, value, path, findings, check_unique);
}

static void check_header(const struct json *value, struct str path, const char *name,
                         struct findings *findings) {
  const struct json *header = json_get(value, name);
  struct str at = arena_printf(findings->arena, "%.*s.%s", STR_ARG(path), name);
  if (!header)
    findings_add(findings, FINDING_ERROR, STR(""), 0, at, "required", "Required value");
  else if (!json_is(header, JSON_STRING))
    findings_add(findings, FINDING_ERROR, STR(""), 0, at, CRD_UNREADABLE,
                 "Invalid value: %.*s: must be a string",
                 STR_ARG(crd_show(header, findings->arena)));
  else if (json_string(header).len == 0)
    findings_add(findings, FINDING_ERROR, STR(""), 0, at, "invalid",
                 "Invalid value: \"\": must not be empty");
}

static void check_embedded(const struct json *schema, const struct json *value, struct str path,
                           struct findings *findings) {
  if (!crd_flag(schema, "x-kubernetes-embedded-resource") || !json_is(value, JSON_OBJECT))
    return;
  struct decode_options options = {.unknown = UNKNOWN_IGNORE};
  struct object_meta meta = {0};
  const struct json *metadata = json_get(value, "metadata");
  check_header(value, path, "apiVersion", findings);
  check_header(value, path, "kind", findings);
  if (metadata)
    (void)schema_decode(&object_meta_schema, metadata, &options,
                        arena_printf(findings->arena, "%.*s.metadata", STR_ARG(path)),
                        findings->arena, findings, &meta);
}

void crd_validate_embedded(const struct json *schema, const struct json *value, struct str path,
                           struct findings *findings) {
  walk(schema, value, path, findings, check_embedded);
}
