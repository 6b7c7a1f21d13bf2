// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/gateway.h"

#include "manifests/schema/check.h"
#include "manifests/schema/format.h"

#define API_GROUP "gateway.networking.k8s.io"

static const struct enum_value from_values[] = {{.name = ""},         {.name = "All"},
                                                {.name = "Selector"}, {.name = "Same"},
                                                {.name = "None"},     {.name = NULL}};

static void check_namespaces(const void *object, struct check *check) {
  const struct gateway_namespaces *namespaces = object;
  if (namespaces->from == GATEWAY_FROM_SELECTOR && !namespaces->selector)
    check_error(check, "required", "selector", "is required with from: Selector");
}

static const struct field namespaces_fields[] = {
    F_ENUM(struct gateway_namespaces, from, "from", from_values, .fallback = "Same", F_ENFORCED,
           .doc = "Which namespaces."),
    F_OPTIONAL(struct gateway_namespaces, selector, "selector", &label_selector_schema, F_ENFORCED,
               .doc = "Labels of the namespaces, with from: Selector."),
};
static const struct schema namespaces_schema = SCHEMA("RouteNamespaces", struct gateway_namespaces,
                                                      namespaces_fields, .check = check_namespaces);

static const struct field route_kind_fields[] = {
    F_STRING(struct gateway_route_kind, group, "group", F_RANGE(0, 253), .fallback = API_GROUP),
    F_STRING(struct gateway_route_kind, kind, "kind", .required = true, .not_empty = true,
             .format = &format_kind),
};
static const struct schema route_kind_schema =
    SCHEMA("RouteGroupKind", struct gateway_route_kind, route_kind_fields);

static const struct field allowed_routes_fields[] = {
    F_OBJECT(struct gateway_allowed_routes, namespaces, "namespaces", &namespaces_schema,
             .fallback = "{\"from\":\"Same\"}", .doc = "Namespaces whose routes may attach."),
    F_LIST(struct gateway_allowed_routes, kinds, "kinds", &route_kind_schema, F_RANGE(0, 8),
           F_ENFORCED, .doc = "Kinds of routes that may attach; default by protocol."),
};
static const struct schema allowed_routes_schema =
    SCHEMA("AllowedRoutes", struct gateway_allowed_routes, allowed_routes_fields);

static const struct field secret_ref_fields[] = {
    F_STRING(struct gateway_secret_ref, group, "group", F_RANGE(0, 253), .fallback = ""),
    F_STRING(struct gateway_secret_ref, kind, "kind", F_RANGE(1, 63), .fallback = "Secret",
             .format = &format_kind),
    F_STRING(struct gateway_secret_ref, name, "name", .required = true, .not_empty = true,
             F_RANGE(1, 253)),
    F_STRING(struct gateway_secret_ref, namespace_, "namespace", F_RANGE(1, 63),
             .format = &format_dns_label),
};
static const struct schema secret_ref_schema =
    SCHEMA("SecretObjectReference", struct gateway_secret_ref, secret_ref_fields);

static const struct field listener_tls_fields[] = {
    F_ENUM(struct gateway_listener_tls, mode, "mode",
           ((const struct enum_value[]){
               {.name = ""}, {.name = "Terminate"}, {.name = "Passthrough"}, {.name = NULL}}),
           .fallback = "Terminate"),
    F_LIST(struct gateway_listener_tls, certificate_refs, "certificateRefs", &secret_ref_schema,
           F_RANGE(0, 64), .doc = "Secrets with certificate and key."),
    F_STRING_MAP(struct gateway_listener_tls, options, "options"),
    F_JSON(struct gateway_listener_tls, frontend_validation, "frontendValidation",
           .doc = "How clients' certificates are verified."),
};
static const struct schema listener_tls_schema =
    SCHEMA("ListenerTLSConfig", struct gateway_listener_tls, listener_tls_fields);

