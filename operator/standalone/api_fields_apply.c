// SPDX-License-Identifier: Apache-2.0
// Server-side apply: conflicts, the merge, what the applier no longer has.
#include "manifests/text/time.h"
#include "operator/standalone/api_fields_state.h"

#include <stdlib.h>

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define LAST_APPLIED_MAX (256u << 10)

struct conflicts {
  const struct fields *f;
  struct json *causes;
  struct str who, text; // of the owner; of the message
  struct str first;     // path
  size_t count;
};

static void add_conflict(struct str path, void *context) {
  struct conflicts *c = context;
  struct arena *arena = c->f->arena;
  struct json *cause = json_new_object(arena);
  json_put_z(arena, cause, "reason", "FieldManagerConflict");
  json_put_string(arena, cause, "message",
                  arena_printf(arena, "conflict with %.*s", STR_ARG(c->who)));
  json_put_string(arena, cause, "field", path);
  json_append(c->causes, cause);
  c->text = arena_printf(arena, "%.*s\n- %.*s", STR_ARG(c->text), STR_ARG(path));
  if (!c->count++)
    c->first = path;
}

static struct str name_owner(const struct field_owner *owner, struct arena *arena) {
  struct buf text;
  buf_init(&text, 4096);
  json_write_string(&text, owner->manager);
  if (owner->subresource.len)
    buf_addf(&text, " with subresource \"%.*s\"", STR_ARG(owner->subresource));
  if (!owner->applies)
    buf_addf(&text, " using %.*s", STR_ARG(owner->api_version));
  struct str name = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  return name;
}

static int refuse(struct fields *f, const struct conflicts *c) {
  struct api_call *call = f->call;
  int rc;
  if (c->count == 1)
    rc = api_fail(call, 409, "Conflict", "Apply failed with 1 conflict: conflict with %.*s: %.*s",
                  STR_ARG(c->who), STR_ARG(c->first));
  else
    rc = api_fail(call, 409, "Conflict", "Apply failed with %zu conflicts: %.*s", c->count,
                  STR_ARG(str_slice(c->text, 1, c->text.len)));
  call->fault.details = json_new_object(f->arena);
  json_put(f->arena, call->fault.details, "causes", c->causes);
  return rc;
}

struct clash {
  struct str who;
  struct fieldset *fields;
};

static int by_who(const void *a, const void *b) {
  const struct clash *x = a, *y = b;
  return str_cmp(x->who, y->who);
}

int fields_check_conflicts(struct fields *f, const struct field_owner *own,
                           const struct fieldset *touched, const struct fieldset *allowed) {
  struct conflicts c = {.f = f, .causes = json_new_array(f->arena), .text = STR("")};
  struct clash *clashes = ARENA_ARRAY(f->arena, struct clash, f->owners.count + 1);
  size_t count = 0;
  for (size_t i = 0; i < f->owners.count; i++) {
    const struct field_owner *owner = &f->owners.items[i];
    struct fieldset *fields = owner == own ? NULL : fieldset_both(owner->fields, touched, f->arena);
    fields = fieldset_minus(fields, allowed, f->arena);
    if (!fieldset_is_empty(fields))
      clashes[count++] = (struct clash){name_owner(owner, f->arena), fields};
  }
  if (count > 1)
    qsort(clashes, count, sizeof(clashes[0]), by_who);
  for (size_t i = 0; i < count; i++) {
    c.who = clashes[i].who;
    c.text = arena_printf(f->arena, "%.*s\nconflicts with %.*s:", STR_ARG(c.text), STR_ARG(c.who));
    fieldset_paths(clashes[i].fields, f->arena, add_conflict, &c);
  }
  return c.count ? refuse(f, &c) : RC_OK;
}

// Takes out what this manager applied before and leaves out now, unless another owns it.
static struct json *prune(struct fields *f, struct json *merged, const struct fieldset *last) {
  const struct json *schema = f->schema;
  struct arena *arena = f->arena;
  if (fieldset_is_empty(last))
    return merged;
  struct fieldset *ensured = typed_ensure(schema, last, arena), *managed = fieldset_new(arena);
  for (size_t i = 0; i < f->owners.count; i++)
    managed = fieldset_union(managed, f->owners.items[i].fields, arena);
  struct json *pruned = typed_remove(schema, merged, ensured, arena);
  struct fieldset *merged_set = typed_ensure(schema, typed_fields(schema, merged, arena), arena);
  struct fieldset *pruned_set = typed_ensure(schema, typed_fields(schema, pruned, arena), arena);
  // Back comes what others own,
  struct fieldset *kept = fieldset_union(pruned_set, typed_ensure(schema, managed, arena), arena);
  pruned = typed_remove(schema, merged, fieldset_minus(merged_set, kept, arena), arena);
  // and what was not this manager's in the first place.
  pruned_set = typed_ensure(schema, typed_fields(schema, pruned, arena), arena);
  struct fieldset *gone = fieldset_minus(merged_set, pruned_set, arena);
  return typed_remove(schema, merged, fieldset_both(gone, ensured, arena), arena);
}

// "apps/v1" -> its two parts; a third one makes it none at all.
static void split_version(struct str version, struct str *ret_group, struct str *ret_version) {
  ptrdiff_t slash = str_find_char(version, '/');
  *ret_group = slash < 0 ? STR("") : str_slice(version, 0, (size_t)slash);
  *ret_version = slash < 0 ? version : str_slice(version, (size_t)slash + 1, version.len);
  if (str_find_char(*ret_version, '/') >= 0)
    *ret_group = *ret_version = STR("");
}

