// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_fields.h"
#include "manifests/base/bug.h"
#include "manifests/text/time.h"
#include "operator/standalone/field_owners.h"
#include "operator/standalone/fieldset_typed.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define LAST_APPLIED_MAX (256u << 10)
#define UPDATERS_MAX 10u
#define MANAGER_MAX 128u

// A write in terms of fields.
struct fields {
  struct api_call *call;
  const struct write_request *request;
  const struct json *schema;
  struct arena *arena;
  struct field_owners owners;
};

static void fields_init(struct fields *f, struct api_call *call,
                        const struct write_request *request, const struct json *schema) {
  *f = (struct fields){call, request, schema, call->arena, {.arena = call->arena}};
}

static struct str manager_of(const struct fields *f) {
  if (f->request->manager.len)
    return f->request->manager;
  struct str agent = f->call->user_agent;
  ptrdiff_t slash = str_find_char(agent, '/');
  struct str name = slash < 0 ? agent : str_slice(agent, 0, (size_t)slash);
  return name.len ? str_slice(name, 0, MANAGER_MAX) : STR("unknown");
}

static struct field_owner writer(const struct fields *f, bool applies) {
  static const char *const parts[] = {
      [WRITE_MAIN] = "", [WRITE_STATUS] = "status", [WRITE_SCALE] = "scale"};
  return (struct field_owner){.manager = manager_of(f),
                              .api_version =
                                  kind_api_version(f->request->kind, f->request->version, f->arena),
                              .subresource = str_of(parts[f->request->part]),
                              .applies = applies};
}

// The object as it is compared: without managedFields, and as Go's structs show it.
static struct json *seen(const struct fields *f, const struct json *object) {
  struct json *copy = object ? json_dup(f->arena, object) : json_new_object(f->arena);
  if (api_meta(copy))
    json_remove(api_meta(copy), STR("managedFields"));
  if (f->request->kind->builtin)
    typed_fill(f->schema, copy, f->arena);
  return copy;
}

// What a write through this part of the object cannot change.
static void drop_reset(const struct fields *f, struct fieldset *set) {
  const struct kind_desc *kind = f->request->kind;
  if (f->request->part == WRITE_STATUS) {
    fieldset_drop(set, (const char *const[]){"f:spec", NULL}, true);
    if (kind->builtin)
      fieldset_drop(set, (const char *const[]){"f:metadata", "f:labels", NULL}, true);
  } else if (kind->has_status) {
    fieldset_drop(set, (const char *const[]){"f:status", NULL}, true);
  }
}

// The set without what nobody owns: identity, and what the server sets.
static struct fieldset *stripped(const struct fields *f, struct fieldset *set) {
  static const char *const own[] = {"f:name",       "f:namespace",     "f:creationTimestamp",
                                    "f:selfLink",   "f:uid",           "f:clusterName",
                                    "f:generation", "f:managedFields", "f:resourceVersion"};
  fieldset_drop(set, (const char *const[]){"f:apiVersion", NULL}, false);
  fieldset_drop(set, (const char *const[]){"f:kind", NULL}, false);
  fieldset_drop(set, (const char *const[]){"f:metadata", NULL}, false);
  for (size_t i = 0; i < ARRAY_LEN(own); i++)
    fieldset_drop(set, (const char *const[]){"f:metadata", own[i], NULL}, false);
  return fieldset_union(set, NULL, f->arena); // without the steps that lead to nothing now
}

static void set_owners(struct fields *f, struct json *object) {
  struct json *list = field_owners_write(&f->owners);
  struct json *meta = json_need_object(f->arena, object, "metadata");
  if (list)
    json_put(f->arena, meta, "managedFields", list);
  else
    json_remove(meta, STR("managedFields"));
}

static struct fieldset *touched_by(const struct fields *f, const struct typed_change *change) {
  return fieldset_union(change->added, change->modified, f->arena);
}

static struct typed_change changes(const struct fields *f, const struct json *a,
                                   const struct json *b) {
  struct typed_change change = typed_compare(f->schema, a, b, f->arena);
  drop_reset(f, change.added);
  drop_reset(f, change.modified);
  drop_reset(f, change.removed);
  return change;
}

static void reconcile(struct fields *f, const struct json *live) {
  for (size_t i = 0; i < f->owners.count; i++)
    f->owners.items[i].fields =
        typed_reconcile(f->schema, live, f->owners.items[i].fields, f->arena);
}

// Takes what changed from all owners but `but`.
static void take_from_others(struct fields *f, const struct typed_change *change,
                             const struct field_owner *but) {
  struct fieldset *touched = touched_by(f, change);
  for (size_t i = 0; i < f->owners.count; i++) {
    struct field_owner *owner = &f->owners.items[i];
    if (owner == but)
      continue;
    owner->fields = fieldset_minus(owner->fields, touched, f->arena);
    owner->fields = fieldset_minus(owner->fields, change->removed, f->arena);
  }
}

// --- Updates

static void update(struct fields *f, const struct json *a, const struct json *b,
                   struct field_owner self) {
  reconcile(f, a);
  struct typed_change change = changes(f, a, b);
  struct fieldset *own = touched_by(f, &change);
  take_from_others(f, &change, NULL);
  own = stripped(f, own);
  if (!fieldset_is_empty(own)) {
    struct field_owner *known = field_owners_find(&f->owners, &self);
    if (!known) {
      self.fields = fieldset_new(f->arena);
      known = field_owners_add(&f->owners, &self);
    }
    known->fields = fieldset_union(known->fields, own, f->arena);
    known->time = time_format(f->arena, f->call->now_ms);
  }
  field_owners_cap(&f->owners, UPDATERS_MAX);
}

