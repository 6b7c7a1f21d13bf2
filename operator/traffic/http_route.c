// SPDX-License-Identifier: Apache-2.0
// Gateway API's HTTPRoute. Pure.
#include "manifests/kinds/http_route.h"
#include "manifests/text/duration.h"
#include "operator/traffic/gateway_route.h"

static struct str path_of(const struct json *match, const char *field, const char *fallback) {
  struct str value = json_get_string(json_get(match, "path"), field);
  return str_is_empty(value) ? str_of(fallback) : value;
}

static bool same_match(const struct json *a, const struct json *b) {
  return str_eq(path_of(a, "type", "PathPrefix"), path_of(b, "type", "PathPrefix")) &&
         str_eq(path_of(a, "value", "/"), path_of(b, "value", "/")) &&
         str_eq(json_get_string(a, "method"), json_get_string(b, "method")) &&
         gateway_route_same_values(json_get(a, "headers"), json_get(b, "headers"), true) &&
         gateway_route_same_values(json_get(a, "queryParams"), json_get(b, "queryParams"), false);
}

static bool takes_first(const struct route_target *target, const struct json *other,
                        struct arena *arena) {
  return gateway_route_takes_first(target, other, same_match, arena);
}

static int64_t timeout_ms(const struct json *rule) {
  int64_t ms = 0;
  return duration_parse(json_path_string(rule, "timeouts.request"), &ms) ? ms : 0;
}

const struct router http_route_router = {
    .kind = &http_route_kind,
    GATEWAY_ROUTE_ROW,
    .timeout_ms = timeout_ms,
    .takes_first = takes_first,
};
