// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/endpoint_slice.h"

#include "manifests/kinds/endpoint_port.h"

static const struct field conditions_fields[] = {
    F_BOOL_OPT(struct endpoint_conditions, ready, "ready"),
    F_BOOL_OPT(struct endpoint_conditions, serving, "serving"),
    F_BOOL_OPT(struct endpoint_conditions, terminating, "terminating"),
};
static const struct schema conditions_schema =
    SCHEMA("EndpointConditions", struct endpoint_conditions, conditions_fields);

static const struct field endpoint_fields[] = {
    F_STRINGS(struct endpoint, addresses, "addresses", .required = true, .not_empty = true,
              .is_set = true, .doc = "Addresses of one endpoint; the first is used."),
    F_OBJECT(struct endpoint, conditions, "conditions", &conditions_schema),
    F_STRING(struct endpoint, hostname, "hostname"),
    F_OPTIONAL(struct endpoint, target_ref, "targetRef", &object_reference_schema,
               .doc = "The Pod behind it."),
    F_JSON(struct endpoint, deprecated_topology, "deprecatedTopology"),
    F_STRING(struct endpoint, node_name, "nodeName"),
    F_STRING(struct endpoint, zone, "zone"),
    F_JSON(struct endpoint, hints, "hints"),
};
static const struct schema endpoint_schema = SCHEMA("Endpoint", struct endpoint, endpoint_fields);

static const struct field port_fields[] = {
    F_STRING(struct endpoint_port, name, "name"),
    F_STRING(struct endpoint_port, protocol, "protocol", .fallback = "TCP"),
    F_INT(struct endpoint_port, port, "port", F_RANGE(0, 65535)),
    F_STRING(struct endpoint_port, app_protocol, "appProtocol"),
};
const struct schema endpoint_port_schema =
    SCHEMA("EndpointPort", struct endpoint_port, port_fields);

static const struct field slice_fields[] = {
    F_OBJECT(struct endpoint_slice, metadata, "metadata", &object_meta_schema),
    F_STRING(struct endpoint_slice, address_type, "addressType", .required = true,
             .not_empty = true, .doc = "IPv4, IPv6 or FQDN."),
    // null where there are none: a real API server says so of a Service without Pods.
    F_LIST(struct endpoint_slice, endpoints, "endpoints", &endpoint_schema, F_RANGE(0, 1000),
           .doc = "The endpoints."),
    F_LIST(struct endpoint_slice, ports, "ports", &endpoint_port_schema, F_RANGE(0, 20000),
           .doc = "Their ports."),
};
static const struct schema slice_schema =
    SCHEMA("EndpointSlice", struct endpoint_slice, slice_fields);

static const struct printer_column columns[] = {
    {.name = "AddressType", .type = "string", .path = ".addressType"},
    {.name = "Ports", .type = "string", .path = ".ports[*].port"},
    {.name = "Endpoints", .type = "string", .path = ".endpoints[*].addresses[*]"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc endpoint_slice_kind = {
    .group = "discovery.k8s.io",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "EndpointSlice",
    .plural = "endpointslices",
    .singular = "endpointslice",
    .namespaced = true,
    .builtin = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &slice_schema,
    .doc = "Endpoints of a Service.",
};
