// SPDX-License-Identifier: Apache-2.0
// The merge of server-side apply, what Go's structs fill in, and the check of an applied object.
#include "operator/standalone/fieldset_schema.h"
#include "operator/standalone/fieldset_typed.h"

static struct json *merge(const struct json *schema, const struct json *live,
                          const struct json *applied, struct arena *arena);

static struct json *merge_maps(const struct json *schema, const struct json *live,
                               const struct json *applied, struct arena *arena) {
  struct json *merged = json_new_object(arena);
  bool declared;
  JSON_EACH(item, live) {
    const struct json *below = shape_member(schema, item->key, &declared);
    json_set(arena, merged, item->key, merge(below, item, json_get_s(applied, item->key), arena));
  }
  JSON_EACH(item, applied)
    if (!json_get_s(live, item->key))
      json_set(arena, merged, item->key, json_dup(arena, item));
  return merged;
}

// The walk over both lists that keeps the order of the applied one and, between its items, the
// place of those it does not name.
struct weave {
  const struct json *schema;
  enum shape shape;
  struct arena *arena;
  struct shape_index live, applied;
  size_t live_count, applied_count;
  const struct json *live_at; // the item at live_next
  size_t live_next, applied_next, shared_next;
  struct json *merged;
};

static void take(struct weave *w, struct str name, const struct json *live_item) {
  const struct shape_entry *a = shape_find(&w->live, name);
  struct shape_entry *b = shape_find(&w->applied, name);
  if (b)
    b->is_taken = true;
  const struct json *left = live_item ? live_item : a && a->times == 1 ? a->item : NULL;
  json_append(w->merged, b ? merge(shape_items(w->schema), left, b->item, w->arena)
                           : json_dup(w->arena, left));
}

// The next item of the applied list that the live one has, too; STR_NULL when there is none.
static struct str next_shared(struct weave *w) {
  while (w->shared_next < w->applied_count &&
         !shape_find(&w->live, w->applied.names[w->shared_next]))
    w->shared_next++;
  return w->shared_next < w->applied_count ? w->applied.names[w->shared_next] : STR_NULL;
}

static void step_live(struct weave *w) {
  w->live_at = w->live_at->next;
  w->live_next++;
}

static void weave_step(struct weave *w) {
  bool have_live = w->live_next < w->live_count, have_applied = w->applied_next < w->applied_count;
  struct str shared = next_shared(w);
  if (have_live && have_applied) {
    struct str name = w->live.names[w->live_next];
    if (str_eq(name, w->applied.names[w->applied_next])) {
      take(w, name, NULL);
      step_live(w);
      w->applied_next++;
      w->shared_next++;
      return;
    }
    if (shape_find(&w->applied, name) && shared.ptr && !str_eq(shared, name)) {
      step_live(w); // shared, but not the one whose turn it is
      return;
    }
  }
  if (have_live) {
    struct str name = w->live.names[w->live_next];
    if (!shape_find(&w->applied, name)) {
      take(w, name, w->live_at);
      step_live(w);
      return;
    }
    if (shape_find(&w->applied, name)->is_taken)
      step_live(w);
  }
  if (have_applied) {
    struct str name = w->applied.names[w->applied_next];
    take(w, name, NULL);
    w->applied_next++;
    if (shared.ptr && str_eq(shared, name))
      w->shared_next++;
  }
}

static struct json *merge_lists(const struct json *schema, enum shape shape,
                                const struct json *live, const struct json *applied,
                                struct arena *arena) {
  struct weave w = {.schema = schema,
                    .shape = shape,
                    .arena = arena,
                    .live_count = live->count,
                    .applied_count = applied->count,
                    .live_at = live->child,
                    .merged = json_new_array(arena)};
  shape_index_list(schema, shape, live, arena, &w.live);
  shape_index_list(schema, shape, applied, arena, &w.applied);
  while (w.live_next < w.live_count || w.applied_next < w.applied_count)
    weave_step(&w);
  return w.merged;
}

static struct json *merge(const struct json *schema, const struct json *live,
                          const struct json *applied, struct arena *arena) {
  if (!live || !applied)
    return json_dup(arena, applied ? applied : live);
  enum shape shape = shape_of(schema, applied);
  bool maps = json_is(live, JSON_OBJECT) && json_is(applied, JSON_OBJECT);
  bool lists = json_is(live, JSON_ARRAY) && json_is(applied, JSON_ARRAY);
  if (json_is(applied, JSON_NULL) && shape != SHAPE_LEAF && live->count)
    return json_dup(arena, live); // null applies nothing of a map or list
  if (shape == SHAPE_LEAF || (!maps && !lists))
    return json_dup(arena, applied);
  return maps ? merge_maps(schema, live, applied, arena)
              : merge_lists(schema, shape, live, applied, arena);
}

struct json *typed_merge(const struct json *schema, const struct json *live,
                         const struct json *applied, struct arena *arena) {
  return merge(schema, live, applied, arena);
}

// --- Go's structs

static bool is_required(const struct json *schema, struct str name) {
  JSON_EACH(item, json_get(schema, "required"))
    if (str_eq(json_string(item), name))
      return true;
  return false;
}

