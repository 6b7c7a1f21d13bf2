// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/virtual_service.h"

#include "manifests/kinds/virtual_service_check.h"
#include "manifests/kinds/virtual_service_http.h"
#include "manifests/schema/format.h"

// What TLS and TCP routes match by alike.
#define L4_MATCH_FIELDS                                                                            \
  F_STRINGS(struct vs_l4_match, destination_subnets, "destinationSubnets", F_NOT_ENFORCED,         \
            .doc = "Addresses the connection goes to."),                                           \
      F_INT(struct vs_l4_match, port, "port", F_RANGE(0, 65535), F_NOT_ENFORCED,                   \
            .doc = "Port the connection goes to."),                                                \
      F_STRING_MAP(struct vs_l4_match, source_labels, "sourceLabels", F_NOT_ENFORCED,              \
                   .doc = "Labels of the proxies this applies to."),                               \
      F_STRINGS(struct vs_l4_match, gateways, "gateways", F_NOT_ENFORCED,                          \
                .doc = "Gateways this applies to."),                                               \
      F_STRING(struct vs_l4_match, source_namespace, "sourceNamespace", F_NOT_ENFORCED,            \
               .doc = "Namespace of the proxies this applies to.")

static const struct field l4_match_fields[] = {
    F_STRINGS(struct vs_l4_match, sni_hosts, "sniHosts", F_NOT_ENFORCED,
              .doc = "Server names of the TLS handshake."),
    L4_MATCH_FIELDS,
};
static const struct schema tls_match_schema =
    SCHEMA("TLSMatchAttributes", struct vs_l4_match, l4_match_fields);

static const struct field tcp_match_fields[] = {
    L4_MATCH_FIELDS,
    F_STRING(struct vs_l4_match, source_subnet, "sourceSubnet", F_NOT_ENFORCED,
             .doc = "Address the connection comes from."),
};
static const struct schema tcp_match_schema =
    SCHEMA("L4MatchAttributes", struct vs_l4_match, tcp_match_fields);

static const struct field tls_fields[] = {
    F_LIST(struct vs_l4_route, match, "match", &tls_match_schema, .required = true,
           .not_empty = true, .doc = "Any of these."),
    F_LIST(struct vs_l4_route, route, "route", &vs_route_destination_schema,
           .doc = "Where the connection goes, by weight."),
};
static const struct schema tls_schema =
    SCHEMA("TLSRoute", struct vs_l4_route, tls_fields, .check = vs_check_l4);

static const struct field tcp_fields[] = {
    F_LIST(struct vs_l4_route, match, "match", &tcp_match_schema,
           .doc = "Any of these; none means all."),
    F_LIST(struct vs_l4_route, route, "route", &vs_route_destination_schema,
           .doc = "Where the connection goes, by weight."),
};
static const struct schema tcp_schema =
    SCHEMA("TCPRoute", struct vs_l4_route, tcp_fields, .check = vs_check_l4);

static const struct field spec_fields[] = {
    F_STRINGS(struct virtual_service_spec, hosts, "hosts", F_ENFORCED, .format = &format_host,
              .doc = "Host names these routes answer for: a full name, a short name of this "
                     "namespace, *.suffix or *."),
    F_STRINGS(struct virtual_service_spec, gateways, "gateways", F_ENFORCED,
              .doc = "Gateways that serve these routes (name or namespace/name), and the word mesh "
                     "for the mesh listener. None means mesh."),
    F_LIST(struct virtual_service_spec, http, "http", &vs_http_schema, F_ENFORCED,
           .doc = "HTTP routes; the first that matches is taken."),
    F_LIST(struct virtual_service_spec, tls, "tls", &tls_schema, F_NOT_ENFORCED,
           .doc = "Routes of TLS connections that are passed through."),
    F_LIST(struct virtual_service_spec, tcp, "tcp", &tcp_schema, F_NOT_ENFORCED,
           .doc = "Routes of TCP connections."),
    F_STRINGS(struct virtual_service_spec, export_to, "exportTo", F_NOT_ENFORCED,
              .doc = "Namespaces that see this object."),
};
static const struct schema spec_schema =
    SCHEMA("VirtualServiceSpec", struct virtual_service_spec, spec_fields, .check = vs_check_spec);

static const struct field virtual_service_fields[] = {
    F_OBJECT(struct virtual_service, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct virtual_service, spec, "spec", &spec_schema, .required = true,
             .doc = "The routes."),
    F_JSON(struct virtual_service, status, "status", .read_only = true,
           .doc = "Written by controllers."),
};
static const struct schema virtual_service_schema =
    SCHEMA("VirtualService", struct virtual_service, virtual_service_fields);

static const struct printer_column columns[] = {
    {.name = "Gateways", .type = "string", .path = ".spec.gateways"},
    {.name = "Hosts", .type = "string", .path = ".spec.hosts"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc virtual_service_kind = {
    .group = "networking.istio.io",
    .versions = (const char *const[]){"v1", "v1beta1", "v1alpha3", NULL},
    .kind = "VirtualService",
    .plural = "virtualservices",
    .singular = "virtualservice",
    .short_names = (const char *const[]){"vs", NULL},
    .categories = (const char *const[]){"istio-io", "networking-istio-io", NULL},
    .namespaced = true,
    .has_status = true,
    .has_generation = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &virtual_service_schema,
    .doc = "Routes of one or more hosts, as Istio means them.",
};
