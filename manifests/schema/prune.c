// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/prune.h"

#include "manifests/schema/place.h"

struct pruner {
  struct arena *arena;
  struct findings *findings;
  bool remove;
  size_t count;
};

static void prune_object(struct pruner *p, const struct schema *schema, struct json *json,
                         const struct place *place);

static void report(struct pruner *p, const struct schema *schema, const struct json *child,
                   const struct place *place) {
  p->count++;
  if (!p->findings || p->findings->count >= FINDINGS_MAX)
    return;
  struct place at = place_member(place, child->key, child);
  const char *near = schema_nearest(schema, child->key);
  findings_add(p->findings, FINDING_WARNING, STR(""), at.line, place_text(&at, p->arena),
               "unknown-field",
               near ? "unknown field \"%.*s\"; did you mean \"%s\"?" : "unknown field \"%.*s\"%s",
               STR_ARG(str_slice(child->key, 0, 100)), near ? near : "");
}

static void prune_value(struct pruner *p, const struct field *row, struct json *json,
                        const struct place *place) {
  if (!row->schema || row->verbatim)
    return;
  if ((row->type == FIELD_OBJECT || row->type == FIELD_OPTIONAL) && json_is(json, JSON_OBJECT)) {
    prune_object(p, row->schema, json, place);
  } else if (row->type == FIELD_LIST && json_is(json, JSON_ARRAY)) {
    size_t index = 0;
    JSON_EACH(item, json) {
      struct place at = place_item(place, index++, item);
      if (json_is(item, JSON_OBJECT))
        prune_object(p, row->schema, item, &at);
    }
  } else if (row->type == FIELD_MAP && json_is(json, JSON_OBJECT)) {
    JSON_EACH(item, json) {
      struct place at = place_member(place, item->key, item);
      if (json_is(item, JSON_OBJECT))
        prune_object(p, row->schema, item, &at);
    }
  }
}

static bool is_header(const struct place *place, struct str key) {
  return !place->up && !place->name.ptr && (str_eq_z(key, "apiVersion") || str_eq_z(key, "kind"));
}

static void prune_object(struct pruner *p, const struct schema *schema, struct json *json,
                         const struct place *place) {
  struct json *next = NULL;
  for (struct json *child = json->child; child; child = next) {
    next = child->next;
    const struct field *row = schema_find(schema, child->key);
    if (row) {
      struct place at = place_member(place, child->key, child);
      prune_value(p, row, child, &at);
      continue;
    }
    if (schema->open || is_header(place, child->key))
      continue;
    report(p, schema, child, place);
    if (!p->remove)
      continue;
    // All of that name go at once, so look for the next one that stays.
    while (next && str_eq(next->key, child->key))
      next = next->next;
    json_remove(json, child->key);
  }
}

static size_t run(const struct schema *schema, struct json *json, struct str path,
                  struct arena *arena, struct findings *findings, bool remove) {
  struct pruner p = {.arena = arena, .findings = findings, .remove = remove};
  struct place root = {.name = path.len ? path : STR_NULL};
  if (json_is(json, JSON_OBJECT))
    prune_object(&p, schema, json, &root);
  return p.count;
}

size_t schema_prune(const struct schema *schema, struct json *json, struct str path,
                    struct arena *arena, struct findings *findings) {
  return run(schema, json, path, arena, findings, true);
}

size_t kind_prune(const struct kind_desc *kind, struct json *json, struct arena *arena,
                  struct findings *findings) {
  return run(kind->schema, json, STR_NULL, arena, findings, true);
}

size_t kind_unknown(const struct kind_desc *kind, const struct json *json, struct arena *arena,
                    struct findings *findings) {
  // The walk only writes where `remove` is set.
  return run(kind->schema, (struct json *)(uintptr_t)json, STR_NULL, arena, findings, false);
}
