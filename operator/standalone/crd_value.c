// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/crd_value.h"
#include "manifests/kinds/object_meta.h"
#include "manifests/schema/prune.h"

#include <stdlib.h>

bool crd_flag(const struct json *schema, const char *name) {
  return json_is_true(json_get(schema, name));
}

// additionalProperties may be true, which allows anything and says nothing.
static const struct json *additional(const struct json *schema) {
  const struct json *found = json_get(schema, "additionalProperties");
  return json_is(found, JSON_OBJECT) ? found : NULL;
}

const struct json *crd_member(const struct json *schema, struct str name) {
  const struct json *property = json_get_s(json_get(schema, "properties"), name);
  return property ? property : additional(schema);
}

// --- Pruning

struct pruner {
  struct arena *arena;
  struct findings *unknown;
};

static bool is_meta_field(struct str key) {
  return str_eq_z(key, "apiVersion") || str_eq_z(key, "kind") || str_eq_z(key, "metadata");
}

static struct str below(struct pruner *p, struct str path, struct str key) {
  return arena_printf(p->arena, "%.*s%s%.*s", STR_ARG(path), path.len ? "." : "", STR_ARG(key));
}

static void report(struct pruner *p, struct str path) {
  if (p->unknown)
    findings_add(p->unknown, FINDING_WARNING, STR(""), 0, path, "unknown-field",
                 "unknown field \"%.*s\"", STR_ARG(path));
}

static void prune_value(struct pruner *p, const struct json *schema, struct json *value,
                        struct str path, bool embedded);

// `keep`: unknown fields stay, but what the schema does know below is looked at.
static void prune_members(struct pruner *p, const struct json *schema, struct json *object,
                          struct str path, bool embedded, bool keep) {
  const struct json *properties = json_get(schema, "properties");
  for (struct json *item = object->child, *next; item; item = next) {
    next = item->next;
    if (embedded && is_meta_field(item->key)) {
      if (str_eq_z(item->key, "metadata") && json_is(item, JSON_OBJECT))
        (void)schema_prune(&object_meta_schema, item, below(p, path, item->key), p->arena,
                           p->unknown);
      continue;
    }
    const struct json *property = json_get_s(properties, item->key);
    const struct json *other = json_get(schema, "additionalProperties");
    bool allowed = property || json_is(other, JSON_OBJECT) || json_is_true(other);
    if (allowed) {
      prune_value(p, property ? property : additional(schema), item, below(p, path, item->key),
                  false);
    } else if (!keep) {
      report(p, below(p, path, item->key));
      while (next && str_eq(next->key, item->key)) // all of that name go at once
        next = next->next;
      json_remove(object, item->key);
    }
  }
}

static void prune_items(struct pruner *p, const struct json *items, struct json *list,
                        struct str path, bool keep) {
  size_t index = 0;
  JSON_EACH(item, list) {
    struct str at = arena_printf(p->arena, "%.*s[%zu]", STR_ARG(path), index++);
    if (!keep)
      prune_value(p, items, item, at, false);
    else if (items && json_is(item, JSON_OBJECT))
      prune_members(p, items, item, at, crd_flag(items, "x-kubernetes-embedded-resource"), true);
    else if (items && json_is(item, JSON_ARRAY))
      prune_items(p, json_get(items, "items"), item, at, true);
  }
}

static void prune_value(struct pruner *p, const struct json *schema, struct json *value,
                        struct str path, bool embedded) {
  bool keep = crd_flag(schema, "x-kubernetes-preserve-unknown-fields");
  embedded = embedded || crd_flag(schema, "x-kubernetes-embedded-resource");
  if (json_is(value, JSON_OBJECT))
    prune_members(p, schema, value, path, embedded, keep);
  else if (json_is(value, JSON_ARRAY))
    prune_items(p, json_get(schema, "items"), value, path, keep);
}

static int by_path(const void *a, const void *b) {
  const struct finding *x = a, *y = b;
  return str_cmp(x->path, y->path);
}

void crd_prune(const struct json *schema, struct json *value, bool is_root, struct arena *arena,
               struct findings *unknown) {
  struct pruner p = {arena, unknown};
  prune_value(&p, schema, value, STR(""), is_root);
  if (unknown && unknown->count > 1)
    qsort(unknown->items, unknown->count, sizeof(unknown->items[0]), by_path);
}

// --- Nulls and defaults

static bool is_idle_null(const struct json *value, const struct json *schema) {
  return json_is(value, JSON_NULL) && schema && !crd_flag(schema, "nullable");
}

void crd_drop_nulls(const struct json *schema, struct json *value) {
  bool object = json_is(value, JSON_OBJECT);
  if (!schema || (!object && !json_is(value, JSON_ARRAY)))
    return;
  for (struct json *item = value->child, *next; item; item = next) {
    next = item->next;
    const struct json *own = object ? crd_member(schema, item->key) : json_get(schema, "items");
    if (object && is_idle_null(item, own) && !json_get(own, "default"))
      json_remove(value, item->key);
    else
      crd_drop_nulls(own, item);
  }
}

static void default_items(const struct json *schema, struct json *value, struct arena *arena) {
  bool object = json_is(value, JSON_OBJECT);
  for (struct json *item = value->child, *next; item; item = next) {
    next = item->next;
    const struct json *own = object ? crd_member(schema, item->key) : json_get(schema, "items");
    const struct json *fallback = json_get(own, "default");
    if (fallback && is_idle_null(item, own)) {
      struct json *copy = json_dup(arena, fallback);
      json_replace(value, item, copy);
      item = copy;
    }
    crd_default(own, item, arena);
  }
}

void crd_default(const struct json *schema, struct json *value, struct arena *arena) {
  if (!schema || (!json_is(value, JSON_OBJECT) && !json_is(value, JSON_ARRAY)))
    return;
  if (json_is(value, JSON_OBJECT)) {
    JSON_EACH(property, json_get(schema, "properties")) {
      const struct json *fallback = json_get(property, "default");
      if (fallback && !json_get_s(value, property->key))
        json_set(arena, value, property->key, json_dup(arena, fallback));
    }
  }
  default_items(schema, value, arena);
}

bool crd_has_default(const struct json *schema) {
  if (!json_is(schema, JSON_OBJECT))
    return false;
  if (json_get(schema, "default"))
    return true;
  JSON_EACH(property, json_get(schema, "properties"))
    if (crd_has_default(property))
      return true;
  return crd_has_default(additional(schema)) || crd_has_default(json_get(schema, "items"));
}
