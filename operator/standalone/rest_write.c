// SPDX-License-Identifier: Apache-2.0
// POST, PUT and PATCH.
#include "manifests/base/bug.h"
#include "operator/standalone/rest_body.h"
#include "operator/standalone/rest_exchange.h"

// --- Options of writes

static const char *options_of(const struct exchange *x) {
  return rest_is_method(x, "PATCH")    ? "PatchOptions"
         : rest_is_method(x, "PUT")    ? "UpdateOptions"
         : rest_is_method(x, "DELETE") ? "DeleteOptions"
                                       : "CreateOptions";
}

static int read_validation(struct exchange *x, enum field_validation *ret_validation) {
  static const char *const names[] = {
      [VALIDATE_WARN] = "Warn", [VALIDATE_STRICT] = "Strict", [VALIDATE_IGNORE] = "Ignore"};
  struct str text = x->path.query.field_validation;
  *ret_validation = VALIDATE_WARN;
  for (size_t i = 0; i < ARRAY_LEN(names); i++) {
    if (str_eq_z(text, names[i])) {
      *ret_validation = (enum field_validation)i;
      return RC_OK;
    }
  }
  if (text.len == 0)
    return RC_OK;
  return api_bad_option(x->call, options_of(x), "fieldValidation", "FieldValueNotSupported",
                        arena_printf(x->call->arena,
                                     "Unsupported value: \"%.*s\": supported values: \"\", "
                                     "\"Ignore\", \"Strict\", \"Warn\"",
                                     STR_ARG(text)));
}

int rest_dry_run(struct exchange *x, struct str text, bool *ret_dry_run) {
  *ret_dry_run = str_eq_z(text, "All");
  if (*ret_dry_run || !text.ptr)
    return RC_OK;
  return api_bad_option(x->call, options_of(x), "dryRun", "FieldValueNotSupported",
                        arena_printf(x->call->arena,
                                     "Unsupported value: [\"%.*s\"]: supported values: \"All\"",
                                     STR_ARG(text)));
}

static int write_reply(struct exchange *x, const struct write_request *write,
                       const struct write_result *result) {
  struct read_request read = rest_as_read(x);
  x->reply->status = result->created ? 201 : 200;
  if (write->part == WRITE_SCALE)
    return json_write(&x->reply->body, write_scale_of(x->kind, result->object, x->call->arena));
  return read_write_object(x->call, &read, result->object, &x->reply->body);
}

#define MEDIA_JSON_PATCH "application/json-patch+json"
#define MEDIA_MERGE_PATCH "application/merge-patch+json"
#define MEDIA_APPLY "application/apply-patch+yaml"

// A type of body that no PATCH takes, in the words of the part of a real server that notices first.
static int unknown_patch(struct exchange *x) {
  if (!x->kind->builtin)
    return api_media_type(x->call, MEDIA_JSON_PATCH ", " MEDIA_MERGE_PATCH ", " MEDIA_APPLY);
  int rc = api_fail(x->call, 415, "UnsupportedMediaType", "415: Unsupported Media Type");
  x->call->fault.details = json_new_object(x->call->arena);
  return rc;
}

static int patch_verb(struct exchange *x, enum write_verb *ret_verb) {
  enum rest_media media = rest_media_of(x->request->content_type);
  static const struct {
    enum rest_media media;
    enum write_verb verb;
  } rows[] = {{REST_MEDIA_JSON_PATCH, WRITE_PATCH_JSON},
              {REST_MEDIA_MERGE_PATCH, WRITE_PATCH_MERGE},
              {REST_MEDIA_STRATEGIC_PATCH, WRITE_PATCH_STRATEGIC},
              {REST_MEDIA_APPLY, WRITE_APPLY}};
  // Only Kubernetes' own kinds merge strategically; the answer for all others is what tells kubectl
  // to use a merge patch.
  bool strategic = media == REST_MEDIA_STRATEGIC_PATCH && !x->kind->builtin;
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    if (rows[i].media == media && !strategic) {
      *ret_verb = rows[i].verb;
      return RC_OK;
    }
  }
  return unknown_patch(x);
}

#define MANAGER_BYTES 128u

