// SPDX-License-Identifier: Apache-2.0
// The scale subresource: autoscaling/v1 Scales of objects that have replicas.
#include "manifests/base/bug.h"
#include "operator/standalone/api_fields.h"
#include "operator/standalone/api_write_job.h"

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

static void put_replicas(struct arena *arena, struct json *object, const struct kind_desc *kind,
                         const struct json *replicas) {
  struct str path = str_of(kind->scale_spec + 1), step;
  while (str_next(&path, '.', &step) && path.ptr) // all but the last are objects
    object = json_need_object(arena, object, arena_str(arena, step).ptr);
  json_set(arena, object, step, json_dup(arena, replicas));
}

static const struct kind_desc scale_kind = {
    .group = "autoscaling", .kind = "Scale", .plural = "scales", .builtin = true};

// A Scale that is put whole: whose it is.
static int check_identity(struct write_job *job, const struct json *scale) {
  const struct write_request *request = job->request;
  struct str kind = json_get_string(scale, "kind"), name = api_meta_string(scale, "name"),
             uid = api_meta_string(scale, "uid"), own = api_meta_string(job->old, "uid");
  if (kind.len && !str_eq_z(kind, "Scale"))
    return api_bad_request(job->call, "%.*s in version \"%.*s\" cannot be handled as a Scale",
                           STR_ARG(kind), STR_ARG(request->version));
  if (!name.len)
    return api_bad_request(
        job->call,
        "the name of the object (%.*s based on URL) was undeterminable: name must be provided",
        STR_ARG(request->name));
  if (!str_eq(name, request->name))
    return api_bad_request(
        job->call, "the name of the object (%.*s) does not match the name on the URL (%.*s)",
        STR_ARG(name), STR_ARG(request->name));
  if (uid.len && !str_eq(uid, own))
    return api_conflict(
        job->call, request->kind, request->name,
        arena_printf(job->call->arena,
                     "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s",
                     STR_ARG(uid), STR_ARG(own))
            .ptr);
  return RC_OK;
}

static int check_scale(struct write_job *job, const struct json *scale) {
  struct arena *arena = job->call->arena;
  const struct json *replicas = json_path(scale, "spec.replicas");
  struct findings unknown;
  if (replicas && !json_is(replicas, JSON_INT) && !json_is(replicas, JSON_NULL))
    return write_unreadable(job, scale, "spec.replicas: expected a whole number, found %.*s",
                            STR_ARG(json_text(arena, replicas)));
  findings_init(&unknown, arena);
  JSON_EACH(item, json_get(scale, "spec"))
    if (!str_eq_z(item->key, "replicas"))
      findings_add(&unknown, FINDING_ERROR, STR(""), 0,
                   arena_printf(arena, "spec.%.*s", STR_ARG(item->key)), "unknown-field", "%s", "");
  int rc = write_say_unknown(job, &unknown);
  if (!rc && json_int(replicas, 0) < 0)
    return api_invalid(job->call, &scale_kind, job->request->name, "spec.replicas",
                       "FieldValueInvalid",
                       "Invalid value: %lld: must be greater than or equal to 0",
                       (long long)json_int(replicas, 0));
  return rc;
}

// An applied Scale is an applied object that has nothing but its replicas.
static int apply_scale(struct write_job *job) {
  struct write_request request = *job->request;
  struct arena *arena = job->call->arena;
  const struct json *replicas = json_path(request.body, "spec.replicas");
  struct json *body = json_new_object(arena);
  int rc = check_scale(job, request.body);
  if (rc)
    return rc;
  if (!replicas)
    replicas = json_new_int(arena, 0);
  json_put_string(arena, body, "apiVersion",
                  kind_api_version(request.kind, request.version, arena));
  json_put_z(arena, body, "kind", request.kind->kind);
  json_put_string(arena, json_need_object(arena, body, "metadata"), "name", request.name);
  put_replicas(arena, body, request.kind, replicas);
  request.body = body;
  return fields_apply(job->call, &request, write_schema_of(job), write_old_as_seen(job),
                      &job->object);
}

int write_scale_candidate(struct write_job *job) {
  const struct write_request *request = job->request;
  struct arena *arena = job->call->arena;
  struct json *scale = write_scale_of(request->kind, job->old, arena);
  if (scale && request->verb == WRITE_APPLY)
    return apply_scale(job);
  if (!scale || request->verb == WRITE_CREATE)
    return api_fail(job->call, 405, "MethodNotAllowed", "this kind has no such scale subresource");
  int rc = RC_OK;
  if (request->verb == WRITE_UPDATE) {
    scale = json_dup(arena, request->body);
    rc = check_identity(job, scale);
  } else {
    rc = write_apply_patch(job, scale, &scale);
  }
  job->object = scale;
  if (!rc)
    rc = check_scale(job, scale);
  if (rc)
    return rc;
  const struct json *replicas = json_path(scale, "spec.replicas");
  if (!json_is(replicas, JSON_INT))
    replicas = json_new_int(arena, 0);
  job->object = write_old_as_seen(job);
  const struct json *had = at_path(job->object, request->kind->scale_spec);
  job->untracked = json_int(had, 0) == json_int(replicas, 0);
  put_replicas(arena, job->object, request->kind, replicas);
  struct str revision = json_path_string(scale, "metadata.resourceVersion");
  if (revision.len) // the client's precondition
    json_put_string(arena, api_meta(job->object), "resourceVersion", revision);
  return RC_OK;
}
