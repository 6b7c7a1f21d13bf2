// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_call.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 0))) static struct str vprint(struct arena *arena,
                                                               const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (len < 0)
    return STR("");
  char *text = arena_alloc(arena, (size_t)len + 1);
  (void)vsnprintf(text, (size_t)len + 1, format, args);
  return (struct str){text, (size_t)len};
}

void api_warn(struct api_call *call, const char *format, ...) {
  if (call->warning_count >= API_WARNINGS_MAX)
    return;
  va_list args;
  va_start(args, format);
  struct api_warning *warning =
      arena_push(call->arena, (void **)&call->warnings, &call->warning_count,
                 &call->warning_capacity, sizeof(*warning));
  warning->text = vprint(call->arena, format, args);
  va_end(args);
}

static int set_fault(struct api_call *call, int code, const char *reason, struct str message,
                     struct json *details) {
  call->fault =
      (struct api_fault){.code = code, .reason = reason, .message = message, .details = details};
  int rc = rc_from_http(code);
  return rc ? rc : RC_INTERNAL;
}

int api_fail(struct api_call *call, int code, const char *reason, const char *format, ...) {
  va_list args;
  va_start(args, format);
  struct str message = vprint(call->arena, format, args);
  va_end(args);
  return set_fault(call, code, reason, message, NULL);
}

int api_bad_request(struct api_call *call, const char *format, ...) {
  va_list args;
  va_start(args, format);
  struct str message = vprint(call->arena, format, args);
  va_end(args);
  return set_fault(call, 400, "BadRequest", message, NULL);
}

static const char *reason_of(int code) {
  switch (code) {
  case 400: return "BadRequest";
  case 401: return "Unauthorized";
  case 403: return "Forbidden";
  case 404: return "NotFound";
  case 409: return "Conflict";
  case 410: return "Expired";
  case 413: return "RequestEntityTooLarge";
  case 415: return "UnsupportedMediaType";
  case 422: return "Invalid";
  case 429: return "TooManyRequests";
  case 503: return "ServiceUnavailable";
  case 504: return "Timeout";
  default: return "InternalError";
  }
}

int api_fail_err(struct api_call *call, const struct err *err) {
  int code = rc_http_status(err->rc);
  return api_fail(call, code, reason_of(code), "%s", err->msg);
}

struct str api_resource_name(struct arena *arena, const struct kind_desc *kind) {
  if (kind->group[0] == '\0')
    return arena_strz(arena, kind->plural);
  return arena_printf(arena, "%s.%s", kind->plural, kind->group);
}

static struct json *details_of(struct arena *arena, const struct kind_desc *kind, struct str name,
                               const char *kind_name) {
  struct json *details = json_new_object(arena);
  if (name.len)
    json_put_string(arena, details, "name", name);
  if (kind->group[0])
    json_put_z(arena, details, "group", kind->group);
  json_put_z(arena, details, "kind", kind_name);
  return details;
}

int api_not_found(struct api_call *call, const struct kind_desc *kind, struct str name) {
  struct str resource = api_resource_name(call->arena, kind);
  return set_fault(
      call, 404, "NotFound",
      arena_printf(call->arena, "%.*s \"%.*s\" not found", STR_ARG(resource), STR_ARG(name)),
      details_of(call->arena, kind, name, kind->plural));
}

int api_already_exists(struct api_call *call, const struct kind_desc *kind, struct str name) {
  struct str resource = api_resource_name(call->arena, kind);
  return set_fault(
      call, 409, "AlreadyExists",
      arena_printf(call->arena, "%.*s \"%.*s\" already exists", STR_ARG(resource), STR_ARG(name)),
      details_of(call->arena, kind, name, kind->plural));
}

int api_conflict(struct api_call *call, const struct kind_desc *kind, struct str name,
                 const char *why) {
  struct str resource = api_resource_name(call->arena, kind);
  return set_fault(call, 409, "Conflict",
                   arena_printf(call->arena, "Operation cannot be fulfilled on %.*s \"%.*s\": %s",
                                STR_ARG(resource), STR_ARG(name), why),
                   details_of(call->arena, kind, name, kind->plural));
}

int api_forbidden(struct api_call *call, const struct kind_desc *kind, struct str name,
                  const char *format, ...) {
  va_list args;
  va_start(args, format);
  struct str why = vprint(call->arena, format, args);
  va_end(args);
  struct str resource = api_resource_name(call->arena, kind);
  return set_fault(call, 403, "Forbidden",
                   arena_printf(call->arena, "%.*s \"%.*s\" is forbidden: %.*s", STR_ARG(resource),
                                STR_ARG(name), STR_ARG(why)),
                   details_of(call->arena, kind, name, kind->plural));
}

int api_too_old(struct api_call *call, int64_t revision, int64_t oldest) {
  return api_fail(call, 410, "Expired", "too old resource version: %lld (%lld)",
                  (long long)revision, (long long)oldest);
}

int api_media_type(struct api_call *call, const char *accepted) {
  return api_fail(
      call, 415, "UnsupportedMediaType",
      "the body of the request was in an unknown format - accepted media types include: %s",
      accepted);
}

struct cause_list {
  struct arena *arena;
  struct json *causes;
  struct buf text; // "spec.target: Required value, ..."
  size_t count;
};

static void add_cause(struct cause_list *list, const char *reason, struct str field,
                      struct str message) {
  struct json *cause = json_new_object(list->arena);
  json_put_z(list->arena, cause, "reason", reason);
  json_put_string(list->arena, cause, "message", message);
  json_put_string(list->arena, cause, "field", field);
  json_append(list->causes, cause);
  if (list->count++)
    buf_add_z(&list->text, ", ");
  if (field.len)
    buf_addf(&list->text, "%.*s: ", STR_ARG(field));
  buf_add_str(&list->text, message);
}

