// SPDX-License-Identifier: Apache-2.0
// What a patch makes of an object, and whether that is still the object.
#include "manifests/base/bug.h"
#include "manifests/text/json_patch.h"
#include "operator/standalone/api_write_job.h"
#include "operator/standalone/strategic.h"

bool write_is_patch(enum write_verb verb) {
  return verb == WRITE_PATCH_JSON || verb == WRITE_PATCH_MERGE || verb == WRITE_PATCH_STRATEGIC;
}

// Members of an operation that a JSON patch does not know.
static int say_unknown_members(struct write_job *job, const struct json *patched) {
  static const char *const known[] = {"op", "path", "from", "value"};
  const struct json *list = job->request->body;
  size_t index = 0;
  JSON_EACH(operation, json_is(list, JSON_ARRAY) ? list : NULL) {
    JSON_EACH(member, operation) {
      bool is_known = false;
      for (size_t i = 0; i < ARRAY_LEN(known); i++)
        is_known |= str_eq_z(member->key, known[i]);
      if (is_known || job->request->validation == VALIDATE_IGNORE)
        continue;
      if (job->request->validation == VALIDATE_STRICT)
        return write_unreadable(job, patched,
                                "strict decoding error: json patch unknown field \"[%zu].%.*s\"",
                                index, STR_ARG(member->key));
      api_warn(job->call, "json patch unknown field \"[%zu].%.*s\"", index, STR_ARG(member->key));
    }
    index++;
  }
  return RC_OK;
}

int write_apply_patch(struct write_job *job, struct json *base, struct json **ret_object) {
  const struct write_request *request = job->request;
  struct arena *arena = job->call->arena;
  struct err err;
  int rc = RC_OK;
  if (request->verb == WRITE_PATCH_JSON) {
    *ret_object = base;
    rc = json_patch_apply(arena, ret_object, request->body, &err);
    if (!rc && (rc = say_unknown_members(job, *ret_object)))
      return rc;
  } else if (request->verb == WRITE_PATCH_MERGE) {
    if (!json_is(request->body, JSON_OBJECT))
      return api_bad_request(job->call, "Invalid JSON Patch");
    *ret_object = json_merge_patch(arena, base, request->body);
  } else {
    const struct schema *schema = request->part == WRITE_SCALE ? NULL : request->kind->schema;
    *ret_object = base;
    if (json_is(request->body, JSON_NULL)) // changes nothing
      return RC_OK;
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

// Of a definition's own kinds a real server looks at the type as at any other field.
static int check_type(struct write_job *job, struct str have, struct str version, struct str kind) {
  const struct kind_desc *own = job->request->kind;
  struct kind_desc given = *own; // it is named as the client has it
  ptrdiff_t slash = str_find_char(have, '/');
  if (have.len)
    given.group =
        arena_str(job->call->arena, str_slice(have, 0, slash < 0 ? 0 : (size_t)slash)).ptr;
  given.kind = kind.len ? arena_str(job->call->arena, kind).ptr : own->kind;
  if (kind.len && !str_eq_z(kind, own->kind))
    return api_invalid(job->call, &given, job->request->name, "kind", "FieldValueInvalid",
                       "Invalid value: \"%.*s\": must be %s", STR_ARG(kind), own->kind);
  if (have.len && !str_eq(have, version))
    return api_invalid(job->call, &given, job->request->name, "apiVersion", "FieldValueInvalid",
                       "Invalid value: \"%.*s\": must be %.*s", STR_ARG(have), STR_ARG(version));
  return RC_OK;
}

// A patch may not make another object of it.
int write_check_patched(struct write_job *job) {
  const struct write_request *request = job->request;
  struct str uid = api_meta_string(job->object, "uid");
  struct str version = kind_api_version(request->kind, request->version, job->call->arena);
  struct str have = json_get_string(job->object, "apiVersion"),
             kind = json_get_string(job->object, "kind");
  bool patch = write_is_patch(request->verb), no_version = request->kind->builtin && !have.len;
  bool strategic = request->verb == WRITE_PATCH_STRATEGIC; // merged into a type that is known
  const struct json *meta = json_get(job->object, "metadata");
  if (request->part == WRITE_SCALE)
    return RC_OK;
  if (meta && !json_is(meta, JSON_OBJECT) && !json_is(meta, JSON_NULL))
    return write_unreadable(job, job->object, "metadata: expected an object, found %s",
                            json_type_name(meta->type));
  int rc = write_check_metadata(job);
  if (rc || request->verb == WRITE_CREATE)
    return rc;
  if (!api_meta_string(job->object, "name").len || (patch && no_version && !strategic))
    return api_bad_request(
        job->call,
        "the name of the object (%.*s based on URL) was undeterminable: name must be provided",
        STR_ARG(request->name));
  if (request->verb == WRITE_UPDATE)
    return RC_OK;
  if (uid.len && !job->old)
    return api_conflict(job->call, request->kind, request->name,
                        arena_printf(job->call->arena,
                                     "uid mismatch: the provided object specified uid %.*s, and no "
                                     "existing object was found",
                                     STR_ARG(uid))
                            .ptr);
  if (strategic) {
    json_put_string(job->call->arena, job->object, "apiVersion", version);
    json_put_z(job->call->arena, job->object, "kind", request->kind->kind);
    have = version;
    kind = str_of(request->kind->kind);
  }
  const struct json *given = json_get(job->object, "kind");
  if (patch && ((given && !json_is(given, JSON_STRING)) || (!kind.len && !request->kind->builtin)))
    return write_unreadable(job, job->object, "kind: expected %s", request->kind->kind);
  if (patch && !request->kind->builtin && (rc = check_type(job, have, version, kind)))
    return rc;
  if (patch && (!str_eq(have, version) || (kind.len && !str_eq_z(kind, request->kind->kind))))
    return write_unreadable(job, job->object, "%.*s, Kind=%.*s is not %.*s, Kind=%s", STR_ARG(have),
                            STR_ARG(kind), STR_ARG(version), request->kind->kind);
  if (uid.len && !str_eq(uid, api_meta_string(job->old, "uid")))
    return api_invalid(job->call, request->kind, request->name, "metadata.uid", "FieldValueInvalid",
                       "Invalid value: \"%.*s\": field is immutable", STR_ARG(uid));
  return RC_OK;
}