static void check_listener(const void *object, struct check *check) {
  const struct gateway_listener *listener = object;
  bool secure = str_eq_z(listener->protocol, "HTTPS") || str_eq_z(listener->protocol, "TLS");
  bool plain = str_eq_z(listener->protocol, "HTTP") || str_eq_z(listener->protocol, "TCP") ||
               str_eq_z(listener->protocol, "UDP");
  if (secure && !listener->tls)
    check_error(check, "required", "tls", "is required with protocol %.*s",
                STR_ARG(listener->protocol));
  if (plain && listener->tls)
    check_error(check, "one-of", "tls", "does not belong to protocol %.*s",
                STR_ARG(listener->protocol));
  if (str_eq_z(listener->protocol, "HTTPS") && listener->tls) {
    if (listener->tls->mode != GATEWAY_TLS_TERMINATE)
      check_error(check, "bad-value", "tls.mode", "must be Terminate with protocol HTTPS");
    else if (!listener->tls->certificate_refs_count && !listener->tls->options.count)
      check_error(check, "required", "tls.certificateRefs", "is required with mode Terminate");
  }
  if (listener->hostname.len &&
      (str_eq_z(listener->protocol, "TCP") || str_eq_z(listener->protocol, "UDP")))
    check_error(check, "one-of", "hostname", "does not belong to protocol %.*s",
                STR_ARG(listener->protocol));
}

static const struct field listener_fields[] = {
    F_STRING(struct gateway_listener, name, "name", .required = true, .not_empty = true,
             F_RANGE(1, 253), .format = &format_dns_subdomain, F_ENFORCED,
             .doc = "Unique in the Gateway; routes name it by sectionName."),
    F_STRING(struct gateway_listener, hostname, "hostname", F_RANGE(0, 253),
             .format = &format_hostname, F_ENFORCED, .doc = "Host names served; default all."),
    F_INT(struct gateway_listener, port, "port", .required = true, F_RANGE(1, 65535), F_ENFORCED,
          .doc = "Port that is opened."),
    F_STRING(struct gateway_listener, protocol, "protocol", .required = true, .not_empty = true,
             F_RANGE(1, 255), F_ENFORCED, .doc = "HTTP, HTTPS, TLS, TCP or UDP."),
    F_OPTIONAL(struct gateway_listener, tls, "tls", &listener_tls_schema, F_NOT_ENFORCED,
               .doc = "TLS towards clients."),
    F_OBJECT(struct gateway_listener, allowed_routes, "allowedRoutes", &allowed_routes_schema,
             .fallback = "{\"namespaces\":{\"from\":\"Same\"}}", .doc = "Which routes may attach."),
};
static const struct schema listener_schema =
    SCHEMA("Listener", struct gateway_listener, listener_fields, .check = check_listener);

static const struct field address_fields[] = {
    F_STRING(struct gateway_address, type, "type", F_RANGE(1, 253), .fallback = "IPAddress"),
    F_STRING(struct gateway_address, value, "value", F_RANGE(0, 253)),
};
static const struct schema address_schema =
    SCHEMA("GatewayAddress", struct gateway_address, address_fields);

static void check_spec(const void *object, struct check *check) {
  const struct gateway_spec *spec = object;
  for (size_t i = 0; i < spec->listeners_count; i++)
    for (size_t j = 0; j < i; j++) {
      const struct gateway_listener *a = &spec->listeners[i], *b = &spec->listeners[j];
      if (str_eq(a->name, b->name))
        check_error(check, "duplicate", check_index(check, "listeners", i, ".name"),
                    "is the same as listeners[%zu]", j);
      else if (a->port == b->port && str_eq(a->protocol, b->protocol) &&
               str_eq(a->hostname, b->hostname))
        check_error(check, "duplicate", check_index(check, "listeners", i, ""),
                    "has port, protocol and hostname of listeners[%zu]", j);
    }
}

