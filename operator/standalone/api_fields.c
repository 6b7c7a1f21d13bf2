// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_fields.h"
#include "manifests/base/bug.h"
#include "manifests/schema/prune.h"
#include "manifests/text/time.h"
#include "operator/standalone/fieldset.h"

// What nobody owns: identity, and what the server sets.
static struct json *ownable(const struct json *object, enum write_part part, struct arena *arena) {
  static const char *const tracked[] = {"labels", "annotations", "finalizers", "ownerReferences"};
  struct json *copy = json_new_object(arena);
  JSON_EACH(item, object) {
    bool status = str_eq_z(item->key, "status");
    if (str_eq_z(item->key, "apiVersion") || str_eq_z(item->key, "kind") ||
        str_eq_z(item->key, "metadata") || status != (part == WRITE_STATUS))
      continue;
    json_set(arena, copy, item->key, json_dup(arena, item));
  }
  const struct json *meta = api_meta(object);
  for (size_t i = 0; i < ARRAY_LEN(tracked) && part != WRITE_STATUS; i++) {
    const struct json *value = json_get(meta, tracked[i]);
    if (value)
      json_put(arena, json_need_object(arena, copy, "metadata"), tracked[i],
               json_dup(arena, value));
  }
  return copy;
}

static struct str manager_of(const struct api_call *call, const struct write_request *request) {
  if (request->manager.len)
    return request->manager;
  ptrdiff_t slash = str_find_char(call->user_agent, '/');
  struct str name = slash < 0 ? call->user_agent : str_slice(call->user_agent, 0, (size_t)slash);
  return name.len ? str_slice(name, 0, 128) : STR("unknown");
}

static const char *subresource_of(enum write_part part) {
  return part == WRITE_STATUS ? "status" : part == WRITE_SCALE ? "scale" : "";
}

static struct json *entry_new(struct api_call *call, const struct write_request *request,
                              const char *operation, struct json *fields) {
  struct arena *arena = call->arena;
  struct json *entry = json_new_object(arena);
  json_put_string(arena, entry, "manager", manager_of(call, request));
  json_put_z(arena, entry, "operation", operation);
  json_put_string(arena, entry, "apiVersion",
                  kind_api_version(request->kind, request->version, arena));
  json_put_string(arena, entry, "time", time_format(arena, call->now_ms));
  json_put_z(arena, entry, "fieldsType", "FieldsV1");
  json_put(arena, entry, "fieldsV1", fields);
  if (subresource_of(request->part)[0])
    json_put_z(arena, entry, "subresource", subresource_of(request->part));
  return entry;
}

// apiVersion counts for Update entries only: an applier may move to another version.
static bool entry_is(const struct json *entry, struct api_call *call,
                     const struct write_request *request, const char *operation) {
  struct str version = kind_api_version(request->kind, request->version, call->arena);
  return str_eq(json_get_string(entry, "manager"), manager_of(call, request)) &&
         str_eq_z(json_get_string(entry, "operation"), operation) &&
         str_eq_z(json_get_string(entry, "subresource"), subresource_of(request->part)) &&
         (operation[0] == 'A' || str_eq(json_get_string(entry, "apiVersion"), version));
}

static struct json *find_entry(const struct json *entries, struct api_call *call,
                               const struct write_request *request, const char *operation) {
  JSON_EACH(entry, entries)
  if (entry_is(entry, call, request, operation))
    return entry;
  return NULL;
}

static void set_entries(struct arena *arena, struct json *object, const struct json *entries) {
  struct json *kept = json_new_array(arena);
  JSON_EACH(entry, entries)
  if (!fieldset_is_empty(json_get(entry, "fieldsV1")))
    json_append(kept, json_dup(arena, entry));
  struct json *meta = json_need_object(arena, object, "metadata");
  if (kept->count)
    json_put(arena, meta, "managedFields", kept);
  else
    json_remove(meta, STR("managedFields"));
}

static bool is_entry(const struct json *entry) {
  struct str operation = json_get_string(entry, "operation");
  const struct json *fields = json_get(entry, "fieldsV1");
  return json_is(entry, JSON_OBJECT) &&
         (str_eq_z(operation, "Apply") || str_eq_z(operation, "Update")) &&
         (!fields || fieldset_is_valid(fields));
}

int fields_check(struct api_call *call, const struct kind_desc *kind, const struct json *object) {
  const struct json *entries = json_get(api_meta(object), "managedFields");
  bool good = !entries || json_is(entries, JSON_ARRAY) || json_is(entries, JSON_NULL);
  JSON_EACH(entry, entries)
  good = good && is_entry(entry);
  if (good)
    return RC_OK;
  return api_invalid(call, kind, api_meta_string(object, "name"), "metadata.managedFields",
                     "FieldValueInvalid",
                     "Invalid value: each entry needs an operation, Apply or Update, and fieldsV1 "
                     "as a set of fields");
}

void fields_track(struct api_call *call, const struct write_request *request, struct json *object,
                  const struct json *old) {
  if (request->verb == WRITE_APPLY)
    return;
  struct arena *arena = call->arena;
  struct json *removed = NULL, *changed;
  enum write_part part = request->part;
  const struct schema *schema = request->kind->schema;
  if (old)
    changed = fieldset_changed(schema, ownable(old, part, arena), ownable(object, part, arena),
                               arena, &removed);
  else
    changed = fieldset_of(schema, ownable(object, part, arena), arena);
  const struct json *given = json_get(api_meta(object), "managedFields");
  if (!json_is(given, JSON_ARRAY)) // a client that leaves them out keeps what was there
    given = json_get(api_meta(old), "managedFields");
  struct json *entries =
      json_is(given, JSON_ARRAY) ? json_dup(arena, given) : json_new_array(arena);
  struct json *touched = removed ? fieldset_union(changed, removed, arena) : changed;
  struct json *own = find_entry(entries, call, request, "Update");
  JSON_EACH(entry, entries) {
    struct json *fields = fieldset_minus(json_get(entry, "fieldsV1"), touched, arena);
    if (entry == own) {
      fields = fieldset_union(fields, changed, arena);
      if (changed->count)
        json_put_string(arena, entry, "time", time_format(arena, call->now_ms));
    }
    json_put(arena, entry, "fieldsV1", fields);
  }
  if (!own && changed->count)
    json_append(entries, entry_new(call, request, "Update", changed));
  set_entries(arena, object, entries);
}

