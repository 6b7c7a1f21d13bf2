// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/grpc_route.h"

#include "manifests/kinds/route_fields.h"
#include "manifests/kinds/route_filter_check.h"
#include "manifests/schema/format.h"

static void check_method(const void *object, struct check *check) {
  const struct grpc_route_method_match *match = object;
  if (!match->service.len && !match->method.len)
    check_error(check, "required", "", "one of service and method is required");
  if (match->type == ROUTE_MATCH_REGEX) {
    route_check_regex(match->service, "service", check);
    route_check_regex(match->method, "method", check);
  }
}

static const struct field method_fields[] = {
    F_ENUM(struct grpc_route_method_match, type, "type",
           ((const struct enum_value[]){
               {.name = ""}, {.name = "Exact"}, {.name = "RegularExpression"}, {.name = NULL}}),
           .fallback = "Exact"),
    F_STRING(struct grpc_route_method_match, service, "service", F_RANGE(0, 1024),
             .doc = "The service, with its package."),
    F_STRING(struct grpc_route_method_match, method, "method", F_RANGE(0, 1024),
             .doc = "The method."),
};
static const struct schema method_schema =
    SCHEMA("GRPCMethodMatch", struct grpc_route_method_match, method_fields, .check = check_method);

static const struct field match_fields[] = {
    F_OPTIONAL(struct grpc_route_match, method, "method", &method_schema,
               .doc = "Service and method; default all."),
    F_LIST(struct grpc_route_match, headers, "headers", &route_header_match_schema, F_RANGE(0, 16),
           .merge_key = "name", .doc = "Headers; all must match."),
};
static const struct schema match_schema =
    SCHEMA("GRPCRouteMatch", struct grpc_route_match, match_fields);

static void check_rule(const void *object, struct check *check) {
  const struct grpc_route_rule *rule = object;
  route_check_filters(rule->filters, rule->filters_count, "filters", check);
  for (size_t i = 0; i < rule->filters_count; i++) {
    enum route_filter_type type = rule->filters[i].type;
    if (type == ROUTE_FILTER_REDIRECT || type == ROUTE_FILTER_URL_REWRITE ||
        type == ROUTE_FILTER_CORS)
      check_error(check, "bad-value", check_index(check, "filters", i, ".type"),
                  "a GRPCRoute has no such filter");
  }
}

static const struct field rule_fields[] = {
    F_STRING(struct grpc_route_rule, name, "name", F_RANGE(1, 253), .format = &format_dns_subdomain,
             .doc = "Name of the rule, unique in the route."),
    F_LIST(struct grpc_route_rule, matches, "matches", &match_schema, F_RANGE(0, 64),
           .doc = "Any of these; none: everything."),
    F_LIST(struct grpc_route_rule, filters, "filters", &route_filter_schema, F_RANGE(0, 16),
           .doc = "What happens to the request and its response."),
    F_LIST(struct grpc_route_rule, backend_refs, "backendRefs", &route_backend_ref_schema,
           F_RANGE(0, 16), .doc = "Where requests go, by weight."),
    F_OPTIONAL(struct grpc_route_rule, session_persistence, "sessionPersistence",
               &route_session_persistence_schema, .doc = "Keeps a client on one endpoint."),
};
static const struct schema rule_schema =
    SCHEMA("GRPCRouteRule", struct grpc_route_rule, rule_fields, .check = check_rule);

static void check_spec(const void *object, struct check *check) {
  const struct grpc_route_spec *spec = object;
  route_check_parents(spec->parent_refs, spec->parent_refs_count, check);
}

static const struct field spec_fields[] = {
    F_LIST(struct grpc_route_spec, parent_refs, "parentRefs", &route_parent_ref_schema,
           F_RANGE(0, 32), .doc = "The Gateways it attaches to."),
    F_STRINGS(struct grpc_route_spec, hostnames, "hostnames", F_RANGE(0, 16),
              .format = &format_hostname, .doc = "Hosts it answers for."),
    F_LIST(struct grpc_route_spec, rules, "rules", &rule_schema, F_RANGE(0, 16),
           .doc = "The rules."),
    F_STRING(struct grpc_route_spec, use_default_gateways, "useDefaultGateways",
             .doc = "Experimental in the Gateway API."),
};
static const struct schema spec_schema =
    SCHEMA("GRPCRouteSpec", struct grpc_route_spec, spec_fields, .check = check_spec);

static const struct field grpc_route_fields[] = {
    F_OBJECT(struct grpc_route, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct grpc_route, spec, "spec", &spec_schema, F_NOT_ENFORCED, .doc = "The routes."),
    F_OPTIONAL(struct grpc_route, status, "status", &route_status_schema, .read_only = true,
               .doc = "Written by controllers."),
};
static const struct schema grpc_route_schema =
    SCHEMA("GRPCRoute", struct grpc_route, grpc_route_fields);

static const struct printer_column columns[] = {
    {.name = "Hostnames", .type = "string", .path = ".spec.hostnames"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc grpc_route_kind = {
    .group = ROUTE_API_GROUP,
    .versions = (const char *const[]){"v1", NULL},
    .kind = "GRPCRoute",
    .plural = "grpcroutes",
    .singular = "grpcroute",
    .categories = (const char *const[]){"gateway-api", NULL},
    .namespaced = true,
    .has_status = true,
    .has_generation = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &grpc_route_schema,
    .doc = "Routes of gRPC services attached to Gateways, as the Gateway API means them.",
};
