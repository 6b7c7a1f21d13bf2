// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_delete.h"
#include "manifests/kinds/custom_resource_definition.h"
#include "manifests/kinds/event.h"
#include "manifests/kinds/namespace.h"
#include "manifests/kinds/pod.h"
#include "manifests/kinds/registry.h"
#include "manifests/text/time.h"
#include "operator/standalone/api_definition.h"
#include "operator/standalone/crd_kind.h"

#define FOREGROUND "foregroundDeletion"
#define EVENT_LIFE_MS (60 * 60 * 1000)
#define CASCADE_DEPTH 16 // deeper chains are left to the next sweep

struct cascade {
  struct api *api;
  struct api_call *call;
  int depth;
  bool purging; // a namespace is being emptied: it looks after itself
};

static int delete_object(struct cascade *c, const struct kind_desc *kind, const struct json *old,
                         int64_t grace, enum propagation propagation, struct json **ret_object);

static struct store_key key_of(struct cascade *c, const struct kind_desc *kind,
                               const struct json *object) {
  return api_key(c->call->arena, kind, api_meta_string(object, "namespace"),
                 api_meta_string(object, "name"));
}

// False when the object, or its kind in this build, is not there.
static bool load(struct cascade *c, struct store_key key, const struct kind_desc **ret_kind,
                 struct json **ret_object) {
  *ret_kind = api_kind_of(c->api->kinds, key.resource);
  return *ret_kind && api_load(c->api, c->call, key, ret_object, NULL) == RC_OK;
}

static bool has_live_owner(struct cascade *c, const struct json *object, struct str but_uid) {
  JSON_EACH(owner, json_get(api_meta(object), "ownerReferences")) {
    struct str uid = json_get_string(owner, "uid");
    if (!str_eq(uid, but_uid) && store_has_uid(c->api->store, uid))
      return true;
  }
  return false;
}

static int drop_owner(struct cascade *c, const struct kind_desc *kind, const struct json *old,
                      struct str uid) {
  struct json *object = json_dup(c->call->arena, old);
  struct json *meta = api_meta(object), *owners = json_get(meta, "ownerReferences");
  size_t index = 0;
  for (struct json *owner = owners->child, *next; owner; owner = next) {
    next = owner->next;
    if (str_eq(json_get_string(owner, "uid"), uid))
      json_remove_at(owners, index);
    else
      index++;
  }
  if (owners->count == 0)
    json_remove(meta, STR("ownerReferences"));
  return api_store(c->api, c->call, STORE_MODIFIED, kind, object, old);
}

static int each_dependent(struct cascade *c, struct str uid, enum propagation propagation) {
  struct store_key *keys;
  size_t count;
  struct err err;
  int rc = store_owned_by(c->api->store, uid, c->call->arena, &keys, &count, &err);
  if (rc)
    return api_fail_err(c->call, &err);
  for (size_t i = 0; !rc && i < count; i++) {
    const struct kind_desc *kind;
    struct json *object, *ignored;
    if (!load(c, keys[i], &kind, &object))
      continue;
    if (propagation == PROPAGATE_ORPHAN || has_live_owner(c, object, uid))
      rc = drop_owner(c, kind, object, uid);
    else if (!api_is_deleting(object))
      rc = delete_object(c, kind, object, -1, propagation, &ignored);
  }
  return rc;
}

static bool has_dependents(struct cascade *c, struct str uid) {
  struct store_key *keys;
  size_t count = 0;
  return store_owned_by(c->api->store, uid, c->call->arena, &keys, &count, NULL) == RC_OK &&
         count > 0;
}

static int remove_object(struct cascade *c, const struct kind_desc *kind, const struct json *old);

static bool is_held(const struct kind_desc *kind, const struct json *object) {
  const struct json *finalizers = json_get(api_meta(object), "finalizers");
  if (json_is(finalizers, JSON_ARRAY) && finalizers->count)
    return true;
  return kind == &pod_kind &&
         json_int(json_get(api_meta(object), "deletionGracePeriodSeconds"), 0) > 0;
}

