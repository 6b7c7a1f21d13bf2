// SPDX-License-Identifier: Apache-2.0
// Who owns the replicas that are written through the scale subresource. A real server takes the
// owners of the replicas over to the Scale, lets its field manager work on that, and brings them
// back; on the way an updater loses its time and comes to stand in an entry of its own. Source:
// k8s.io/apimachinery pkg/util/managedfields/scalehandler.go.
#include "operator/standalone/api_fields_state.h"

#define SCALE_VERSION "autoscaling/v1"

struct scaling {
  struct fields fields;        // of the object; its owners
  struct field_owners holders; // of the replicas, as the Scale has them
  struct fieldset *replicas;   // the path in the object
};

static struct fieldset *path_of(const struct kind_desc *kind, struct arena *arena) {
  struct fieldset *set = fieldset_new(arena), *at = set;
  struct str path = str_of(kind->scale_spec + 1), step;
  while (path.ptr && str_next(&path, '.', &step))
    at = fieldset_step(at, arena_printf(arena, "f:%.*s", STR_ARG(step)), arena);
  at->is_member = true;
  return set;
}

static bool holds(const struct scaling *s, const struct field_owner *owner) {
  return !fieldset_is_empty(fieldset_both(owner->fields, s->replicas, s->fields.arena));
}

static void read_holders(struct scaling *s) {
  for (size_t i = 0; i < s->fields.owners.count; i++) {
    struct field_owner holder = s->fields.owners.items[i];
    if (!holds(s, &holder))
      continue;
    holder.api_version = STR(SCALE_VERSION);
    holder.fields = s->replicas;
    (void)field_owners_add(&s->holders, &holder);
  }
}

static struct field_owner *hold(struct scaling *s, struct field_owner self) {
  struct field_owner *known = field_owners_find(&s->holders, &self);
  self.fields = s->replicas;
  return known ? known : field_owners_add(&s->holders, &self);
}

static void drop_all_but(struct scaling *s, const struct field_owner *but) {
  for (size_t i = 0; i < s->holders.count; i++)
    if (&s->holders.items[i] != but)
      s->holders.items[i].fields = fieldset_new(s->fields.arena);
}

static int apply(struct scaling *s, struct field_owner self, bool had, bool change, bool sets) {
  if (!s->holders.count && had) {
    struct field_owner before = self;
    before.manager = STR("before-first-apply");
    before.applies = false;
    (void)hold(s, before);
  }
  struct field_owner *own = field_owners_find(&s->holders, &self);
  struct fields view =
      s->fields; // the Scale's own field has the same name wherever the object's is
  view.owners = s->holders;
  const char *const field[] = {"f:spec", "f:replicas"};
  struct fieldset *touched = fieldset_new(view.arena), *at = touched;
  for (size_t i = 0; i < 2; i++)
    at = fieldset_step(at, str_of(field[i]), view.arena);
  at->is_member = true;
  for (size_t i = 0; i < view.owners.count; i++)
    view.owners.items[i].fields = touched;
  int rc =
      change && !view.request->force ? fields_check_conflicts(&view, own, touched, NULL) : RC_OK;
  for (size_t i = 0; i < s->holders.count; i++)
    s->holders.items[i].fields = s->replicas;
  if (rc)
    return rc;
  if (sets)
    own = hold(s, self);
  else if (own)
    own->fields = fieldset_new(view.arena);
  if (change)
    drop_all_but(s, own);
  return RC_OK;
}

// The holders back into the object's owners.
static void bring_back(struct scaling *s, struct str version) {
  struct fields *f = &s->fields;
  size_t count = f->owners.count;
  for (size_t i = 0; i < count; i++) {
    struct field_owner *owner = &f->owners.items[i];
    struct field_owner *same = owner->applies ? field_owners_find(&s->holders, owner) : NULL;
    if (!holds(s, owner))
      continue;
    if (same && !fieldset_is_empty(same->fields))
      same->fields = fieldset_new(f->arena); // not stolen: it stays as it is
    else
      owner->fields = fieldset_minus(owner->fields, s->replicas, f->arena);
  }
  for (size_t i = 0; i < s->holders.count; i++) {
    struct field_owner holder = s->holders.items[i];
    if (fieldset_is_empty(holder.fields))
      continue;
    holder.api_version = version;
    holder.time = STR("");
    (void)field_owners_add(&f->owners, &holder);
  }
}

// The types of what is applied.
static int check_applied(const struct fields *f) {
  static const char text[] =
      "{\"type\":\"object\",\"properties\":{\"apiVersion\":{\"type\":\"string\"},\"kind\":{"
      "\"type\":\"string\"},\"metadata\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":"
      "\"string\"}},\"additionalProperties\":{}},\"spec\":{\"type\":\"object\",\"properties\":{"
      "\"replicas\":{\"type\":\"integer\"}}},\"status\":{\"type\":\"object\"}}}";
  struct json *schema;
  struct err err;
  int rc = fields_check_manager(f);
  if (!rc)
    rc = fields_check_type(f, STR(SCALE_VERSION), "Scale");
  if (rc || json_parse(str_of(text), f->arena, &schema, NULL))
    return rc;
  if (json_get(api_meta(f->request->body), "managedFields"))
    return api_bad_request(f->call, "metadata.managedFields must be nil");
  return typed_check(schema, f->request->body, f->arena, &err)
             ? fields_bad_type(f, STR(SCALE_VERSION), "Scale", err.msg)
             : RC_OK;
}

int fields_scale(struct api_call *call, const struct write_request *request, struct json *object,
                 int64_t old_replicas, int64_t replicas) {
  struct scaling s = {.holders = {.arena = call->arena}};
  struct fields *f = &s.fields;
  int rc = RC_OK;
  fields_init(f, call, request, NULL);
  struct str version = kind_api_version(request->kind, request->version, call->arena);
  bool applies = request->verb == WRITE_APPLY, change = old_replicas != replicas;
  if (applies && (rc = check_applied(f)))
    return rc;
  (void)field_owners_read(&f->owners, json_get(api_meta(object), "managedFields"), call->arena);
  s.replicas = path_of(request->kind, call->arena);
  read_holders(&s);
  struct field_owner self = fields_writer(f, applies);
  self.api_version = STR(SCALE_VERSION);
  bool sets = json_path(request->body, "spec.replicas") != NULL;
  if (applies) // zero that is applied is a field that was not there
    rc = apply(&s, self, old_replicas != 0, sets && (change || !old_replicas), sets);
  else if (s.holders.count && change)
    drop_all_but(&s, replicas ? hold(&s, self) : NULL);
  if (rc)
    return rc;
  bring_back(&s, version);
  fields_set_owners(f, object);
  return RC_OK;
}
