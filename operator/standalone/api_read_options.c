// SPDX-License-Identifier: Apache-2.0
// Which parameters of lists and watches go together, as apimachinery's ValidateListOptions has it.
#include "operator/standalone/api_read.h"

static int refused(struct api_call *call, const char *field, const char *why) {
  int rc = api_fail(call, 422, "Invalid",
                    "ListOptions.meta.k8s.io \"\" is invalid: %s: Forbidden: %s", field, why);
  struct arena *arena = call->arena;
  struct json *details = json_new_object(arena), *cause = json_new_object(arena);
  json_put_z(arena, details, "group", "meta.k8s.io");
  json_put_z(arena, details, "kind", "ListOptions");
  json_put_z(arena, cause, "reason", "FieldValueForbidden");
  json_put_string(arena, cause, "message", arena_printf(arena, "Forbidden: %s", why));
  json_put_z(arena, cause, "field", field);
  json_append(json_need_array(arena, details, "causes"), cause);
  call->fault.details = details;
  return rc;
}

static int unknown_match(struct api_call *call, struct str match, const char *supported) {
  return api_fail(call, 422, "Invalid",
                  "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Unsupported "
                  "value: \"%.*s\": supported values: %s",
                  STR_ARG(match), supported);
}

static int check_watch(struct api_call *call, const struct rest_query *query) {
  struct str match = query->version_match;
  bool not_older = str_eq_z(match, "NotOlderThan");
  if (query->has_send_initial && !not_older)
    return refused(call, "resourceVersionMatch",
                   "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  if (match.len == 0)
    return RC_OK;
  if (!query->has_send_initial)
    return refused(
        call, "resourceVersionMatch",
        "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
  return not_older ? RC_OK : unknown_match(call, match, "\"NotOlderThan\"");
}

int read_check_options(struct api_call *call, const struct rest_query *query) {
  struct str match = query->version_match, revision = query->resource_version;
  if (query->watch)
    return check_watch(call, query);
  if (query->has_send_initial)
    return refused(call, "sendInitialEvents", "sendInitialEvents is forbidden for list");
  if (query->continue_token.len && revision.len && !str_eq_z(revision, "0"))
    return api_bad_request(call, "specifying resource version is not allowed when using continue");
  if (match.len == 0)
    return RC_OK;
  if (revision.len == 0)
    return refused(call, "resourceVersionMatch",
                   "resourceVersionMatch is forbidden unless resourceVersion is provided");
  if (query->continue_token.len)
    return refused(call, "resourceVersionMatch",
                   "resourceVersionMatch is forbidden when continue is provided");
  if (!str_eq_z(match, "Exact") && !str_eq_z(match, "NotOlderThan"))
    return unknown_match(call, match, "\"\", \"Exact\", \"NotOlderThan\"");
  if (str_eq_z(match, "Exact") && str_eq_z(revision, "0"))
    return refused(call, "resourceVersionMatch",
                   "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
  return RC_OK;
}
