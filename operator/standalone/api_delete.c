// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_delete_cascade.h"
#include "manifests/kinds/custom_resource_definition.h"
#include "manifests/kinds/event.h"
#include "manifests/kinds/namespace.h"
#include "manifests/kinds/pod.h"
#include "manifests/kinds/registry.h"
#include "manifests/text/time.h"
#include "operator/standalone/api_definition.h"
#include "operator/standalone/crd_kind.h"

struct store_key cascade_key(struct cascade *c, const struct kind_desc *kind,
                             const struct json *object) {
  return api_key(c->call->arena, kind, api_meta_string(object, "namespace"),
                 api_meta_string(object, "name"));
}

// False when the object, or its kind in this build, is not there.
bool cascade_load(struct cascade *c, struct store_key key, const struct kind_desc **ret_kind,
                  struct json **ret_object) {
  *ret_kind = api_kind_of(c->api->kinds, key.resource);
  return *ret_kind && api_load(c->api, c->call, key, ret_object, NULL) == RC_OK;
}

bool cascade_is_held(const struct kind_desc *kind, const struct json *object) {
  const struct json *finalizers = json_get(api_meta(object), "finalizers");
  if (json_is(finalizers, JSON_ARRAY) && finalizers->count)
    return true;
  return kind == &pod_kind &&
         json_int(json_get(api_meta(object), "deletionGracePeriodSeconds"), 0) > 0;
}

