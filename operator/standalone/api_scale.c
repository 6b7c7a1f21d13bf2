// SPDX-License-Identifier: Apache-2.0
// The scale subresource: autoscaling/v1 Scales of objects that have replicas.
#include "manifests/base/bug.h"
#include "operator/standalone/api_fields.h"
#include "operator/standalone/api_write_job.h"

#define NEVER_SET INT32_MIN // what a patch finds in the Scale of an object that has no replicas

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
  struct str version = json_get_string(scale, "apiVersion");
  if ((kind.len && !str_eq_z(kind, "Scale")) ||
      (version.len && !str_eq_z(version, "autoscaling/v1")))
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

// A definition's own scale: its objects may have no replicas, and where they have bad ones the
// object is at fault, not the Scale.
static int check_own_scale(struct write_job *job, const struct json *replicas) {
  const struct kind_desc *kind = job->request->kind;
  if (!json_is(replicas, JSON_INT) || replicas->integer >= 0 || replicas->integer == NEVER_SET)
    return RC_OK;
  return api_invalid(job->call, kind, job->request->name, kind->scale_spec, "FieldValueInvalid",
                     "Invalid value: %lld: should be a non-negative integer",
                     (long long)replicas->integer);
}

static int check_scale(struct write_job *job, const struct json *scale) {
  struct arena *arena = job->call->arena;
  const struct json *replicas = json_path(scale, "spec.replicas");
  const struct json *spec = json_get(scale, "spec");
  struct findings unknown;
  struct str version = json_get_string(scale, "apiVersion"), type = json_get_string(scale, "kind");
  if (write_is_patch(job->request->verb) &&
      (!str_eq_z(version, "autoscaling/v1") || !str_eq_z(type, "Scale")))
    return write_unreadable(job, scale, "%.*s, Kind=%.*s is not autoscaling/v1, Kind=Scale",
                            STR_ARG(version), STR_ARG(type));
  if (spec && !json_is(spec, JSON_OBJECT) && !json_is(spec, JSON_NULL))
    return write_unreadable(job, scale, "spec: expected an object, found %s",
                            json_type_name(spec->type));
  if (replicas && !json_is(replicas, JSON_INT) && !json_is(replicas, JSON_NULL))
    return write_unreadable(job, scale, "spec.replicas: expected a whole number, found %.*s",
                            STR_ARG(json_text(arena, replicas)));
  findings_init(&unknown, arena);
  static const char *const known[] = {"apiVersion", "kind", "metadata", "spec", "status"};
  JSON_EACH(item, scale) {
    bool is_known = false;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
      is_known |= str_eq_z(item->key, known[i]);
    if (!is_known)
      findings_add(&unknown, FINDING_ERROR, STR(""), 0, item->key, "unknown-field", "%s", "");
  }
  JSON_EACH(item, json_is(spec, JSON_OBJECT) ? spec : NULL)
    if (!str_eq_z(item->key, "replicas"))
      findings_add(&unknown, FINDING_ERROR, STR(""), 0,
                   arena_printf(arena, "spec.%.*s", STR_ARG(item->key)), "unknown-field", "%s", "");
  int rc = write_say_unknown(job, &unknown);
  if (!rc && !job->request->kind->builtin)
    return check_own_scale(job, replicas);
  if (!rc && json_int(replicas, 0) < 0)
    return api_invalid(job->call, &scale_kind, job->request->name, "spec.replicas",
                       "FieldValueInvalid",
                       "Invalid value: %lld: must be greater than or equal to 0",
                       (long long)json_int(replicas, 0));
  return rc;
}

// A patched or applied Scale is still that of the same object.
static int check_same(struct write_job *job, const struct json *scale) {
  const struct write_request *request = job->request;
  struct str name = api_meta_string(scale, "name"), ns = api_meta_string(scale, "namespace");
  if (ns.len && !str_eq(ns, request->ns))
    return api_bad_request(
        job->call,
        "the namespace of the provided object does not match the namespace sent on the request");
  if (name.len && !str_eq(name, request->name))
    return api_bad_request(
        job->call, "the name of the object (%.*s) does not match the name on the URL (%.*s)",
        STR_ARG(name), STR_ARG(request->name));
  return RC_OK;
}

static int check_metadata(struct write_job *job, struct json *scale) {
  struct json *object = job->object;
  job->object = scale;
  int rc = write_check_metadata(job);
  job->object = object;
  return rc;
}

// What the request makes of the Scale that is there, into *ret_scale.
static int make_scale(struct write_job *job, struct json *scale, struct json **ret_scale) {
  const struct write_request *request = job->request;
  *ret_scale = json_dup(job->call->arena, request->body);
  if (request->verb == WRITE_UPDATE)
    return check_identity(job, *ret_scale);
  return request->verb == WRITE_APPLY ? RC_OK : write_apply_patch(job, scale, ret_scale);
}

int write_scale_candidate(struct write_job *job) {
  const struct write_request *request = job->request;
  struct arena *arena = job->call->arena;
  struct json *scale = write_scale_of(request->kind, job->old, arena);
  if (!scale || request->verb == WRITE_CREATE)
    return api_fail(job->call, 405, "MethodNotAllowed", "this kind has no such scale subresource");
  job->object = write_old_as_seen(job);
  struct json *had = at_path(job->object, request->kind->scale_spec);
  bool applied = request->verb == WRITE_APPLY;
  if (!had && !request->kind->builtin)
    json_put_int(arena, json_need_object(arena, scale, "spec"), "replicas", NEVER_SET);
  int rc = make_scale(job, scale, &scale);
  if (!rc && request->verb != WRITE_UPDATE)
    rc = check_same(job, scale);
  if (!rc && !applied)
    rc = check_metadata(job, scale);
  if (!rc && !applied) // an apply is refused for its conflicts before that
    rc = check_scale(job, scale);
  if (rc)
    return rc;
  struct json *replicas = json_path(scale, "spec.replicas");
  if (json_is(replicas, JSON_INT) && replicas->integer == NEVER_SET)
    return api_bad_request(job->call, "the spec replicas field \"%s\" cannot be empty",
                           request->kind->scale_spec);
  if (!json_is(replicas, JSON_INT)) // null is none; left out by an apply, it stays
    replicas = applied && had && !replicas ? had : json_new_int(arena, 0);
  rc = fields_scale(job->call, request, job->object, json_int(had, 0), json_int(replicas, 0));
  if (!rc && applied)
    rc = check_scale(job, scale);
  if (rc)
    return rc;
  put_replicas(arena, job->object, request->kind, replicas);
  struct str revision = json_path_string(scale, "metadata.resourceVersion");
  if (revision.len) // the client's precondition
    json_put_string(arena, api_meta(job->object), "resourceVersion", revision);
  else if (request->kind->builtin)
    json_remove(api_meta(job->object), STR("resourceVersion"));
  return RC_OK;
}