static struct json *without_finalizer(struct arena *arena, const struct json *old,
                                      const char *finalizer) {
  struct json *object = json_dup(arena, old);
  struct json *finalizers = json_get(api_meta(object), "finalizers");
  size_t index = 0;
  for (struct json *item = finalizers ? finalizers->child : NULL, *next; item; item = next) {
    next = item->next;
    if (str_eq_z(json_string(item), finalizer))
      json_remove_at(finalizers, index);
    else
      index++;
  }
  if (finalizers && finalizers->count == 0)
    json_remove(api_meta(object), STR("finalizers"));
  return object;
}

// An owner that waits for its dependents goes when the last one has gone.
static int finish_foreground(struct cascade *c, const struct kind_desc *kind,
                             const struct json *owner) {
  if (!api_is_deleting(owner) || !api_has_finalizer(owner, FOREGROUND) ||
      has_dependents(c, api_meta_string(owner, "uid")))
    return RC_OK;
  struct json *object = without_finalizer(c->call->arena, owner, FOREGROUND);
  if (!is_held(kind, object))
    return remove_object(c, kind, object);
  return api_store(c->api, c->call, STORE_MODIFIED, kind, object, owner);
}

static int tell_owners(struct cascade *c, const struct json *object) {
  int rc = RC_OK;
  JSON_EACH(reference, json_get(api_meta(object), "ownerReferences")) {
    const struct kind_desc *kind =
        api_kind_find(c->api->kinds, json_get_string(reference, "apiVersion"),
                      json_get_string(reference, "kind"));
    struct json *owner;
    if (rc || !kind)
      continue;
    struct store_key key = api_key(c->call->arena, kind, api_meta_string(object, "namespace"),
                                   json_get_string(reference, "name"));
    if (load(c, key, &kind, &owner) &&
        str_eq(api_meta_string(owner, "uid"), json_get_string(reference, "uid")))
      rc = finish_foreground(c, kind, owner);
  }
  return rc;
}

// A namespace that waits for what it holds.
static int finish_namespace(struct cascade *c, struct str name) {
  struct json *ns;
  const struct kind_desc *kind;
  struct store_key *keys;
  size_t count = 1;
  struct store_key key = api_key(c->call->arena, &namespace_kind, STR(""), name);
  if (name.len == 0 || c->purging || !load(c, key, &kind, &ns) || !api_is_deleting(ns))
    return RC_OK;
  struct err err;
  int rc = store_in_namespace(c->api->store, name, c->call->arena, &keys, &count, &err);
  if (rc)
    return api_fail_err(c->call, &err);
  return count || is_held(kind, ns) ? RC_OK : remove_object(c, kind, ns);
}

// A definition that waits for the objects of its kind.
static int finish_definition(struct cascade *c, struct str resource) {
  struct json *definition;
  const struct kind_desc *kind;
  struct store_key none = {.ns = STR(""), .name = STR("")};
  struct store_key key =
      api_key(c->call->arena, &custom_resource_definition_kind, STR(""), resource);
  if (!load(c, key, &kind, &definition) || !api_is_deleting(definition) ||
      store_count(c->api->store, resource, STR(""), none))
    return RC_OK;
  struct json *object = without_finalizer(c->call->arena, definition, CRD_FINALIZER);
  return is_held(kind, object)
             ? api_store(c->api, c->call, STORE_MODIFIED, kind, object, definition)
             : remove_object(c, kind, object);
}

static int remove_object(struct cascade *c, const struct kind_desc *kind, const struct json *old) {
  struct json *object = json_dup(c->call->arena, old);
  int rc = api_store(c->api, c->call, STORE_DELETED, kind, object, NULL);
  if (rc || c->depth >= CASCADE_DEPTH)
    return rc;
  c->depth++;
  rc = each_dependent(c, api_meta_string(old, "uid"), PROPAGATE_BACKGROUND);
  if (!rc)
    rc = tell_owners(c, old);
  if (!rc)
    rc = finish_namespace(c, api_meta_string(old, "namespace"));
  if (!rc && kind->structural)
    rc = finish_definition(c, api_resource_name(c->call->arena, kind));
  c->depth--;
  return rc;
}

