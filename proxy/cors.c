// SPDX-License-Identifier: Apache-2.0
#include "proxy/cors.h"

static struct str cors_field(const struct head *head, struct str name) {
  const struct head_field *field = head_find_name(head, name);
  return field ? field->value : STR("");
}

static bool cors_allows(const struct table_cors *cors, struct str origin,
                        struct regex_worker *worker) {
  if (cors->any_origin)
    return true;
  for (size_t i = 0; i < cors->origin_count; i++) {
    if (string_match_value(&cors->origins[i], origin, worker) == MATCH_YES)
      return true;
  }
  return false;
}

enum cors_kind cors_check(const struct table_cors *cors, struct head *request,
                          struct regex_worker *worker, struct cors_request *ret_request) {
  *ret_request = (struct cors_request){
      .origin = cors_field(request, STR("origin")),
      .asked_method = cors_field(request, STR("access-control-request-method")),
      .asked_headers = cors_field(request, STR("access-control-request-headers"))};
  if (ret_request->origin.len == 0)
    return CORS_NONE;
  bool is_preflight = str_eq(request->method, STR("OPTIONS")) && ret_request->asked_method.len > 0;
  if (cors_allows(cors, ret_request->origin, worker))
    return is_preflight ? CORS_PREFLIGHT : CORS_ALLOWED;
  return is_preflight && cors->ignore_unmatched ? CORS_PREFLIGHT_IGNORED : CORS_OTHER;
}

bool cors_is_answered(enum cors_kind kind) {
  return kind == CORS_PREFLIGHT || kind == CORS_PREFLIGHT_IGNORED;
}

static void cors_put(struct head *head, struct str name, struct str value) {
  if (value.len == 0)
    return;
  head_remove_name(head, name);
  (void)head_add_name(head, name, value);
}

void cors_respond(const struct table_cors *cors, enum cors_kind kind,
                  const struct cors_request *request, struct head *response) {
  if (kind == CORS_NONE || kind == CORS_OTHER)
    return;
  if (kind != CORS_PREFLIGHT_IGNORED)
    cors_put(response, STR("access-control-allow-origin"), request->origin);
  if (cors->allow_credentials)
    cors_put(response, STR("access-control-allow-credentials"), STR("true"));
  if (cors_is_answered(kind)) {
    cors_put(response, STR("access-control-allow-methods"),
             cors->echo_methods ? request->asked_method : cors->allow_methods);
    cors_put(response, STR("access-control-allow-headers"),
             cors->echo_headers ? request->asked_headers : cors->allow_headers);
    cors_put(response, STR("access-control-max-age"), cors->max_age);
  }
  if (kind != CORS_PREFLIGHT_IGNORED)
    cors_put(response, STR("access-control-expose-headers"), cors->expose_headers);
}