int fields_check_type(const struct fields *f, struct str version, const char *kind) {
  const struct json *body = f->request->body;
  struct str have = json_get_string(body, "apiVersion"), have_kind = json_get_string(body, "kind");
  struct str group, number;
  if (str_eq(have, version) && str_eq_z(have_kind, kind))
    return RC_OK;
  split_version(have, &group, &number);
  return api_bad_request(f->call, "invalid object type: %.*s/%.*s, Kind=%.*s", STR_ARG(group),
                         STR_ARG(number), STR_ARG(have_kind));
}

int fields_check_manager(const struct fields *f) {
  if (f->request->manager.len)
    return RC_OK;
  return api_bad_option(f->call, "PatchOptions", "fieldManager", "FieldValueRequired",
                        STR("Required value: is required for apply patch"));
}

int fields_bad_type(const struct fields *f, struct str version, const char *kind, const char *why) {
  const struct json *meta = api_meta(f->request->body);
  return api_fail(
      f->call, 500, NULL, "failed to create typed patch object (%.*s/%.*s; %s%.*s, Kind=%s): %s",
      STR_ARG(json_get_string(meta, "namespace")), STR_ARG(json_get_string(meta, "name")),
      str_find_char(version, '/') < 0 ? "/" : "", STR_ARG(version), kind, why);
}

static int check_apply(const struct fields *f) {
  const struct write_request *request = f->request;
  const struct json *meta = api_meta(request->body);
  struct str version = kind_api_version(request->kind, request->version, f->arena);
  struct err err;
  int rc = fields_check_manager(f);
  if (!rc)
    rc = fields_check_type(f, version, request->kind->kind);
  if (rc)
    return rc;
  if (json_get(meta, "managedFields"))
    return api_bad_request(f->call, "metadata.managedFields must be nil");
  if (typed_check(f->schema, request->body, f->arena, &err))
    return fields_bad_type(f, version, request->kind->kind, err.msg);
  return RC_OK;
}

// The fields of kubectl's own annotation that are still as it says: a move from client-side to
// server-side apply by the same kubectl is no conflict.
static struct fieldset *still_applied(const struct fields *f, const struct json *live) {
  struct str text = json_get_string(json_get(api_meta(live), "annotations"), LAST_APPLIED);
  struct json *last = NULL;
  if (!str_eq_z(f->request->manager, "kubectl") || !text.len ||
      json_parse(text, f->arena, &last, NULL) || !json_is(last, JSON_OBJECT))
    return NULL;
  struct typed_change change = typed_compare(f->schema, last, live, f->arena);
  struct fieldset *set = typed_fields(f->schema, last, f->arena);
  set = fieldset_minus(set, fields_touched_by(f, &change), f->arena);
  return fieldset_minus(set, change.removed, f->arena);
}

// kubectl's annotation goes with what kubectl applies, where it is there.
static void sync_annotation(const struct fields *f, struct json *object) {
  struct json *annotations = json_get(api_meta(object), "annotations");
  if (!str_eq_z(f->request->manager, "kubectl") || !json_get(annotations, LAST_APPLIED))
    return;
  struct json *body = json_dup(f->arena, f->request->body);
  json_remove(json_get(api_meta(body), "annotations"), STR(LAST_APPLIED));
  struct buf text;
  buf_init(&text, LAST_APPLIED_MAX);
  if (json_write_canonical(&text, body) == RC_OK && buf_add_char(&text, '\n') == RC_OK)
    json_put_string(f->arena, annotations, LAST_APPLIED, buf_str(&text));
  else
    json_remove(annotations, STR(LAST_APPLIED));
  buf_dispose(&text);
}

static struct json *live_of(const struct fields *f, const struct json *old) {
  if (old)
    return json_dup(f->arena, old);
  struct json *empty = json_new_object(f->arena);
  json_put_string(f->arena, empty, "apiVersion",
                  kind_api_version(f->request->kind, f->request->version, f->arena));
  json_put_z(f->arena, empty, "kind", f->request->kind->kind);
  return empty;
}

int fields_apply(struct api_call *call, const struct write_request *request,
                 const struct json *schema, struct json *old, struct json **ret_object) {
  struct fields f;
  fields_init(&f, call, request, schema);
  int rc = check_apply(&f);
  if (rc)
    return rc;
  struct json *live = live_of(&f, old);
  (void)field_owners_read(&f.owners, json_get(api_meta(live), "managedFields"), f.arena);
  if (api_meta(live))
    json_remove(api_meta(live), STR("managedFields"));
  if (old && !f.owners.count) {
    struct field_owner before = fields_writer(&f, false);
    before.manager = STR("before-first-apply");
    fields_update(&f, fields_seen(&f, NULL), fields_seen(&f, live), before);
  }
  fields_reconcile(&f, live);
  struct field_owner self = fields_writer(&f, true), *own = field_owners_find(&f.owners, &self);
  struct fieldset *last = own ? own->fields : NULL;
  if (!own)
    own = field_owners_add(&f.owners, &self);
  own->api_version = self.api_version;
  own->fields = typed_fields(schema, request->body, f.arena);
  fields_drop_reset(&f, own->fields);
  struct json *merged = prune(&f, typed_merge(schema, live, request->body, f.arena), last);
  struct typed_change change = fields_changes(&f, fields_seen(&f, live), fields_seen(&f, merged));
  if (!request->force)
    rc = fields_check_conflicts(&f, own, fields_touched_by(&f, &change), still_applied(&f, live));
  if (rc)
    return rc;
  fields_take_from_others(&f, &change, own);
  own->fields = fields_stripped(&f, own->fields);
  if (!json_equal(live, merged)) // else the entry keeps its time
    own->time = time_format(f.arena, call->now_ms);
  sync_annotation(&f, merged);
  fields_set_owners(&f, merged);
  *ret_object = merged;
  return RC_OK;
}