static int64_t pod_grace(const struct json *pod, int64_t asked) {
  struct str phase = json_path_string(pod, "status.phase");
  bool ended = str_eq_z(phase, "Succeeded") || str_eq_z(phase, "Failed");
  if (json_path_string(pod, "spec.nodeName").len == 0 || ended)
    return 0;
  if (asked >= 0)
    return asked;
  return json_int(json_path(pod, "spec.terminationGracePeriodSeconds"), 30);
}

static int mark(struct cascade *c, const struct kind_desc *kind, const struct json *old,
                struct json *object, int64_t grace) {
  struct arena *arena = c->call->arena;
  struct json *meta = api_meta(object);
  bool first = !api_is_deleting(old);
  int64_t had = json_int(json_get(meta, "deletionGracePeriodSeconds"), 0);
  if (!first && grace >= had)
    return RC_OK; // a second DELETE changes nothing
  json_put_string(arena, meta, "deletionTimestamp",
                  time_format(arena, c->call->now_ms + grace * 1000));
  json_put_int(arena, meta, "deletionGracePeriodSeconds", grace);
  if (first && kind->has_generation)
    json_put_int(arena, meta, "generation", json_int(json_get(meta, "generation"), 1) + 1);
  return api_store(c->api, c->call, STORE_MODIFIED, kind, object, old);
}

static int empty_namespace(struct cascade *c, struct str name) {
  struct store_key *keys;
  size_t count;
  struct err err;
  int rc = store_in_namespace(c->api->store, name, c->call->arena, &keys, &count, &err);
  if (rc)
    return api_fail_err(c->call, &err);
  bool outer = c->purging;
  c->purging = true;
  for (size_t i = 0; !rc && i < count; i++) {
    const struct kind_desc *kind;
    struct json *object, *ignored;
    if (load(c, keys[i], &kind, &object) && !api_is_deleting(object))
      rc = delete_object(c, kind, object, -1, PROPAGATE_BACKGROUND, &ignored);
  }
  c->purging = outer;
  return rc;
}

static int delete_namespace(struct cascade *c, const struct json *old, struct json **ret_object) {
  struct arena *arena = c->call->arena;
  struct str name = api_meta_string(old, "name");
  if (str_eq_z(name, API_NAMESPACE_DEFAULT) || str_eq_z(name, API_NAMESPACE_SYSTEM))
    return api_forbidden(c->call, &namespace_kind, name, "this namespace may not be deleted");
  struct json *object = json_dup(arena, old);
  json_put_z(arena, json_need_object(arena, object, "status"), "phase", "Terminating");
  int rc = mark(c, &namespace_kind, old, object, 0);
  if (!rc)
    rc = empty_namespace(c, name);
  if (!rc)
    rc = finish_namespace(c, name);
  *ret_object = object;
  return rc;
}

struct names {
  struct arena *arena;
  struct store_key *keys;
  size_t count, capacity;
};

static bool collect_name(const struct store_row *row, void *context) {
  struct names *names = context;
  struct store_key *key = arena_push(names->arena, (void **)&names->keys, &names->count,
                                     &names->capacity, sizeof(*key));
  *key = (struct store_key){STR(""), arena_str(names->arena, row->key.ns),
                            arena_str(names->arena, row->key.name)};
  return true;
}

// With a definition go the objects of its kind; those with finalizers hold it.
static int delete_definition(struct cascade *c, const struct json *old, struct json **ret_object) {
  struct arena *arena = c->call->arena;
  struct str resource = definition_resource(old, arena);
  const struct kind_desc *kind = api_kind_of(c->api->kinds, resource);
  struct names names = {.arena = arena};
  struct json *object = json_dup(arena, old), *item, *ignored;
  struct err err;
  crd_set_condition(object, "Terminating", "True", "InstanceDeletionInProgress",
                    STR("CustomResource deletion is in progress"), c->call->now_ms, arena);
  int rc = mark(c, &custom_resource_definition_kind, old, object, 0);
  *ret_object = object;
  if (!rc &&
      store_list(c->api->store, resource, STR(""),
                 (struct store_key){.ns = STR(""), .name = STR("")}, collect_name, &names, &err))
    rc = api_fail_err(c->call, &err);
  for (size_t i = 0; !rc && kind && i < names.count; i++) {
    struct store_key key = {resource, names.keys[i].ns, names.keys[i].name};
    if (load(c, key, &kind, &item) && !api_is_deleting(item))
      rc = delete_object(c, kind, item, -1, PROPAGATE_BACKGROUND, &ignored);
  }
  return rc ? rc : finish_definition(c, resource);
}

