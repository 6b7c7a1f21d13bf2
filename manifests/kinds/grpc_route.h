// SPDX-License-Identifier: Apache-2.0
// gateway.networking.k8s.io GRPCRoute.
#pragma once

#include "manifests/kinds/http_route.h"

struct grpc_route_method_match {
  enum route_match_type type; // default Exact
  struct str service, method;
};
struct grpc_route_match {
  struct grpc_route_method_match *method;
  struct route_value_match *headers;
  size_t headers_count;
};
struct grpc_route_rule {
  struct str name;
  struct grpc_route_match *matches; // none: everything
  size_t matches_count;
  struct route_filter *filters;
  size_t filters_count;
  struct route_backend_ref *backend_refs;
  size_t backend_refs_count;
  struct route_session_persistence *session_persistence;
};
struct grpc_route {
  struct object_meta metadata;
  struct grpc_route_spec {
    struct route_parent_ref *parent_refs;
    size_t parent_refs_count;
    struct str *hostnames;
    size_t hostnames_count;
    struct grpc_route_rule *rules;
    size_t rules_count;
    struct str use_default_gateways;
  } spec;
  struct route_status *status;
};
extern const struct kind_desc grpc_route_kind;
