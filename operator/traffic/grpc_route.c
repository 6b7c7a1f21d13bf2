// SPDX-License-Identifier: Apache-2.0
// Gateway API's GRPCRoute. Pure.
#include "manifests/kinds/grpc_route.h"
#include "operator/traffic/gateway_route.h"

static struct str method_of(const struct json *match, const char *field, const char *fallback) {
  struct str value = json_get_string(json_get(match, "method"), field);
  return str_is_empty(value) ? str_of(fallback) : value;
}

static bool same_match(const struct json *a, const struct json *b) {
  return str_eq(method_of(a, "type", "Exact"), method_of(b, "type", "Exact")) &&
         str_eq(method_of(a, "service", ""), method_of(b, "service", "")) &&
         str_eq(method_of(a, "method", ""), method_of(b, "method", "")) &&
         gateway_route_same_values(json_get(a, "headers"), json_get(b, "headers"), true);
}

static bool takes_first(const struct route_target *target, const struct json *other,
                        struct arena *arena) {
  return gateway_route_takes_first(target, other, same_match, arena);
}

static int64_t timeout_ms(const struct json *rule) {
  (void)rule; // a GRPCRoute has none: the drain has its own least time
  return 0;
}

const struct router grpc_route_router = {
    .kind = &grpc_route_kind,
    GATEWAY_ROUTE_ROW,
    .timeout_ms = timeout_ms,
    .takes_first = takes_first,
};