// Sets *ret_object to the marked object, NULL when it went at once.
static int delete_object(struct cascade *c, const struct kind_desc *kind, const struct json *old,
                         int64_t grace, enum propagation propagation, struct json **ret_object) {
  struct arena *arena = c->call->arena;
  struct str uid = api_meta_string(old, "uid");
  int rc = RC_OK;
  if (kind == &namespace_kind)
    return delete_namespace(c, old, ret_object);
  if (kind == &custom_resource_definition_kind && api_has_finalizer(old, CRD_FINALIZER))
    return delete_definition(c, old, ret_object);
  struct json *object = json_dup(arena, old);
  if (propagation == PROPAGATE_ORPHAN)
    rc = each_dependent(c, uid, PROPAGATE_ORPHAN);
  bool wait = propagation == PROPAGATE_FOREGROUND && has_dependents(c, uid);
  if (wait && !api_has_finalizer(object, FOREGROUND))
    json_append(json_need_array(arena, api_meta(object), "finalizers"),
                json_new_z(arena, FOREGROUND));
  int64_t pod = kind == &pod_kind ? pod_grace(old, grace) : 0;
  *ret_object = NULL;
  if (rc)
    return rc;
  json_put_int(arena, api_meta(object), "deletionGracePeriodSeconds", pod);
  if (!is_held(kind, object))
    return remove_object(c, kind, old);
  const struct json *had = json_get(api_meta(old), "deletionGracePeriodSeconds");
  if (had)
    json_put(arena, api_meta(object), "deletionGracePeriodSeconds", json_dup(arena, had));
  rc = mark(c, kind, old, object, pod);
  *ret_object = object;
  if (rc || !wait)
    return rc;
  rc = each_dependent(c, uid, PROPAGATE_FOREGROUND);
  struct json *now;
  if (!rc && load(c, key_of(c, kind, old), &kind, &now))
    rc = finish_foreground(c, kind, now);
  if (!rc && !load(c, key_of(c, kind, old), &kind, &now))
    *ret_object = NULL; // all dependents went at once, and so did it
  return rc;
}

static int check_preconditions(struct api_call *call, const struct kind_desc *kind,
                               const struct json *object, const struct delete_options *options) {
  struct str name = api_meta_string(object, "name");
  const struct {
    const char *title, *member;
    struct str want;
  } rows[] = {{"UID", "uid", options->uid},
              {"ResourceVersion", "resourceVersion", options->revision}};
  for (size_t i = 0; i < 2; i++) {
    struct str have = api_meta_string(object, rows[i].member);
    if (rows[i].want.len == 0 || str_eq(rows[i].want, have))
      continue;
    struct str why = arena_printf(
        call->arena, "Precondition failed: %s in precondition: %.*s, %s in object meta: %.*s",
        rows[i].title, STR_ARG(rows[i].want), rows[i].title, STR_ARG(have));
    return api_conflict(call, kind, name, why.ptr);
  }
  return RC_OK;
}

// Between these two, all writes or none.
static int begin(struct api *api, struct api_call *call) {
  struct err err;
  return store_mark(api->store, &err) ? api_fail_err(call, &err) : RC_OK;
}

static int end(struct api *api, struct api_call *call, size_t recorded, int rc) {
  struct err err;
  if (!rc && store_keep(api->store, &err))
    return api_fail_err(call, &err);
  if (rc) {
    store_undo(api->store);
    watch_forget(api->hub, recorded);
  }
  return rc;
}

