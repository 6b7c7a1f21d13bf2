// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_write_job.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/custom_resource_definition.h"
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/namespace.h"
#include "manifests/kinds/object_meta.h"
#include "manifests/kinds/pod.h"
#include "manifests/schema/defaults.h"
#include "operator/standalone/api_definition.h"
#include "operator/standalone/api_delete.h"
#include "operator/standalone/api_fields.h"
#include "operator/standalone/api_rules.h"
#include "operator/standalone/crd_value.h"

#include <string.h>

struct json *write_old_as_seen(struct write_job *job) {
  struct json *copy = json_dup(job->call->arena, job->old);
  api_set_version(job->call->arena, copy, job->request->kind, job->request->version);
  return copy;
}

const struct json *write_schema_of(const struct write_job *job) {
  return api_kind_schema(job->api->kinds, job->request->kind);
}

static int make_candidate(struct write_job *job) {
  const struct write_request *request = job->request;
  if (request->part == WRITE_SCALE)
    return write_scale_candidate(job);
  if (write_is_patch(request->verb))
    return write_apply_patch(job, write_old_as_seen(job), &job->object);
  if (request->verb == WRITE_APPLY)
    return fields_apply(job->call, request, write_schema_of(job),
                        job->old ? write_old_as_seen(job) : NULL, &job->object);
  job->object = json_dup(job->call->arena, request->body);
  if (request->verb == WRITE_CREATE && api_meta(job->object))
    json_remove(api_meta(job->object), STR("managedFields"));
  return RC_OK;
}

static void put_or_remove(struct arena *arena, struct json *object, const char *key,
                          const struct json *value) {
  if (value && !json_is(value, JSON_NULL))
    json_put(arena, object, key, json_dup(arena, value));
  else
    json_remove(object, str_of(key));
}

// Of Kubernetes' own kinds a write of the status may change metadata, too, but for this.
static void put_metadata(const struct write_job *job, struct json *object) {
  const struct kind_desc *kind = job->request->kind;
  struct arena *arena = job->call->arena;
  struct json *meta = json_dup(arena, api_meta(job->object));
  const char *kept = kind == &deployment_kind ? "labels"
                     : kind == &pod_kind      ? "ownerReferences"
                                              : NULL;
  if (kept)
    put_or_remove(arena, meta, kept, json_get(api_meta(object), kept));
  json_put(arena, object, "metadata", meta);
}

// Main writes never touch status; status writes touch little else.
static void keep_parts_apart(struct write_job *job) {
  struct arena *arena = job->call->arena;
  if (!job->request->kind->has_status)
    return;
  if (job->request->part != WRITE_STATUS) {
    put_or_remove(arena, job->object, "status", job->old ? json_get(job->old, "status") : NULL);
    return;
  }
  struct json *object = write_old_as_seen(job);
  put_or_remove(arena, object, "status", json_get(job->object, "status"));
  if (job->request->kind->builtin)
    put_metadata(job, object);
  else
    job->asked = job->object; // whoever writes labels here owns them, though nobody stores them
  const struct json *fields = json_get(api_meta(job->object), "managedFields");
  put_or_remove(arena, api_meta(object), "managedFields", fields);
  job->object = object;
}

static int check_namespace(struct write_job *job) {
  const struct write_request *request = job->request;
  struct json *ns;
  if (api_kind_is_closing(job->api->kinds, request->kind))
    return api_fail(job->call, 405, "MethodNotAllowed",
                    "create not allowed while custom resource definition is terminating");
  if (!request->kind->namespaced)
    return RC_OK;
  int rc = api_load(job->api, job->call,
                    api_key(job->call->arena, &namespace_kind, STR(""), request->ns), &ns, NULL);
  if (rc == RC_NOT_FOUND && !job->call->fault.code)
    return api_not_found(job->call, &namespace_kind, request->ns);
  if (!rc && api_is_deleting(ns))
    return api_forbidden(
        job->call, request->kind, job->name,
        "unable to create new content in namespace %.*s because it is being terminated",
        STR_ARG(request->ns));
  return rc;
}

static int settle_definition(struct write_job *job) {
  if (job->request->kind != &custom_resource_definition_kind || job->request->part != WRITE_MAIN)
    return RC_OK;
  return definition_settle(job->api, job->call, job->object, job->old);
}

