// SPDX-License-Identifier: Apache-2.0
// discovery.k8s.io/v1 EndpointSlice.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

#define ENDPOINT_SLICE_SERVICE_LABEL "kubernetes.io/service-name"

struct endpoint_conditions {
  bool has_ready, ready; // not given: ready
  bool has_serving, serving;
  bool has_terminating, terminating;
};
struct endpoint {
  struct str *addresses;
  size_t addresses_count;
  struct endpoint_conditions conditions;
  struct str hostname, node_name, zone;
  struct object_reference *target_ref;
  const struct json *hints, *deprecated_topology;
};
struct endpoint_port {
  struct str name, protocol, app_protocol;
  int64_t port;
};
struct endpoint_slice {
  struct object_meta metadata;
  struct str address_type; // IPv4 IPv6 FQDN
  struct endpoint *endpoints;
  size_t endpoints_count;
  struct endpoint_port *ports;
  size_t ports_count;
};
extern const struct kind_desc endpoint_slice_kind;