int api_delete_run(struct api *api, struct api_call *call, const struct kind_desc *kind,
                   struct str ns, struct str name, const struct delete_options *options,
                   struct json **ret_object, struct str *ret_uid) {
  struct json *object;
  int rc = api_load(api, call, api_key(call->arena, kind, ns, name), &object, NULL);
  if (rc == RC_NOT_FOUND && !call->fault.code)
    return api_not_found(call, kind, name);
  if (!rc)
    rc = check_preconditions(call, kind, object, options);
  if (rc)
    return rc;
  *ret_uid = api_meta_string(object, "uid");
  *ret_object = NULL;
  if (options->dry_run)
    return RC_OK;
  size_t recorded = watch_recorded(api->hub);
  rc = begin(api, call);
  if (rc)
    return rc;
  struct cascade cascade = {.api = api, .call = call};
  rc = delete_object(&cascade, kind, object, options->grace_seconds, options->propagation,
                     ret_object);
  return end(api, call, recorded, rc);
}

int delete_finish(struct api *api, struct api_call *call, const struct kind_desc *kind,
                  const struct json *object, bool *ret_gone) {
  *ret_gone = false;
  if (!api_is_deleting(object) || is_held(kind, object))
    return RC_OK;
  struct cascade cascade = {.api = api, .call = call};
  if (kind == &namespace_kind)
    return finish_namespace(&cascade, api_meta_string(object, "name"));
  *ret_gone = true;
  return remove_object(&cascade, kind, object);
}

struct old_events {
  struct arena *arena;
  struct store_key *keys;
  size_t count, capacity;
  int64_t before_ms;
};

// A real server counts an Event's hour from its last write, whatever times are in it.
static int64_t last_written_ms(const struct json *object) {
  int64_t last_ms = 0, written_ms;
  (void)time_parse(api_meta_string(object, "creationTimestamp"), &last_ms);
  JSON_EACH(entry, json_path(object, "metadata.managedFields"))
  if (!time_parse(json_get_string(entry, "time"), &written_ms) && written_ms > last_ms)
    last_ms = written_ms;
  return last_ms;
}

static bool old_event(const struct store_row *row, void *context) {
  struct old_events *old = context;
  struct arena arena;
  struct json *event = NULL;
  arena_init(&arena);
  (void)json_parse(row->body, &arena, &event, NULL);
  if (last_written_ms(event) < old->before_ms) {
    struct store_key *key =
        arena_push(old->arena, (void **)&old->keys, &old->count, &old->capacity, sizeof(*key));
    *key = (struct store_key){STR("events"), arena_str(old->arena, row->key.ns),
                              arena_str(old->arena, row->key.name)};
  }
  arena_dispose(&arena);
  return old->count < 1000;
}

static int sweep_keys(struct cascade *c, const struct store_key *keys, size_t count,
                      bool check_owners) {
  int rc = RC_OK;
  for (size_t i = 0; !rc && i < count; i++) {
    const struct kind_desc *kind;
    struct json *object, *ignored;
    if (!load(c, keys[i], &kind, &object) || api_is_deleting(object))
      continue;
    if (!check_owners || !has_live_owner(c, object, STR("")))
      rc = delete_object(c, kind, object, -1, PROPAGATE_BACKGROUND, &ignored);
  }
  return rc;
}

int delete_sweep(struct api *api, int64_t now_ms, struct err *err) {
  api_refresh(api);
  struct arena arena;
  arena_init(&arena);
  struct api_call call = {.arena = &arena, .user = &api->user, .now_ms = now_ms};
  struct cascade cascade = {.api = api, .call = &call};
  struct old_events old = {.arena = &arena, .before_ms = now_ms - EVENT_LIFE_MS};
  struct store_key *orphans;
  size_t orphan_count = 0;
  int rc =
      store_list(api->store, STR("events"), STR(""), (struct store_key){0}, old_event, &old, err);
  if (!rc)
    rc = store_orphans(api->store, &arena, &orphans, &orphan_count, err);
  if (!rc && (old.count || orphan_count)) {
    size_t recorded = watch_recorded(api->hub);
    rc = begin(api, &call);
    if (!rc)
      rc = sweep_keys(&cascade, old.keys, old.count, false);
    if (!rc)
      rc = sweep_keys(&cascade, orphans, orphan_count, true);
    rc = end(api, &call, recorded, rc);
    if (rc)
      (void)err_set(err, rc, "sweep: %.*s", STR_ARG(call.fault.message));
  }
  arena_dispose(&arena);
  return rc;
}
