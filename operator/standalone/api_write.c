// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_write.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/custom_resource_definition.h"
#include "manifests/kinds/namespace.h"
#include "manifests/kinds/object_meta.h"
#include "manifests/schema/decode.h"
#include "manifests/schema/defaults.h"
#include "manifests/schema/prune.h"
#include "manifests/text/json_patch.h"
#include "operator/standalone/api_definition.h"
#include "operator/standalone/api_delete.h"
#include "operator/standalone/api_fields.h"
#include "operator/standalone/api_rules.h"
#include "operator/standalone/crd_validate.h"
#include "operator/standalone/crd_value.h"
#include "operator/standalone/strategic.h"

#include <string.h>

// A write on its way through the steps.
struct job {
  struct api *api;
  struct api_call *call;
  const struct write_request *request;
  struct str name;     // final only after rules_create
  struct json *old;    // in the stored version; NULL: none
  struct json *object; // the candidate
  bool untracked;      // nobody comes to own anything by it
};

static bool is_patch(enum write_verb verb) {
  return verb == WRITE_PATCH_JSON || verb == WRITE_PATCH_MERGE || verb == WRITE_PATCH_STRATEGIC;
}

static struct json *at_path(struct json *object, const char *path) {
  return path && path[0] == '.' ? json_path(object, path + 1) : NULL;
}

struct json *write_scale_of(const struct kind_desc *kind, const struct json *object,
                            struct arena *arena) {
  if (!kind->scale_spec)
    return NULL;
  struct json *copy = json_dup(arena, object), *scale = json_new_object(arena);
  json_put_z(arena, scale, "kind", "Scale");
  json_put_z(arena, scale, "apiVersion", "autoscaling/v1");
  struct json *meta = json_need_object(arena, scale, "metadata");
  static const char *const kept[] = {"name", "namespace", "uid", "resourceVersion",
                                     "creationTimestamp"};
  for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
    const struct json *value = json_get(api_meta(copy), kept[i]);
    if (value)
      json_put(arena, meta, kept[i], json_dup(arena, value));
  }
  struct json *spec = json_need_object(arena, scale, "spec");
  int64_t replicas = json_int(at_path(copy, kind->scale_spec), 0);
  if (replicas) // Go leaves a zero out
    json_put_int(arena, spec, "replicas", replicas);
  struct json *status = json_need_object(arena, scale, "status");
  json_put_int(arena, status, "replicas", json_int(at_path(copy, kind->scale_status), 0));
  struct json *selector = at_path(copy, kind->scale_selector);
  if (json_is(selector, JSON_STRING))
    json_put_string(arena, status, "selector", json_string(selector));
  return scale;
}

// The patched copy of `base`.
static int apply_patch(struct job *job, struct json *base, struct json **ret_object) {
  const struct write_request *request = job->request;
  struct arena *arena = job->call->arena;
  struct err err;
  int rc = RC_OK;
  if (request->verb == WRITE_PATCH_JSON) {
    *ret_object = base;
    rc = json_patch_apply(arena, ret_object, request->body, &err);
  } else if (request->verb == WRITE_PATCH_MERGE) {
    if (!json_is(request->body, JSON_OBJECT))
      return api_bad_request(job->call, "a merge patch must be an object");
    *ret_object = json_merge_patch(arena, base, request->body);
  } else {
    const struct schema *schema = request->part == WRITE_SCALE ? NULL : request->kind->schema;
    rc = schema ? strategic_merge(schema, base, request->body, arena, ret_object, &err) : RC_OK;
    if (!schema)
      *ret_object = json_merge_patch(arena, base, request->body);
  }
  if (rc == RC_PARSE)
    return api_bad_request(job->call, "%s", err.msg);
  if (rc)
    return api_fail(job->call, 422, "Invalid",
                    "the server rejected our request due to an error in our request: %s", err.msg);
  if (!json_is(*ret_object, JSON_OBJECT))
    return api_bad_request(job->call, "the patched object is not an object any more");
  return RC_OK;
}

// The object as the client of this version sees it.
static struct json *old_as_seen(struct job *job) {
  struct json *copy = json_dup(job->call->arena, job->old);
  api_set_version(job->call->arena, copy, job->request->kind, job->request->version);
  return copy;
}

static const struct json *schema_of(const struct job *job) {
  return api_kind_schema(job->api->kinds, job->request->kind);
}

static void put_replicas(struct arena *arena, struct json *object, const struct kind_desc *kind,
                         const struct json *replicas) {
  struct str path = str_of(kind->scale_spec + 1), step;
  while (str_next(&path, '.', &step) && path.ptr) // all but the last are objects
    object = json_need_object(arena, object, arena_str(arena, step).ptr);
  json_set(arena, object, step, json_dup(arena, replicas));
}