static const struct field spec_fields[] = {
    F_STRING(struct gateway_spec, gateway_class_name, "gatewayClassName", .required = true,
             .not_empty = true, F_RANGE(1, 253), F_ENFORCED, .doc = "Its GatewayClass."),
    F_LIST(struct gateway_spec, listeners, "listeners", &listener_schema, .required = true,
           F_RANGE(1, 64), .merge_key = "name", .doc = "The listeners."),
    F_LIST(struct gateway_spec, addresses, "addresses", &address_schema, F_RANGE(0, 16), F_ENFORCED,
           .doc = "Where they bind (type IPAddress); default where the proxy binds."),
    F_JSON(struct gateway_spec, infrastructure, "infrastructure", F_NOT_ENFORCED,
           .doc = "Labels and annotations for what a controller creates."),
    F_JSON(struct gateway_spec, allowed_listeners, "allowedListeners", F_NOT_ENFORCED,
           .doc = "Which ListenerSets may attach."),
    F_JSON(struct gateway_spec, tls, "tls", F_NOT_ENFORCED,
           .doc = "TLS settings of all listeners."),
    F_JSON(struct gateway_spec, backend_tls, "backendTLS", F_NOT_ENFORCED,
           .doc = "Older name of tls.backend."),
    F_JSON(struct gateway_spec, default_scope, "defaultScope", F_NOT_ENFORCED,
           .doc = "Experimental in the Gateway API."),
};
static const struct schema spec_schema =
    SCHEMA("GatewaySpec", struct gateway_spec, spec_fields, .check = check_spec);

static const struct field listener_status_fields[] = {
    F_STRING(struct gateway_listener_status, name, "name", .required = true),
    F_LIST(struct gateway_listener_status, supported_kinds, "supportedKinds", &route_kind_schema),
    F_INT(struct gateway_listener_status, attached_routes, "attachedRoutes", .required = true,
          .doc = "Routes that were accepted."),
    F_LIST(struct gateway_listener_status, conditions, "conditions", &condition_schema,
           .merge_key = "type", .required = true),
};
static const struct schema listener_status_schema =
    SCHEMA("ListenerStatus", struct gateway_listener_status, listener_status_fields);

static const struct field status_fields[] = {
    F_LIST(struct gateway_status, addresses, "addresses", &address_schema,
           .doc = "Where the listeners are bound."),
    F_LIST(struct gateway_status, conditions, "conditions", &condition_schema, .merge_key = "type"),
    F_LIST(struct gateway_status, listeners, "listeners", &listener_status_schema,
           .merge_key = "name"),
    F_INT(struct gateway_status, attached_listener_sets, "attachedListenerSets"),
};
static const struct schema status_schema =
    SCHEMA("GatewayStatus", struct gateway_status, status_fields);

static const struct field gateway_fields[] = {
    F_OBJECT(struct gateway, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct gateway, spec, "spec", &spec_schema, .required = true, .doc = "The listeners."),
    F_OPTIONAL(struct gateway, status, "status", &status_schema, .read_only = true,
               .doc = "Written by the controller."),
};
static const struct schema gateway_schema = SCHEMA("Gateway", struct gateway, gateway_fields);

static const struct printer_column columns[] = {
    {.name = "Class", .type = "string", .path = ".spec.gatewayClassName"},
    {.name = "Address", .type = "string", .path = ".status.addresses[*].value"},
    {.name = "Programmed",
     .type = "string",
     .path = ".status.conditions[?(@.type==\"Programmed\")].status"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc gateway_kind = {
    .group = API_GROUP,
    .versions = (const char *const[]){"v1", "v1beta1", NULL},
    .kind = "Gateway",
    .plural = "gateways",
    .singular = "gateway",
    .short_names = (const char *const[]){"gtw", NULL},
    .categories = (const char *const[]){"gateway-api", NULL},
    .namespaced = true,
    .has_status = true,
    .has_generation = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &gateway_schema,
    .doc = "Listeners that routes attach to, as the Gateway API means them.",
};