// Ends the list: sets the fault of a 422.
static int invalid(struct api_call *call, const struct kind_desc *kind, struct str name,
                   struct cause_list *list) {
  struct str title = kind->group[0] ? arena_printf(call->arena, "%s.%s", kind->kind, kind->group)
                                    : arena_strz(call->arena, kind->kind);
  struct str text = buf_str(&list->text);
  struct json *details = details_of(call->arena, kind, name, kind->kind);
  json_put(call->arena, details, "causes", list->causes);
  const char *open = list->count > 1 ? "[" : "", *close = list->count > 1 ? "]" : "";
  struct str message = arena_printf(call->arena, "%.*s \"%.*s\" is invalid: %s%.*s%s",
                                    STR_ARG(title), STR_ARG(name), open, STR_ARG(text), close);
  buf_dispose(&list->text);
  return set_fault(call, 422, "Invalid", message, details);
}

static void cause_list_init(struct cause_list *list, struct api_call *call) {
  *list = (struct cause_list){.arena = call->arena, .causes = json_new_array(call->arena)};
  buf_init(&list->text, 1u << 16);
}

int api_invalid(struct api_call *call, const struct kind_desc *kind, struct str name,
                const char *field, const char *reason, const char *format, ...) {
  va_list args;
  va_start(args, format);
  struct str message = vprint(call->arena, format, args);
  va_end(args);
  struct cause_list list;
  cause_list_init(&list, call);
  add_cause(&list, reason, str_of(field), message);
  return invalid(call, kind, name, &list);
}

// The ids of findings are the schema's; these are the reasons of causes.
static const char *cause_reason(struct str id) {
  static const struct {
    const char *part, *reason;
  } table[] = {{"required", "FieldValueRequired"},          {"missing", "FieldValueRequired"},
               {"type", "FieldValueTypeInvalid"},           {"enum", "FieldValueNotSupported"},
               {"unknown-value", "FieldValueNotSupported"}, {"duplicate", "FieldValueDuplicate"},
               {"immutable", "FieldValueForbidden"},        {"forbidden", "FieldValueForbidden"},
               {"too-long", "FieldValueTooLong"},           {"too-many", "FieldValueTooMany"},
               {"not-found", "FieldValueNotFound"},         {"internal", "InternalError"}};
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
    if (str_contains(id, str_of(table[i].part)))
      return table[i].reason;
  return "FieldValueInvalid";
}

int api_invalid_findings(struct api_call *call, const struct kind_desc *kind, struct str name,
                         const struct findings *findings) {
  struct cause_list list;
  cause_list_init(&list, call);
  for (size_t i = 0; i < findings->count; i++)
    if (findings->items[i].level == FINDING_ERROR)
      add_cause(&list, cause_reason(findings->items[i].id), findings->items[i].path,
                findings->items[i].message);
  return list.count ? invalid(call, kind, name, &list) : RC_OK;
}

int api_bad_option(struct api_call *call, const char *options, const char *field,
                   const char *reason, struct str why) {
  struct arena *arena = call->arena;
  struct json *details = json_new_object(arena), *cause = json_new_object(arena);
  int rc = api_fail(call, 422, "Invalid", "%s.meta.k8s.io \"\" is invalid: %s: %.*s", options,
                    field, STR_ARG(why));
  json_put_z(arena, details, "group", "meta.k8s.io");
  json_put_z(arena, details, "kind", options);
  json_put_z(arena, cause, "reason", reason);
  json_put_string(arena, cause, "message", why);
  json_put_z(arena, cause, "field", field);
  json_append(json_need_array(arena, details, "causes"), cause);
  call->fault.details = details;
  return rc;
}

int api_bad_patch(struct api_call *call, struct str why) {
  struct arena *arena = call->arena;
  struct json *details = json_new_object(arena), *cause = json_new_object(arena);
  int rc = api_fail(call, 422, "Invalid", " \"\" is invalid: patch: %.*s", STR_ARG(why));
  json_put_z(arena, cause, "reason", "FieldValueInvalid");
  json_put_string(arena, cause, "message", why);
  json_put_z(arena, cause, "field", "patch");
  json_append(json_need_array(arena, details, "causes"), cause);
  call->fault.details = details;
  return rc;
}

static struct json *status_head(struct arena *arena, const char *status) {
  struct json *object = json_new_object(arena);
  json_put_z(arena, object, "kind", "Status");
  json_put_z(arena, object, "apiVersion", "v1");
  json_put(arena, object, "metadata", json_new_object(arena));
  json_put_z(arena, object, "status", status);
  return object;
}

struct json *api_status(const struct api_call *call) {
  struct arena *arena = call->arena;
  struct json *object = status_head(arena, "Failure");
  json_put_string(arena, object, "message", call->fault.message);
  if (call->fault.reason)
    json_put_z(arena, object, "reason", call->fault.reason);
  struct json *details = call->fault.details;
  if (call->fault.retry_after) {
    if (!details)
      details = json_new_object(arena);
    json_put_int(arena, details, "retryAfterSeconds", call->fault.retry_after);
  }
  if (details)
    json_put(arena, object, "details", details);
  json_put_int(arena, object, "code", call->fault.code);
  return object;
}

struct json *api_status_deleted(struct api_call *call, const struct kind_desc *kind,
                                struct str name, struct str uid) {
  struct json *object = status_head(call->arena, "Success");
  struct json *details = details_of(call->arena, kind, name, kind->plural);
  json_put_string(call->arena, details, "uid", uid);
  json_put(call->arena, object, "details", details);
  return object;
}