// An applied Scale is an applied object that has nothing but its replicas.
static int apply_scale(struct job *job) {
  struct write_request request = *job->request;
  struct arena *arena = job->call->arena;
  const struct json *replicas = json_path(request.body, "spec.replicas");
  struct json *body = json_new_object(arena);
  if (!json_is(replicas, JSON_INT) || json_int(replicas, -1) < 0)
    return api_invalid(job->call, request.kind, request.name, "spec.replicas", "FieldValueInvalid",
                       "Invalid value: must be a whole number, 0 or more");
  json_put_string(arena, body, "apiVersion",
                  kind_api_version(request.kind, request.version, arena));
  json_put_z(arena, body, "kind", request.kind->kind);
  json_put_string(arena, json_need_object(arena, body, "metadata"), "name", request.name);
  put_replicas(arena, body, request.kind, replicas);
  request.body = body;
  return fields_apply(job->call, &request, schema_of(job), old_as_seen(job), &job->object);
}

static int scale_candidate(struct job *job) {
  const struct write_request *request = job->request;
  struct arena *arena = job->call->arena;
  struct json *scale = write_scale_of(request->kind, job->old, arena);
  if (scale && request->verb == WRITE_APPLY)
    return apply_scale(job);
  if (!scale || request->verb == WRITE_CREATE)
    return api_fail(job->call, 405, "MethodNotAllowed", "this kind has no such scale subresource");
  int rc = is_patch(request->verb) ? apply_patch(job, scale, &scale) : RC_OK;
  if (rc)
    return rc;
  if (request->verb == WRITE_UPDATE)
    scale = json_dup(arena, request->body);
  const struct json *replicas = json_path(scale, "spec.replicas");
  if (!replicas)
    replicas = json_new_int(arena, 0);
  if (!json_is(replicas, JSON_INT) || json_int(replicas, -1) < 0)
    return api_invalid(job->call, request->kind, request->name, "spec.replicas",
                       "FieldValueInvalid",
                       "Invalid value: %.*s: must be greater than or equal to 0",
                       STR_ARG(json_text(arena, replicas)));
  job->object = old_as_seen(job);
  const struct json *had = at_path(job->object, request->kind->scale_spec);
  job->untracked = json_int(had, 0) == json_int(replicas, 0);
  put_replicas(arena, job->object, request->kind, replicas);
  struct str revision = json_path_string(scale, "metadata.resourceVersion");
  if (revision.len) // the client's precondition
    json_put_string(arena, api_meta(job->object), "resourceVersion", revision);
  return RC_OK;
}

static int make_candidate(struct job *job) {
  const struct write_request *request = job->request;
  if (request->part == WRITE_SCALE)
    return scale_candidate(job);
  if (is_patch(request->verb))
    return apply_patch(job, old_as_seen(job), &job->object);
  if (request->verb == WRITE_APPLY)
    return fields_apply(job->call, request, schema_of(job), job->old ? old_as_seen(job) : NULL,
                        &job->object);
  job->object = json_dup(job->call->arena, request->body);
  if (request->verb == WRITE_CREATE && api_meta(job->object))
    json_remove(api_meta(job->object), STR("managedFields"));
  return RC_OK;
}

static struct str version_of(const struct job *job) {
  return job->request->version;
}

static int refuse_unknown(struct job *job, const struct findings *unknown) {
  const struct write_request *request = job->request;
  struct str version = version_of(job);
  struct buf text;
  buf_init(&text, 8192);
  for (size_t i = 0; i < unknown->count; i++)
    buf_addf(&text, "%sunknown field \"%.*s\"", text.len ? ", " : "",
             STR_ARG(unknown->items[i].path));
  if (request->duplicate.len)
    buf_addf(&text, "%sduplicate field \"%.*s\"", text.len ? ", " : "",
             STR_ARG(request->duplicate));
  int rc = api_bad_request(
      job->call, "%s in version \"%.*s\" cannot be handled as a %s: strict decoding error: %s",
      request->kind->kind, STR_ARG(version), request->kind->kind, buf_z(&text));
  buf_dispose(&text);
  return rc;
}

// Removes what the schema does not know; says so as the client asked.
static int prune(struct job *job) {
  const struct write_request *request = job->request;
  struct findings unknown;
  findings_init(&unknown, job->call->arena);
  if (request->kind->structural)
    crd_prune(request->kind->structural, job->object, true, job->call->arena, &unknown);
  else
    kind_prune(request->kind, job->object, job->call->arena, &unknown);
  bool any = unknown.count || request->duplicate.len;
  if (any && request->validation == VALIDATE_STRICT)
    return refuse_unknown(job, &unknown);
  if (request->validation != VALIDATE_WARN)
    return RC_OK;
  for (size_t i = 0; i < unknown.count; i++)
    api_warn(job->call, "unknown field \"%.*s\"", STR_ARG(unknown.items[i].path));
  if (request->duplicate.len)
    api_warn(job->call, "duplicate field \"%.*s\"", STR_ARG(request->duplicate));
  return RC_OK;
}

static void put_or_remove(struct arena *arena, struct json *object, const char *key,
                          const struct json *value) {
  if (value)
    json_put(arena, object, key, json_dup(arena, value));
  else
    json_remove(object, str_of(key));
}