// An empty list, or one empty entry, asks that nobody own anything any more.
static bool is_reset(const struct json *list) {
  return json_is(list, JSON_ARRAY) &&
         (list->count == 0 ||
          (list->count == 1 && json_is(list->child, JSON_OBJECT) && list->child->count == 0));
}

int fields_check(struct api_call *call, const struct kind_desc *kind, const struct json *object) {
  const struct json *entries = json_get(api_meta(object), "managedFields");
  bool good = !entries || json_is(entries, JSON_ARRAY) || json_is(entries, JSON_NULL);
  JSON_EACH(entry, good ? entries : NULL)
    good = good && json_is(entry, JSON_OBJECT);
  if (good)
    return RC_OK;
  return api_invalid(call, kind, api_meta_string(object, "name"), "metadata.managedFields",
                     "FieldValueInvalid", "Invalid value: expected a list of objects");
}

void fields_track(struct api_call *call, const struct write_request *request,
                  const struct json *schema, struct json *object, const struct json *old) {
  struct fields f;
  if (request->verb == WRITE_APPLY)
    return;
  fields_init(&f, call, request, schema);
  const struct json *given = json_get(api_meta(object), "managedFields");
  const struct json *had = json_get(api_meta(old), "managedFields");
  bool reset = request->part == WRITE_MAIN && is_reset(given);
  bool use_given = request->part == WRITE_MAIN && json_is(given, JSON_ARRAY) && !reset;
  if (use_given && (!field_owners_read(&f.owners, given, f.arena) || !f.owners.count))
    use_given = false;
  if (!use_given && !reset)
    (void)field_owners_read(&f.owners, had, f.arena);
  if (old && !f.owners.count) { // not tracked before its first apply
    if (api_meta(object))
      json_remove(api_meta(object), STR("managedFields"));
    return;
  }
  update(&f, seen(&f, old), seen(&f, object), writer(&f, false));
  set_owners(&f, object);
}

// --- Applies

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

// 409 when others own what changes, but for `allowed`.
static int check_conflicts(struct fields *f, const struct field_owner *own,
                           const struct fieldset *touched, const struct fieldset *allowed) {
  struct conflicts c = {.f = f, .causes = json_new_array(f->arena), .text = STR("")};
  struct str who = STR_NULL;
  for (size_t i = 0; i < f->owners.count; i++) {
    const struct field_owner *owner = &f->owners.items[i];
    struct fieldset *clash = owner == own ? NULL : fieldset_both(owner->fields, touched, f->arena);
    clash = fieldset_minus(clash, allowed, f->arena);
    if (fieldset_is_empty(clash))
      continue;
    who = name_owner(owner, f->arena);
    c.who = who;
    c.text = arena_printf(f->arena, "%.*s\nconflicts with %.*s:", STR_ARG(c.text), STR_ARG(c.who));
    fieldset_paths(clash, f->arena, add_conflict, &c);
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

static int check_apply(const struct fields *f) {
  const struct write_request *request = f->request;
  struct err err;
  if (request->manager.len == 0)
    return api_bad_option(f->call, "PatchOptions", "fieldManager", "FieldValueRequired",
                          STR("Required value: is required for apply patch"));
  if (json_get(api_meta(request->body), "managedFields"))
    return api_bad_request(f->call, "metadata.managedFields must be nil");
  if (typed_check(f->schema, request->body, f->arena, &err)) {
    struct str version = kind_api_version(request->kind, request->version, f->arena);
    return api_fail(f->call, 500, NULL,
                    "failed to create typed patch object (%.*s/%.*s; %.*s, Kind=%s): %s",
                    STR_ARG(request->ns), STR_ARG(request->name), STR_ARG(version),
                    request->kind->kind, err.msg);
  }
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
  set = fieldset_minus(set, touched_by(f, &change), f->arena);
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
    struct field_owner before = writer(&f, false);
    before.manager = STR("before-first-apply");
    update(&f, seen(&f, NULL), seen(&f, live), before);
  }
  reconcile(&f, live);
  struct field_owner self = writer(&f, true), *own = field_owners_find(&f.owners, &self);
  struct fieldset *last = own ? own->fields : NULL;
  if (!own)
    own = field_owners_add(&f.owners, &self);
  own->api_version = self.api_version;
  own->fields = typed_fields(schema, request->body, f.arena);
  drop_reset(&f, own->fields);
  struct json *merged = prune(&f, typed_merge(schema, live, request->body, f.arena), last);
  struct typed_change change = changes(&f, seen(&f, live), seen(&f, merged));
  if (!request->force)
    rc = check_conflicts(&f, own, touched_by(&f, &change), still_applied(&f, live));
  if (rc)
    return rc;
  take_from_others(&f, &change, own);
  own->fields = stripped(&f, own->fields);
  if (!json_equal(live, merged)) // else the entry keeps its time
    own->time = time_format(f.arena, call->now_ms);
  sync_annotation(&f, merged);
  set_owners(&f, merged);
  *ret_object = merged;
  return RC_OK;
}
