// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/rollout_traffic.h"
#include "manifests/kinds/rollout.h"

static const struct field tls_ref_fields[] = {
    F_INT(struct rollout_l4_ref, port, "port", F_RANGE(0, 65535),
          .doc = "The port a match of the route names. Left out: any."),
    F_STRINGS(struct rollout_l4_ref, sni_hosts, "sniHosts",
              .doc = "Hosts that a match of the route names, all of them."),
};
static const struct schema tls_ref_schema =
    SCHEMA("RolloutTLSRoute", struct rollout_l4_ref, tls_ref_fields);

static const struct field tcp_ref_fields[] = {
    F_INT(struct rollout_l4_ref, port, "port", F_RANGE(0, 65535),
          .doc = "The port a match of the route names. Left out: a route without matches, or any."),
};
static const struct schema tcp_ref_schema =
    SCHEMA("RolloutTCPRoute", struct rollout_l4_ref, tcp_ref_fields);

static const struct field virtual_service_fields[] = {
    F_STRING(struct rollout_virtual_service_ref, name, "name", .required = true, .not_empty = true,
             F_RANGE(1, 253), .doc = "Name of the VirtualService, in the Rollout's namespace."),
    F_STRINGS(struct rollout_virtual_service_ref, routes, "routes",
              .doc =
                  "Names of the http routes whose weights are set. With no routes, tlsRoutes and "
                  "tcpRoutes: the only route of any sort, or those that name the stable "
                  "subset."),
    F_LIST(struct rollout_virtual_service_ref, tls_routes, "tlsRoutes", &tls_ref_schema,
           .doc = "tls routes whose weights are set, by what they match."),
    F_LIST(struct rollout_virtual_service_ref, tcp_routes, "tcpRoutes", &tcp_ref_schema,
           .doc = "tcp routes whose weights are set, by what they match."),
};
static const struct schema virtual_service_schema =
    SCHEMA("RolloutVirtualService", struct rollout_virtual_service_ref, virtual_service_fields);

static const struct field gateway_route_fields[] = {
    F_STRING(struct rollout_gateway_route_ref, name, "name", .required = true, .not_empty = true,
             F_RANGE(1, 253), .doc = "Name of the route, in the Rollout's namespace."),
    F_STRING(struct rollout_gateway_route_ref, stable_service, "stableService", .required = true,
             .not_empty = true, F_RANGE(1, 253),
             .doc = "With stable and canary: the Service of the stable version. Otherwise the "
                    "Service that the route names; its ports and selector are those of the "
                    "Services that the operator makes, one for each version."),
    F_STRING(struct rollout_gateway_route_ref, canary_service, "canaryService", F_RANGE(0, 253),
             .doc = "With stable and canary: the Service of the canary. Otherwise not given."),
    F_STRINGS(struct rollout_gateway_route_ref, rules, "rules",
              .doc = "The rules whose weights are set: names, or numbers from 0 of rules without "
                     "a name. Needed where several rules name the stable version's Service."),
};
static const struct schema gateway_route_schema =
    SCHEMA("RolloutGatewayRoute", struct rollout_gateway_route_ref, gateway_route_fields);

static const struct field fields[] = {
    F_OPTIONAL(struct rollout_traffic, virtual_service, "virtualService", &virtual_service_schema,
               .doc = "The VirtualService whose weights are set."),
    F_LIST(struct rollout_traffic, virtual_services, "virtualServices", &virtual_service_schema,
           .merge_key = "name",
           .doc = "Several VirtualServices, at most 8, whose weights are set alike: one for the "
                  "mesh and one for a gateway, say."),
    F_OPTIONAL(struct rollout_traffic, http_route, "httpRoute", &gateway_route_schema,
               .doc = "The Gateway API HTTPRoute whose weights are set."),
    F_OPTIONAL(struct rollout_traffic, grpc_route, "grpcRoute", &gateway_route_schema,
               .doc = "The Gateway API GRPCRoute whose weights are set. Serin's own proxy does not "
                      "serve GRPCRoutes yet: another gateway has to."),
    F_STRING(struct rollout_traffic, destination_rule, "destinationRule", F_RANGE(0, 253),
             .doc = "With VirtualServices: the DestinationRule that defines the subsets."),
};