struct conflicts {
  struct arena *arena;
  struct json *causes;
  struct str text;
  size_t count;
  struct str who;    // the manager of the current entry
  struct str prefix; // `conflict with "x" using v1`
  size_t in_entry;
};

static void add_conflict(struct str path, void *context) {
  struct conflicts *c = context;
  struct json *cause = json_new_object(c->arena);
  json_put_z(c->arena, cause, "reason", "FieldManagerConflict");
  json_put_string(c->arena, cause, "message", c->prefix);
  json_put_string(c->arena, cause, "field", path);
  json_append(c->causes, cause);
  c->text = arena_printf(c->arena, "%.*s\n- %.*s", STR_ARG(c->text), STR_ARG(path));
  c->count++;
  c->in_entry++;
}

static void add_entry_conflicts(struct conflicts *c, const struct json *entry,
                                const struct json *fields) {
  struct str manager = json_get_string(entry, "manager"),
             version = json_get_string(entry, "apiVersion");
  bool update = str_eq_z(json_get_string(entry, "operation"), "Update");
  c->prefix = update ? arena_printf(c->arena, "conflict with \"%.*s\" using %.*s", STR_ARG(manager),
                                    STR_ARG(version))
                     : arena_printf(c->arena, "conflict with \"%.*s\"", STR_ARG(manager));
  c->text = arena_printf(c->arena, "%.*s\nconflicts%.*s:", STR_ARG(c->text),
                         STR_ARG(str_slice(c->prefix, 8, c->prefix.len)));
  fieldset_paths(fields, c->arena, add_conflict, c);
}

static int refuse(struct api_call *call, struct conflicts *c) {
  int rc;
  if (c->count == 1) {
    struct str field = json_get_string(c->causes->child, "field");
    rc = api_fail(call, 409, "Conflict", "Apply failed with 1 conflict: %.*s: %.*s",
                  STR_ARG(c->prefix), STR_ARG(field));
  } else {
    rc = api_fail(call, 409, "Conflict", "Apply failed with %zu conflicts: %.*s", c->count,
                  STR_ARG(str_slice(c->text, 1, c->text.len)));
  }
  call->fault.details = json_new_object(call->arena);
  json_put(call->arena, call->fault.details, "causes", c->causes);
  return rc;
}

// Takes what others own out of `dropped`: it stays in the object.
static struct json *only_ours(const struct json *entries, const struct json *own,
                              struct json *dropped, struct arena *arena) {
  JSON_EACH(entry, entries)
  if (entry != own)
    dropped = fieldset_minus(dropped, json_get(entry, "fieldsV1"), arena);
  return dropped;
}

static int check_apply(struct api_call *call, const struct write_request *request) {
  if (request->manager.len == 0)
    return api_bad_option(call, "PatchOptions", "fieldManager", "FieldValueRequired",
                          STR("Required value: is required for apply patch"));
  const struct json *managed = json_get(api_meta(request->body), "managedFields");
  if (json_is(managed, JSON_ARRAY) && managed->count)
    return api_bad_request(call, "metadata.managedFields must be nil");
  return RC_OK;
}

int fields_apply(struct api_call *call, const struct write_request *request, struct json *old,
                 struct json **ret_object) {
  struct arena *arena = call->arena;
  const struct schema *schema = request->kind->schema;
  int rc = check_apply(call, request);
  if (rc)
    return rc;
  struct json *known = json_dup(arena, request->body);
  kind_prune(request->kind, known, arena, NULL);
  struct json *body = ownable(known, request->part, arena);
  struct json *applied = fieldset_of(schema, body, arena);
  struct json *base = old ? old : json_new_object(arena), *removed;
  struct json *merged = fieldset_merge(schema, base, request->body, arena);
  struct json *changed = fieldset_changed(schema, ownable(base, request->part, arena),
                                          ownable(merged, request->part, arena), arena, &removed);
  const struct json *had = json_get(api_meta(old), "managedFields");
  struct json *entries = had ? json_dup(arena, had) : json_new_array(arena);
  struct json *own = find_entry(entries, call, request, "Apply");
  struct conflicts conflicts = {.arena = arena, .causes = json_new_array(arena), .text = STR("")};
  JSON_EACH(entry, entries) {
    struct json *fields = json_get(entry, "fieldsV1");
    struct json *clash = entry == own ? NULL : fieldset_both(fields, changed, arena);
    if (fieldset_is_empty(clash))
      continue;
    add_entry_conflicts(&conflicts, entry, clash);
    json_put(arena, entry, "fieldsV1", fieldset_minus(fields, clash, arena));
  }
  if (conflicts.count && !request->force)
    return refuse(call, &conflicts);
  struct json *dropped = fieldset_minus(json_get(own, "fieldsV1"), applied, arena);
  fieldset_remove(schema, merged, only_ours(entries, own, dropped, arena), arena);
  if (!own)
    json_append(entries, entry_new(call, request, "Apply", applied));
  else
    json_replace(entries, own, entry_new(call, request, "Apply", applied));
  set_entries(arena, merged, entries);
  *ret_object = merged;
  return RC_OK;
}
