// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/idle.h"
#include "manifests/kinds/object_meta.h"

static const char *const v1[] = {"v1", NULL};

// --- Ingress

struct service_port {
  struct str name;
  int64_t number;
};
struct ingress_backend {
  struct ingress_service {
    struct str name;
    struct service_port port;
  } * service;
  struct ingress_resource {
    struct str api_group, kind, name;
  } * resource;
};
static const struct field service_port_fields[] = {
    F_STRING(struct service_port, name, "name", .doc = "Its name in the Service."),
    F_INT(struct service_port, number, "number", .doc = "Its number in the Service."),
};
static const struct schema service_port_schema =
    SCHEMA("ServiceBackendPort", struct service_port, service_port_fields);
static const struct field ingress_service_fields[] = {
    F_STRING(struct ingress_service, name, "name", .doc = "The Service."),
    F_OBJECT(struct ingress_service, port, "port", &service_port_schema, .doc = "Which port."),
};
static const struct schema ingress_service_schema =
    SCHEMA("IngressServiceBackend", struct ingress_service, ingress_service_fields);
static const struct field ingress_resource_fields[] = {
    F_STRING(struct ingress_resource, api_group, "apiGroup", .doc = "Its group."),
    F_STRING(struct ingress_resource, kind, "kind", .doc = "Its kind."),
    F_STRING(struct ingress_resource, name, "name", .doc = "Its name."),
};
static const struct schema ingress_resource_schema = SCHEMA(
    "TypedLocalObjectReference", struct ingress_resource, ingress_resource_fields, .atomic = true);
static const struct field backend_fields[] = {
    F_OPTIONAL(struct ingress_backend, service, "service", &ingress_service_schema,
               .doc = "A Service."),
    F_OPTIONAL(struct ingress_backend, resource, "resource", &ingress_resource_schema,
               .doc = "Another object of the namespace."),
};
static const struct schema backend_schema =
    SCHEMA("IngressBackend", struct ingress_backend, backend_fields);

struct ingress_path {
  struct str path, type;
  struct ingress_backend backend;
};
static const struct field path_fields[] = {
    F_STRING(struct ingress_path, path, "path", .doc = "What the path is compared with."),
    F_STRING(struct ingress_path, type, "pathType",
             .doc = "Exact, Prefix, ImplementationSpecific."),
    F_OBJECT(struct ingress_path, backend, "backend", &backend_schema, .doc = "Where it goes."),
};
static const struct schema path_schema =
    SCHEMA("HTTPIngressPath", struct ingress_path, path_fields);

struct ingress_http {
  struct ingress_path *paths;
  size_t paths_count;
};
static const struct field http_fields[] = {
    F_LIST(struct ingress_http, paths, "paths", &path_schema, .doc = "Paths, and where they go."),
};
static const struct schema http_schema =
    SCHEMA("HTTPIngressRuleValue", struct ingress_http, http_fields);

struct ingress_rule {
  struct str host;
  struct ingress_http *http;
};
static const struct field rule_fields[] = {
    F_STRING(struct ingress_rule, host, "host", .doc = "The host, or *.suffix; none: all."),
    F_OPTIONAL(struct ingress_rule, http, "http", &http_schema, .doc = "Its paths."),
};
static const struct schema rule_schema = SCHEMA("IngressRule", struct ingress_rule, rule_fields);

struct ingress_tls {
  struct str *hosts, secret_name;
  size_t hosts_count;
};
static const struct field tls_fields[] = {
    F_STRINGS(struct ingress_tls, hosts, "hosts", .doc = "The hosts it is for."),
    F_STRING(struct ingress_tls, secret_name, "secretName", .doc = "The Secret that has it."),
};
static const struct schema tls_schema = SCHEMA("IngressTLS", struct ingress_tls, tls_fields);

struct ingress {
  struct object_meta metadata;
  struct ingress_spec {
    struct str class_name;
    struct ingress_backend *default_backend;
    struct ingress_tls *tls;
    struct ingress_rule *rules;
    size_t tls_count, rules_count;
  } spec;
  const struct json *status;
};
static const struct field ingress_spec_fields[] = {
    F_STRING(struct ingress_spec, class_name, "ingressClassName", .doc = "Who serves it."),
    F_OPTIONAL(struct ingress_spec, default_backend, "defaultBackend", &backend_schema,
               .doc = "Where requests go that no rule takes."),
    F_LIST(struct ingress_spec, tls, "tls", &tls_schema, .doc = "Certificates of hosts."),
    F_LIST(struct ingress_spec, rules, "rules", &rule_schema,
           .doc = "Hosts and paths, and where they go."),
};
static const struct schema ingress_spec_schema =
    SCHEMA("IngressSpec", struct ingress_spec, ingress_spec_fields);
static const struct field ingress_fields[] = {
    F_OBJECT(struct ingress, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct ingress, spec, "spec", &ingress_spec_schema, .doc = "What is let in."),
    F_JSON(struct ingress, status, "status", .read_only = true,
           .doc = "What a controller would report."),
};
static const struct schema ingress_schema = SCHEMA("Ingress", struct ingress, ingress_fields);

const struct kind_desc ingress_kind = {
    .group = "networking.k8s.io",
    .versions = v1,
    .kind = "Ingress",
    .plural = "ingresses",
    .singular = "ingress",
    .short_names = (const char *const[]){"ing", NULL},
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .has_status = true,
    .has_generation = true,
    .schema = &ingress_schema,
    .doc = "Requests from outside to Services. Use an HTTPRoute or a VirtualService here.",
};