static int check_manager(struct exchange *x) {
  struct str manager = x->path.query.field_manager;
  struct arena *arena = x->call->arena;
  if (manager.len > MANAGER_BYTES)
    return api_bad_option(x->call, options_of(x), "fieldManager", "FieldValueTooLong",
                          STR("Too long: may not be more than 128 bytes"));
  for (size_t i = 0; i < manager.len; i++) {
    unsigned char c = (unsigned char)manager.ptr[i];
    if (c < 0x20 || c == 0x7f)
      return api_bad_option(
          x->call, options_of(x), "fieldManager", "FieldValueInvalid",
          arena_printf(arena,
                       "Invalid value: \"%.*s\\x%02x%.*s\": invalid character U+%04X (at position "
                       "%zu)",
                       (int)i, manager.ptr, c, (int)(manager.len - i - 1), manager.ptr + i + 1, c,
                       i));
  }
  return RC_OK;
}

// A whole object is no patch.
static int check_media(struct exchange *x) {
  enum rest_media media = rest_media_of(x->request->content_type);
  if (media == REST_MEDIA_JSON || media == REST_MEDIA_YAML ||
      (media == REST_MEDIA_PROTOBUF && x->kind->builtin))
    return RC_OK;
  return api_media_type(
      x->call, x->kind->builtin
                   ? "application/json, application/yaml, application/vnd.kubernetes.protobuf"
                   : "application/json, application/yaml");
}

static int check_body(struct exchange *x, const struct write_request *write) {
  static const char *const names[] = {"kind", "apiVersion"};
  const struct json *body = write->body;
  if (write_is_patch(write->verb) || write->verb == WRITE_APPLY)
    return RC_OK;
  bool whole = !x->kind->builtin && write->part != WRITE_SCALE && json_is(body, JSON_OBJECT);
  if (whole && !json_get_string(body, "apiVersion").len && json_get_string(body, "kind").len)
    return api_bad_request(
        x->call, "the API version in the data () does not match the expected API version (%.*s)",
        STR_ARG(kind_api_version(x->kind, write->version, x->call->arena)));
  for (size_t i = 0; i < ARRAY_LEN(names); i++) {
    const struct json *value = json_get(body, names[i]);
    if (whole && !json_string(value).len)
      return api_bad_request(
          x->call, "the object provided is unrecognized (must be of type %s): '%s' is missing",
          x->kind->kind, names[i]);
    if (value && !json_is(value, JSON_STRING) && !json_is(value, JSON_NULL))
      return api_bad_request(x->call,
                             "the object provided is unrecognized (must be of type %s): %s must be "
                             "a string, found %s",
                             write->part == WRITE_SCALE ? "Scale" : x->kind->kind, names[i],
                             json_type_name(value->type));
  }
  return RC_OK;
}

int rest_write(struct exchange *x, enum write_part part) {
  struct json *body;
  struct write_request write = {.part = part,
                                .kind = x->kind,
                                .version = x->path.version,
                                .ns = x->path.ns,
                                .name = x->path.name,
                                .manager = x->path.query.field_manager,
                                .force = x->path.query.force};
  int rc = RC_OK;
  if (rest_is_method(x, "POST") && !x->path.name.len)
    write.verb = WRITE_CREATE;
  else if (rest_is_method(x, "PUT") && x->path.name.len)
    write.verb = WRITE_UPDATE;
  else if (rest_is_method(x, "PATCH") && x->path.name.len)
    rc = patch_verb(x, &write.verb);
  else
    return rest_bad_method(x);
  bool patch = rest_is_method(x, "PATCH");
  if (!rc && patch && x->path.query.has_force && write.verb != WRITE_APPLY)
    rc = api_bad_option(x->call, "PatchOptions", "force", "FieldValueForbidden",
                        STR("Forbidden: may not be specified for non-apply patch"));
  if (!rc)
    rc = check_manager(x);
  if (!rc)
    rc = read_validation(x, &write.validation);
  if (!rc)
    rc = rest_dry_run(x, x->path.query.dry_run, &write.dry_run);
  if (!rc && !patch)
    rc = check_media(x);
  if (!rc)
    rc = rest_body_parse(x->call, x->request->content_type, x->request->body, &body,
                         &write.duplicate);
  if (!rc && (!body || json_is(body, JSON_NULL)) && write.verb == WRITE_APPLY) // YAML of nothing
    body = json_new_object(x->call->arena);
  if (!rc && json_is(body, JSON_NULL) && write.verb == WRITE_UPDATE) // an object without a name
    body = json_new_object(x->call->arena);
  write.body = rc ? NULL : body;
  if (!rc && !body)
    rc = api_bad_request(x->call, "the request has no body");
  if (!rc)
    rc = check_body(x, &write);
  if (!rc && write.verb == WRITE_APPLY)
    rc = rest_authorize_apply(x);
  if (rc)
    return rc;
  struct write_result result;
  rc = write_run(x->api, x->call, &write, &result);
  return rc ? rc : write_reply(x, &write, &result);
}