static int check_immutable(struct write_job *job) {
  const struct kind_desc *kind = job->request->kind;
  if (!kind->immutable_spec || !job->old)
    return RC_OK;
  const struct json *a = json_get(job->object, "spec"), *b = json_get(job->old, "spec");
  if (!a || !b ? a == b : json_equal(a, b))
    return RC_OK;
  return api_invalid(job->call, kind, job->name, "spec", "FieldValueForbidden",
                     "Forbidden: a %s is immutable; create a new one", kind->kind);
}

// As an API server's own structs would hold it: they have no empty maps and lists where these mean
// nothing.
static void tidy(struct write_job *job) {
  const struct kind_desc *kind = job->request->kind;
  schema_tidy(&object_meta_schema, api_meta(job->object));
  JSON_EACH(item, kind->builtin ? job->object : NULL) {
    const struct field *row = schema_find(kind->schema, item->key);
    if (row && row->schema && !str_eq_z(item->key, "status") && !str_eq_z(item->key, "metadata"))
      schema_tidy(row->schema, item);
  }
  static const char *const maps[] = {"data", "binaryData", "stringData"};
  for (size_t i = 0; kind->builtin && i < ARRAY_LEN(maps); i++) {
    const struct json *map = json_get(job->object, maps[i]);
    if (json_is(map, JSON_OBJECT) && map->count == 0)
      json_remove(job->object, str_of(maps[i]));
  }
}

// What the client asked for decides who owns what, and not what is stored of it.
static void track_asked(struct write_job *job) {
  struct arena *arena = job->call->arena;
  put_or_remove(arena, job->asked, "status", json_get(job->object, "status"));
  fields_track(job->call, job->request, write_schema_of(job), job->asked, write_old_as_seen(job));
  put_or_remove(arena, api_meta(job->object), "managedFields",
                json_get(api_meta(job->asked), "managedFields"));
}

// In Go a null in a map of texts is an empty one.
static void no_null_texts(const struct write_job *job, struct json *meta) {
  struct arena *arena = job->call->arena;
  struct json *const maps[] = {json_get(meta, "labels"), json_get(meta, "annotations"),
                               job->request->kind->builtin ? json_get(job->object, "data") : NULL};
  for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
    struct json *map = maps[i];
    JSON_EACH(item, json_is(map, JSON_OBJECT) ? map : NULL)
      if (json_is(item, JSON_NULL))
        json_put_string(arena, map, item->key.ptr, STR(""));
  }
}

// A status that is patched keeps the object's identity, whatever the patch says of it.
static void keep_identity(struct write_job *job) {
  static const char *const names[] = {"uid", "creationTimestamp", "deletionTimestamp"};
  const struct write_request *request = job->request;
  if (request->kind->builtin || request->part != WRITE_STATUS || request->verb == WRITE_UPDATE)
    return;
  for (size_t i = 0; i < ARRAY_LEN(names); i++)
    json_remove(api_meta(job->object), str_of(names[i]));
}

