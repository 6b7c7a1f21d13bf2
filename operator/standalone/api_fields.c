// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_fields_state.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/pod.h"
#include "manifests/text/time.h"

#define UPDATERS_MAX 10u
#define MANAGER_MAX 128u

void fields_init(struct fields *f, struct api_call *call, const struct write_request *request,
                 const struct json *schema) {
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

struct field_owner fields_writer(const struct fields *f, bool applies) {
  static const char *const parts[] = {
      [WRITE_MAIN] = "", [WRITE_STATUS] = "status", [WRITE_SCALE] = "scale"};
  return (struct field_owner){.manager = manager_of(f),
                              .api_version =
                                  kind_api_version(f->request->kind, f->request->version, f->arena),
                              .subresource = str_of(parts[f->request->part]),
                              .applies = applies};
}

// The object as it is compared: without managedFields, and as Go's structs show it.
struct json *fields_seen(const struct fields *f, const struct json *object) {
  struct json *copy = object ? json_dup(f->arena, object) : json_new_object(f->arena);
  if (api_meta(copy))
    json_remove(api_meta(copy), STR("managedFields"));
  if (f->request->kind->builtin)
    typed_fill(f->schema, copy, f->arena);
  return copy;
}

// What a write through this part of the object cannot change.
void fields_drop_reset(const struct fields *f, struct fieldset *set) {
  const struct kind_desc *kind = f->request->kind;
  if (f->request->part == WRITE_STATUS) {
    fieldset_drop(set, (const char *const[]){"f:spec", NULL}, true);
    if (kind == &deployment_kind)
      fieldset_drop(set, (const char *const[]){"f:metadata", "f:labels", NULL}, true);
    if (kind == &pod_kind)
      fieldset_drop(set, (const char *const[]){"f:metadata", "f:ownerReferences", NULL}, true);
  } else if (kind->has_status) {
    fieldset_drop(set, (const char *const[]){"f:status", NULL}, true);
  }
}

// The set without what nobody owns: identity, and what the server sets.
struct fieldset *fields_stripped(const struct fields *f, struct fieldset *set) {
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

void fields_set_owners(struct fields *f, struct json *object) {
  struct json *list = field_owners_write(&f->owners);
  struct json *meta = json_need_object(f->arena, object, "metadata");
  if (list)
    json_put(f->arena, meta, "managedFields", list);
  else
    json_remove(meta, STR("managedFields"));
}

struct fieldset *fields_touched_by(const struct fields *f, const struct typed_change *change) {
  return fieldset_union(change->added, change->modified, f->arena);
}

struct typed_change fields_changes(const struct fields *f, const struct json *a,
                                   const struct json *b) {
  struct typed_change change = typed_compare(f->schema, a, b, f->arena);
  fields_drop_reset(f, change.added);
  fields_drop_reset(f, change.modified);
  fields_drop_reset(f, change.removed);
  return change;
}

void fields_reconcile(struct fields *f, const struct json *live) {
  for (size_t i = 0; i < f->owners.count; i++)
    f->owners.items[i].fields =
        typed_reconcile(f->schema, live, f->owners.items[i].fields, f->arena);
}

// Takes what changed from all owners but `but`.
void fields_take_from_others(struct fields *f, const struct typed_change *change,
                             const struct field_owner *but) {
  struct fieldset *touched = fields_touched_by(f, change);
  for (size_t i = 0; i < f->owners.count; i++) {
    struct field_owner *owner = &f->owners.items[i];
    if (owner == but)
      continue;
    owner->fields = fieldset_minus(owner->fields, touched, f->arena);
    owner->fields = fieldset_minus(owner->fields, change->removed, f->arena);
  }
}

// --- Updates

void fields_update(struct fields *f, const struct json *a, const struct json *b,
                   struct field_owner self) {
  fields_reconcile(f, a);
  struct typed_change change = fields_changes(f, a, b);
  struct fieldset *own = fields_touched_by(f, &change);
  fields_take_from_others(f, &change, NULL);
  own = fields_stripped(f, own);
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

// One empty entry asks that nobody own anything any more; of Kubernetes' own kinds an empty list,
// too.
static bool is_reset(const struct kind_desc *kind, const struct json *list) {
  return json_is(list, JSON_ARRAY) &&
         ((list->count == 0 && kind->builtin) ||
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
  if (request->verb == WRITE_APPLY || request->part == WRITE_SCALE)
    return;
  fields_init(&f, call, request, schema);
  const struct json *given = json_get(api_meta(object), "managedFields");
  const struct json *had = json_get(api_meta(old), "managedFields");
  bool reset = request->part == WRITE_MAIN && is_reset(request->kind, given);
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
  fields_update(&f, fields_seen(&f, old), fields_seen(&f, object), fields_writer(&f, false));
  fields_set_owners(&f, object);
}