int cascade_remove(struct cascade *c, const struct kind_desc *kind, const struct json *old) {
  struct json *object = json_dup(c->call->arena, old);
  int rc = api_store(c->api, c->call, STORE_DELETED, kind, object, NULL);
  if (rc || c->depth >= CASCADE_DEPTH)
    return rc;
  c->depth++;
  rc = cascade_dependents(c, api_meta_string(old, "uid"), PROPAGATE_BACKGROUND);
  if (!rc)
    rc = cascade_tell_owners(c, old);
  if (!rc)
    rc = cascade_finish_namespace(c, api_meta_string(old, "namespace"));
  if (!rc && kind->structural)
    rc = cascade_finish_definition(c, api_resource_name(c->call->arena, kind));
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

int cascade_mark(struct cascade *c, const struct kind_desc *kind, const struct json *old,
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

static bool has_dependents(struct cascade *c, struct str uid) {
  struct store_key *keys;
  size_t count = 0;
  return store_owned_by(c->api->store, uid, c->call->arena, &keys, &count, NULL) == RC_OK &&
         count > 0;
}

int cascade_delete(struct cascade *c, const struct kind_desc *kind, const struct json *old,
                   int64_t grace, enum propagation propagation, struct json **ret_object) {
  struct arena *arena = c->call->arena;
  struct str uid = api_meta_string(old, "uid");
  int rc = RC_OK;
  if (kind == &namespace_kind)
    return cascade_delete_namespace(c, old, ret_object);
  if (kind == &custom_resource_definition_kind && api_has_finalizer(old, CRD_FINALIZER))
    return cascade_delete_definition(c, old, ret_object);
  struct json *object = json_dup(arena, old);
  if (propagation == PROPAGATE_ORPHAN)
    rc = cascade_dependents(c, uid, PROPAGATE_ORPHAN);
  bool wait = propagation == PROPAGATE_FOREGROUND && has_dependents(c, uid);
  if (wait && !api_has_finalizer(object, CASCADE_FOREGROUND))
    json_append(json_need_array(arena, api_meta(object), "finalizers"),
                json_new_z(arena, CASCADE_FOREGROUND));
  int64_t pod = kind == &pod_kind ? pod_grace(old, grace) : 0;
  *ret_object = NULL;
  if (rc)
    return rc;
  json_put_int(arena, api_meta(object), "deletionGracePeriodSeconds", pod);
  if (!cascade_is_held(kind, object))
    return cascade_remove(c, kind, old);
  const struct json *had = json_get(api_meta(old), "deletionGracePeriodSeconds");
  if (had)
    json_put(arena, api_meta(object), "deletionGracePeriodSeconds", json_dup(arena, had));
  rc = cascade_mark(c, kind, old, object, pod);
  *ret_object = object;
  if (rc || !wait)
    return rc;
  rc = cascade_dependents(c, uid, PROPAGATE_FOREGROUND);
  struct json *now;
  if (!rc && cascade_load(c, cascade_key(c, kind, old), &kind, &now))
    rc = cascade_finish_foreground(c, kind, now);
  if (!rc && !cascade_load(c, cascade_key(c, kind, old), &kind, &now))
    *ret_object = NULL; // all dependents went at once, and so did it
  return rc;
}

static int check_preconditions(struct api_call *call, const struct kind_desc *kind,
                               const struct json *object, const struct delete_options *options) {
  struct str name = api_meta_string(object, "name");
  const struct {
    const char *title, *member;
    struct str want;
    const char *maybe;
  } rows[] = {{"UID", "uid", options->uid, "deleted and then recreated"},
              {"ResourceVersion", "resourceVersion", options->revision, "modified"}};
  for (size_t i = 0; i < 2; i++) {
    struct str have = api_meta_string(object, rows[i].member);
    if (rows[i].want.len == 0 || str_eq(rows[i].want, have))
      continue;
    struct kind_desc by_kind = *kind; // a real server names the kind here, not the resource
    by_kind.plural = kind->kind;
    struct str why = arena_printf(
        call->arena,
        "the %s in the precondition (%.*s) does not match the %s in record "
        "(%.*s). The object might have been %s",
        rows[i].title, STR_ARG(rows[i].want), rows[i].title, STR_ARG(have), rows[i].maybe);
    return api_conflict(call, &by_kind, name, why.ptr);
  }
  return RC_OK;
}

// Between these two, all writes or none.
int cascade_begin(struct api *api, struct api_call *call) {
  struct err err;
  return store_mark(api->store, &err) ? api_fail_err(call, &err) : RC_OK;
}

int cascade_end(struct api *api, struct api_call *call, size_t recorded, int rc) {
  struct err err;
  if (!rc && store_keep(api->store, &err))
    return api_fail_err(call, &err);
  if (rc) {
    store_undo(api->store);
    watch_forget(api->hub, recorded);
  }
  return rc;
}

// As it is before those go to work who look after its dependents: on a real server they come later.
static struct json *as_marked(struct api_call *call, const struct kind_desc *kind,
                              const struct json *old, enum propagation propagation) {
  static const char *const names[] = {
      [PROPAGATE_FOREGROUND] = CASCADE_FOREGROUND, [PROPAGATE_ORPHAN] = "orphan"};
  struct arena *arena = call->arena;
  struct json *object = json_dup(arena, old), *meta = api_meta(object);
  if (!api_is_deleting(old)) {
    json_put_string(arena, meta, "deletionTimestamp", time_format(arena, call->now_ms));
    json_put_int(arena, meta, "deletionGracePeriodSeconds", 0);
    if (kind->has_generation)
      json_put_int(arena, meta, "generation", json_int(json_get(meta, "generation"), 1) + 1);
  }
  if (!api_has_finalizer(object, names[propagation]))
    json_append(json_need_array(arena, meta, "finalizers"), json_new_z(arena, names[propagation]));
  return object;
}

// The finalizers of every other propagation than the one that is asked for.
static int change_propagation(struct cascade *c, const struct kind_desc *kind, struct json **object,
                              enum propagation propagation) {
  struct arena *arena = c->call->arena;
  struct json *now = *object;
  if (propagation != PROPAGATE_FOREGROUND)
    now = cascade_without_finalizer(arena, now, CASCADE_FOREGROUND);
  if (propagation != PROPAGATE_ORPHAN)
    now = cascade_without_finalizer(arena, now, "orphan");
  if (json_equal(now, *object))
    return RC_OK;
  int rc = api_store(c->api, c->call, STORE_MODIFIED, kind, now, *object);
  *object = now;
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
  size_t recorded = watch_recorded(api->hub);
  rc = cascade_begin(api, call);
  if (rc)
    return rc;
  struct cascade cascade = {.api = api, .call = call};
  if (options->drop_finalizers)
    rc = change_propagation(&cascade, kind, &object, options->propagation);
  if (!rc)
    rc = cascade_delete(&cascade, kind, object, options->grace_seconds, options->propagation,
                        ret_object);
  bool held =
      kind == &namespace_kind || kind == &custom_resource_definition_kind || kind == &pod_kind;
  if (!held && options->propagation != PROPAGATE_BACKGROUND)
    *ret_object = as_marked(call, kind, object, options->propagation);
  if (!rc && options->dry_run) {
    store_undo(api->store);
    watch_forget(api->hub, recorded);
    return RC_OK;
  }
  return cascade_end(api, call, recorded, rc);
}

int delete_finish(struct api *api, struct api_call *call, const struct kind_desc *kind,
                  const struct json *object, bool *ret_gone) {
  *ret_gone = false;
  if (!api_is_deleting(object) || cascade_is_held(kind, object))
    return RC_OK;
  struct cascade cascade = {.api = api, .call = call};
  if (kind == &namespace_kind)
    return cascade_finish_namespace(&cascade, api_meta_string(object, "name"));
  *ret_gone = true;
  return cascade_remove(&cascade, kind, object);
}

int delete_settle(struct api *api, struct api_call *call, const struct kind_desc *kind,
                  const struct json *object) {
  struct cascade cascade = {.api = api, .call = call};
  return api_is_deleting(object) ? RC_OK : cascade_settle_owners(&cascade, kind, object);
}
