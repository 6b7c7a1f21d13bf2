// SPDX-License-Identifier: Apache-2.0
// spec.traffic of a Rollout: the objects that split the traffic. How they are read and written is
// operator/traffic.
#pragma once

#include "manifests/schema/check.h"
#include "manifests/schema/kind.h"

#define ROLLOUT_VIRTUAL_SERVICES_MAX 8

struct rollout_l4_ref {  // tls and tcp routes have no names: by what they match
  int64_t port;          // 0: any
  struct str *sni_hosts; // all of them; tls only
  size_t sni_hosts_count;
};

struct rollout_virtual_service_ref {
  struct str name;
  struct str
      *routes; // names of http routes; none: the only one, or those that name the stable subset
  size_t routes_count;
  struct rollout_l4_ref *tls_routes, *tcp_routes;
  size_t tls_routes_count, tcp_routes_count;
};

struct rollout_gateway_route_ref { // an HTTPRoute or a GRPCRoute
  struct str name;
  // Pair form: the Services of the two. Else: stable_service is the Service that the route names
  // when no release runs, canary_service is empty.
  struct str stable_service, canary_service;
  struct str *rules; // names or numbers; none: the only rule that names the stable's Service
  size_t rules_count;
};

struct rollout_traffic { // exactly one of the first four
  struct rollout_virtual_service_ref *virtual_service;
  struct rollout_virtual_service_ref *virtual_services;
  size_t virtual_services_count;
  struct rollout_gateway_route_ref *http_route, *grpc_route;
  struct str destination_rule; // with VirtualServices
};

extern const struct schema rollout_traffic_schema;
// What routes call the versions of a pair, against the pair's own fields.
struct rollout_spec;
void rollout_check_names(const struct rollout_spec *spec, struct check *check);