static void check_gateway(const struct rollout_gateway_route_ref *ref, const char *field,
                          struct check *check) {
  if (ref && !str_is_empty(ref->canary_service) && str_eq(ref->canary_service, ref->stable_service))
    check_error(check, "same", field,
                "canaryService is the same Service as stableService, \"%.*s\"",
                STR_ARG(ref->stable_service));
}

static void check_traffic(const void *object, struct check *check) {
  const struct rollout_traffic *traffic = object;
  bool istio = traffic->virtual_service || traffic->virtual_services_count > 0;
  int given = (traffic->virtual_service != NULL) + (traffic->virtual_services_count > 0) +
              (traffic->http_route != NULL) + (traffic->grpc_route != NULL);
  if (given > 1)
    check_error(check, "one-of", "",
                "names %d kinds of routes; keep one of virtualService, virtualServices, httpRoute "
                "and grpcRoute",
                given);
  if (istio && str_is_empty(traffic->destination_rule))
    check_error(check, "required", "destinationRule",
                "is required: the name of the DestinationRule with the subsets");
  if (given > 0 && !istio && !str_is_empty(traffic->destination_rule))
    check_error(check, "unused", "destinationRule", "is for VirtualServices only");
  if (traffic->virtual_services_count > ROLLOUT_VIRTUAL_SERVICES_MAX)
    check_error(check, "range", "virtualServices", "has %zu entries; at most %d are driven",
                traffic->virtual_services_count, ROLLOUT_VIRTUAL_SERVICES_MAX);
  check_unique(check, "virtualServices", ".name", traffic->virtual_services,
               traffic->virtual_services_count, sizeof *traffic->virtual_services,
               offsetof(struct rollout_virtual_service_ref, name));
  check_gateway(traffic->http_route, "httpRoute.canaryService", check);
  check_gateway(traffic->grpc_route, "grpcRoute.canaryService", check);
}

static const struct schema_rule rules[] = {
    {"[has(self.virtualService), has(self.virtualServices), has(self.httpRoute), "
     "has(self.grpcRoute)].filter(given, given).size() == 1",
     "name the routes whose weights are set in one way: virtualService, virtualServices, httpRoute "
     "or grpcRoute"},
    {"(has(self.virtualService) || has(self.virtualServices)) == "
     "(has(self.destinationRule) && self.destinationRule != '')",
     "destinationRule is required beside VirtualServices, and only there: the name of the "
     "DestinationRule with the subsets"},
    {"!has(self.virtualServices) || self.virtualServices.size() <= 8",
     "virtualServices: at most 8 are driven"},
};
const struct schema rollout_traffic_schema = SCHEMA("RolloutTraffic", struct rollout_traffic,
                                                    fields, .check = check_traffic, S_RULES(rules));

// --- the pair's names ---

static void check_subset(const struct rollout_version_ref *ref, const char *field, bool services,
                         struct check *check) {
  if (services && !str_is_empty(ref->subset))
    check_warn(check, "unused", field, "has no meaning beside a route that names Services");
  if (!services && str_is_empty(ref->subset))
    check_error(check, "required", field, "is required: the subset of this version");
}

void rollout_check_names(const struct rollout_spec *spec, struct check *check) {
  const struct rollout_traffic *traffic = &spec->traffic;
  const struct rollout_gateway_route_ref *route =
      traffic->http_route ? traffic->http_route : traffic->grpc_route;
  const char *field =
      traffic->http_route ? "traffic.httpRoute.canaryService" : "traffic.grpcRoute.canaryService";
  bool pair = spec->stable && spec->canary;
  if (route && pair && str_is_empty(route->canary_service))
    check_error(check, "required", field, "is required: the Service of the canary");
  if (route && !pair && !spec->stable && !spec->canary && !str_is_empty(route->canary_service))
    check_error(check, "unused", field,
                "is for stable and canary only: here each version gets a Service of its own");
  if (!pair)
    return;
  check_subset(spec->stable, "stable.subset", route, check);
  check_subset(spec->canary, "canary.subset", route, check);
  if (!route && !str_is_empty(spec->stable->subset) &&
      str_eq(spec->stable->subset, spec->canary->subset))
    check_error(check, "same", "canary.subset", "is the same subset as stable's, \"%.*s\"",
                STR_ARG(spec->stable->subset));
}