// Main writes never touch status; status writes touch nothing else.
static void keep_parts_apart(struct job *job) {
  struct arena *arena = job->call->arena;
  if (!job->request->kind->has_status)
    return;
  if (job->request->part != WRITE_STATUS) {
    put_or_remove(arena, job->object, "status", job->old ? json_get(job->old, "status") : NULL);
    return;
  }
  struct json *object = old_as_seen(job);
  const struct json *fields = json_get(api_meta(job->object), "managedFields");
  put_or_remove(arena, object, "status", json_get(job->object, "status"));
  put_or_remove(arena, api_meta(object), "managedFields", fields);
  job->object = object;
}

static int check_namespace(struct job *job) {
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

static int settle_definition(struct job *job) {
  if (job->request->kind != &custom_resource_definition_kind || job->request->part != WRITE_MAIN)
    return RC_OK;
  return definition_settle(job->api, job->call, job->object, job->old);
}

static bool has_same_error(const struct findings *list, const struct finding *error) {
  for (size_t i = 0; i < list->count; i++)
    if (list->items[i].level == FINDING_ERROR && str_eq(list->items[i].path, error->path) &&
        str_eq(list->items[i].id, error->id) && str_eq(list->items[i].message, error->message))
      return true;
  return false;
}

static void judge(struct job *job, const struct json *object, struct findings *found) {
  const struct kind_desc *kind = job->request->kind;
  struct decode_options options = {.unknown = UNKNOWN_IGNORE};
  struct arena *arena = job->call->arena;
  void *decoded;
  findings_init(found, arena);
  if (!kind->structural) {
    (void)kind_decode(kind, object, &options, arena, found, &decoded);
    return;
  }
  struct object_meta meta = {0};
  if (json_get(object, "metadata"))
    (void)schema_decode(&object_meta_schema, json_get(object, "metadata"), &options,
                        STR("metadata"), arena, found, &meta);
  crd_validate(kind->structural, object, STR(""), arena, found);
  crd_validate_lists(kind->structural, object, STR(""), found);
  crd_validate_embedded(kind->structural, object, STR(""), found);
}

// The schema's verdict. A fault the stored object already has does not stand in the way of other
// changes.
static int validate(struct job *job) {
  struct findings found, before;
  judge(job, job->object, &found);
  if (!found.errors)
    return RC_OK;
  for (size_t i = 0; i < found.count; i++)
    if (str_eq_z(found.items[i].id, CRD_UNREADABLE))
      return api_bad_request(
          job->call, "%s in version \"%.*s\" cannot be handled as a %s: %.*s: %.*s",
          job->request->kind->kind, STR_ARG(job->request->version), job->request->kind->kind,
          STR_ARG(found.items[i].path), STR_ARG(found.items[i].message));
  findings_init(&before, job->call->arena);
  if (job->old)
    judge(job, job->old, &before);
  for (size_t i = 0; i < found.count; i++)
    if (has_same_error(&before, &found.items[i]))
      found.items[i].level = FINDING_INFO;
  return api_invalid_findings(job->call, job->request->kind, job->name, &found);
}

static int check_immutable(struct job *job) {
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
static void tidy(struct job *job) {
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

// The steps between the candidate and the store.
static int settle(struct job *job) {
  const struct write_request *request = job->request;
  const struct kind_desc *kind = request->kind;
  struct arena *arena = job->call->arena;
  int rc =
      rules_identity(job->call, kind, request->version, request->ns, request->name, job->object);
  if (!rc)
    api_set_version(arena, job->object, kind, STR("")); // an alias' form becomes the stored one
  if (!rc)
    rc = prune(job);
  if (rc)
    return rc;
  if (kind->structural)
    crd_drop_nulls(kind->structural, job->object);
  else if (kind->builtin || kind->ours)
    rules_drop_nulls(job->object);
  if (job->old)
    rc = rules_update(job->call, kind, job->object, job->old,
                      request->verb == WRITE_UPDATE && !kind->builtin &&
                          request->part != WRITE_SCALE);
  else
    rc = rules_create(job->call, kind, job->object);
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
    rc = rules_metadata(job->call, kind, job->object);
  if (!rc)
    rc = validate(job);
  if (!rc)
    rc = check_immutable(job);
  if (!rc)
    rc = settle_definition(job);
  if (!rc)
    rc = fields_check(job->call, kind, job->object);
  if (rc)
    return rc;
  fields_track(job->call, request, schema_of(job), job->object, job->old ? old_as_seen(job) : NULL);
  job->object = api_ordered(arena, job->object, kind);
  if (job->old)
    rules_generation(arena, kind, job->object, job->old);
  return RC_OK;
}

static int commit_write(struct job *job, struct write_result *result) {
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

static int load_old(struct job *job) {
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
  struct job job = {.api = api, .call = call, .request = request};
  struct write_result result = {0};
  if (!json_is(request->body, JSON_OBJECT) && request->verb != WRITE_PATCH_JSON)
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
