// SPDX-License-Identifier: Apache-2.0
// gateway.networking.k8s.io Gateway: listeners that routes attach to. (istio_gateway.h is Istio's.)
#pragma once

#include "manifests/kinds/gateway_class.h"

struct gateway_address {
  struct str type, value; // type default IPAddress
};
enum gateway_from {
  GATEWAY_FROM_UNSET,
  GATEWAY_FROM_ALL,
  GATEWAY_FROM_SELECTOR,
  GATEWAY_FROM_SAME,
  GATEWAY_FROM_NONE
};
struct gateway_namespaces {
  enum gateway_from from; // default Same
  struct label_selector *selector;
};
struct gateway_route_kind {
  struct str group, kind;
};
struct gateway_allowed_routes {
  struct gateway_namespaces namespaces;
  struct gateway_route_kind *kinds;
  size_t kinds_count;
};
struct gateway_secret_ref {
  struct str group, kind, name, namespace_; // kind default Secret
};
enum gateway_tls_mode { GATEWAY_TLS_UNSET, GATEWAY_TLS_TERMINATE, GATEWAY_TLS_PASSTHROUGH };
struct gateway_listener_tls {
  enum gateway_tls_mode mode; // default Terminate
  struct gateway_secret_ref *certificate_refs;
  size_t certificate_refs_count;
  struct string_map options;
  const struct json *frontend_validation;
};
struct gateway_listener {
  struct str name, hostname, protocol; // HTTP HTTPS TLS TCP UDP
  int64_t port;
  struct gateway_listener_tls *tls;
  struct gateway_allowed_routes allowed_routes;
};
struct gateway_listener_status {
  struct str name;
  int64_t attached_routes;
  struct gateway_route_kind *supported_kinds;
  size_t supported_kinds_count;
  struct condition *conditions;
  size_t conditions_count;
};
struct gateway {
  struct object_meta metadata;
  struct gateway_spec {
    struct str gateway_class_name;
    struct gateway_listener *listeners;
    size_t listeners_count;
    struct gateway_address *addresses;
    size_t addresses_count;
    const struct json *infrastructure, *allowed_listeners, *tls, *backend_tls, *default_scope;
  } spec;
  struct gateway_status {
    struct gateway_address *addresses;
    size_t addresses_count;
    struct condition *conditions;
    size_t conditions_count;
    struct gateway_listener_status *listeners;
    size_t listeners_count;
    int64_t attached_listener_sets;
  } * status;
};
extern const struct kind_desc gateway_kind;