void typed_fill(const struct json *schema, struct json *value, struct arena *arena) {
  bool declared;
  if (json_is(value, JSON_ARRAY)) {
    JSON_EACH(item, value)
      typed_fill(shape_items(schema), item, arena);
    return;
  }
  if (!json_is(value, JSON_OBJECT))
    return;
  JSON_EACH(property, json_get(schema, "properties")) {
    const struct json *fallback = json_get(property, "default");
    if (json_get_s(value, property->key))
      continue;
    if (json_is(fallback, JSON_OBJECT) && fallback->count == 0)
      json_set(arena, value, property->key, json_new_object(arena));
    else if (str_eq_z(json_get_string(property, "type"), "array") &&
             is_required(schema, property->key))
      json_set(arena, value, property->key, json_new_null(arena));
  }
  JSON_EACH(item, value)
    typed_fill(shape_member(schema, item->key, &declared), item, arena);
}

// --- The check of an applied object

struct checking {
  struct arena *arena;
  struct err *err;
};

static int check_value(struct checking *c, const struct json *schema, const struct json *value,
                       struct str path);

static int check_items(struct checking *c, const struct json *schema, enum shape shape,
                       const struct json *list, struct str path) {
  struct shape_index index;
  size_t at = 0;
  int rc = RC_OK;
  shape_index_list(schema, shape, list, c->arena, &index);
  JSON_EACH(item, list) {
    struct str name = index.names[at++];
    if (!name.ptr)
      return err_set(c->err, RC_INVALID,
                     "%.*s: element %zu: associative list with keys has an element that omits all "
                     "key fields (and doesn't have default values for any key fields)",
                     STR_ARG(path), at - 1);
    if (shape_find(&index, name)->times > 1)
      return err_set(c->err, RC_INVALID, "%.*s: duplicate entries for key [%.*s]", STR_ARG(path),
                     STR_ARG(str_slice(name, 2, name.len)));
    rc = check_value(
        c, shape_items(schema), item,
        arena_printf(c->arena, "%.*s[%.*s]", STR_ARG(path), STR_ARG(str_slice(name, 2, name.len))));
    if (rc)
      return rc;
  }
  return rc;
}

static int check_whole_list(struct checking *c, const struct json *schema, const struct json *list,
                            struct str path) {
  size_t index = 0;
  JSON_EACH(item, list) {
    int rc = check_value(c, shape_items(schema), item,
                         arena_printf(c->arena, "%.*s[%zu]", STR_ARG(path), index++));
    if (rc)
      return rc;
  }
  return RC_OK;
}

static bool allows_more(const struct json *schema) {
  const struct json *properties = json_get(schema, "properties");
  return !schema || !properties || !properties->count ||
         json_is_true(json_get(schema, "x-kubernetes-preserve-unknown-fields")) ||
         json_get(schema, "additionalProperties");
}

// A value of another type than its schema's, in the words of structured-merge-diff. What has a
// format, or may be more than one thing, is any scalar to it.
static const char *wrong_type(const struct json *schema, const struct json *value) {
  struct str type = json_get_string(schema, "type");
  bool object = json_is(value, JSON_OBJECT), list = json_is(value, JSON_ARRAY);
  if (!type.len || json_is(value, JSON_NULL) ||
      json_is_true(json_get(schema, "x-kubernetes-preserve-unknown-fields")))
    return NULL;
  if (str_eq_z(type, "object"))
    return object ? NULL : "map";
  if (str_eq_z(type, "array"))
    return list ? NULL : "list";
  if (json_get(schema, "format") && !object && !list && str_eq_z(type, "string"))
    return NULL;
  if (str_eq_z(type, "string"))
    return json_is(value, JSON_STRING) ? NULL : "string";
  if (str_eq_z(type, "boolean"))
    return json_is(value, JSON_BOOL) ? NULL : "boolean";
  return json_is(value, JSON_INT) || json_is(value, JSON_DOUBLE) ? NULL : "numeric (int or float)";
}

static int refuse_type(struct checking *c, const char *want, const struct json *value,
                       struct str path) {
  struct str is = json_is(value, JSON_STRING) ? json_string(value) : json_text(c->arena, value);
  bool number = want[0] == 'n';
  if (number)
    is = str_of(json_is(value, JSON_STRING)  ? "string"
                : json_is(value, JSON_BOOL)  ? "bool"
                : json_is(value, JSON_ARRAY) ? "[]interface {}"
                                             : "map[string]interface {}");
  return err_set(c->err, RC_INVALID, "%.*s: expected %s, got %s%.*s%s", STR_ARG(path), want,
                 number ? "" : "&{", STR_ARG(str_slice(is, 0, 300)), number ? "" : "}");
}

static int check_value(struct checking *c, const struct json *schema, const struct json *value,
                       struct str path) {
  const char *want = wrong_type(schema, value);
  if (want)
    return refuse_type(c, want, value, path);
  enum shape shape = shape_of(schema, value);
  if (json_is(value, JSON_ARRAY))
    return shape == SHAPE_LEAF ? check_whole_list(c, schema, value, path)
                               : check_items(c, schema, shape, value, path);
  JSON_EACH(item, json_is(value, JSON_OBJECT) ? value : NULL) {
    bool declared;
    const struct json *below = shape_member(schema, item->key, &declared);
    struct str at = arena_printf(c->arena, "%.*s.%.*s", STR_ARG(path), STR_ARG(item->key));
    if (!declared && !below && !allows_more(schema))
      return err_set(c->err, RC_INVALID, "%.*s: field not declared in schema", STR_ARG(at));
    int rc = check_value(c, below, item, at);
    if (rc)
      return rc;
  }
  return RC_OK;
}

int typed_check(const struct json *schema, const struct json *value, struct arena *arena,
                struct err *err) {
  struct checking c = {arena, err};
  return check_value(&c, schema, value, STR(""));
}