// The steps between the candidate and the store.
static int settle(struct write_job *job) {
  const struct write_request *request = job->request;
  const struct kind_desc *kind = request->kind;
  struct arena *arena = job->call->arena;
  no_null_texts(job, api_meta(job->object));
  keep_identity(job);
  int rc = write_check_patched(job);
  if (!rc)
    rc = rules_identity(job->call, kind, request->version, request->ns, request->name, job->object);
  if (!rc)
    api_set_version(arena, job->object, kind, STR("")); // an alias' form becomes the stored one
  if (!rc)
    rc = write_prune(job);
  if (!rc)
    rc = write_check_metadata(job);
  if (rc)
    return rc;
  rules_drop_nulls(api_meta(job->object));
  if (kind->structural)
    crd_drop_nulls(kind->structural, job->object);
  else if (kind->builtin || kind->ours)
    rules_drop_nulls(job->object);
  rc = write_check_readable(job);
  if (rc)
    return rc;
  if (job->old)
    rc = rules_update(job->call, kind, job->object, job->old, !kind->builtin);
  else
    rc = rules_create(job->call, kind, job->object, request->verb == WRITE_CREATE);
  if (rc)
    return rc;
  job->name = api_meta_string(job->object, "name");
  keep_parts_apart(job);
  if (kind->structural)
    crd_default(kind->structural, job->object, arena);
  else if (kind->builtin || kind->ours)
    kind_default(kind, job->object, arena);
  rules_default(arena, kind, job->object, job->old, job->call);
  tidy(job);
  if (!job->old)
    rc = check_namespace(job);
  if (!rc)
    rc = write_validate(job);
  if (!rc)
    rc = check_immutable(job);
  if (!rc)
    rc = settle_definition(job);
  if (!rc)
    rc = fields_check(job->call, kind, job->object);
  if (!rc && !kind->builtin)
    rules_warn_finalizers(job->call, job->object, job->old);
  if (rc)
    return rc;
  if (job->asked)
    track_asked(job);
  else
    fields_track(job->call, request, write_schema_of(job), job->object,
                 job->old ? write_old_as_seen(job) : NULL);
  job->object = api_ordered(arena, job->object, kind);
  if (job->old && request->part != WRITE_STATUS)
    rules_generation(arena, kind, job->object, job->old);
  return RC_OK;
}

static bool has_new_owners(const struct write_job *job) {
  const struct json *owners = json_get(api_meta(job->object), "ownerReferences"),
                    *before = json_get(api_meta(job->old), "ownerReferences");
  return owners && owners->count && !(before && json_equal(owners, before));
}

static int commit_write(struct write_job *job, struct write_result *result) {
  struct api *api = job->api;
  struct err err;
  size_t recorded = watch_recorded(api->hub);
  if (store_mark(api->store, &err))
    return api_fail_err(job->call, &err);
  int rc = api_store(api, job->call, job->old ? STORE_MODIFIED : STORE_ADDED, job->request->kind,
                     job->object, job->old);
  bool gone = false;
  if (!rc && job->old)
    rc = delete_finish(api, job->call, job->request->kind, job->object, &gone);
  if (!rc && !gone && has_new_owners(job))
    rc = delete_settle(api, job->call, job->request->kind, job->object);
  if (!rc && store_keep(api->store, &err))
    rc = api_fail_err(job->call, &err);
  if (rc) {
    store_undo(api->store);
    watch_forget(api->hub, recorded);
    return rc;
  }
  result->changed = true;
  return RC_OK;
}

static int load_old(struct write_job *job) {
  const struct write_request *request = job->request;
  bool create = request->verb == WRITE_CREATE;
  struct str name = create ? json_path_string(request->body, "metadata.name") : request->name;
  job->name = name;
  if (name.len == 0)
    return RC_OK;
  struct store_key key = api_key(job->call->arena, request->kind, request->ns, name);
  int rc = api_load(job->api, job->call, key, &job->old, NULL);
  if (rc == RC_NOT_FOUND && !job->call->fault.code) {
    bool may_create = create || (request->verb == WRITE_APPLY && request->part == WRITE_MAIN);
    return may_create ? RC_OK : api_not_found(job->call, request->kind, name);
  }
  if (!rc && create)
    return api_already_exists(job->call, request->kind, name);
  return rc;
}

int write_run(struct api *api, struct api_call *call, const struct write_request *request,
              struct write_result *ret_result) {
  struct write_job job = {.api = api, .call = call, .request = request};
  struct write_result result = {0};
  if (!json_is(request->body, JSON_OBJECT) && request->verb != WRITE_PATCH_JSON &&
      request->verb != WRITE_PATCH_STRATEGIC && request->verb != WRITE_PATCH_MERGE)
    return api_bad_request(call, "the body must be an object");
  int rc = load_old(&job);
  if (!rc)
    rc = make_candidate(&job);
  if (!rc)
    rc = settle(&job);
  if (rc)
    return rc;
  result.created = job.old == NULL;
  if (result.created && request->kind->idle)
    api_warn(call, "%s are stored, but nothing in this server acts on them", request->kind->plural);
  if (job.old && rules_is_noop(call->arena, job.object, job.old))
    job.object = job.old;
  else if (!request->dry_run)
    rc = commit_write(&job, &result);
  result.object = job.object;
  if (!rc)
    *ret_result = result;
  return rc;
}
