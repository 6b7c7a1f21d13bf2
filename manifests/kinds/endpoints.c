// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/endpoints.h"

#include "manifests/kinds/endpoint_port.h"

static const struct field address_fields[] = {
    F_STRING(struct endpoint_address, ip, "ip", .required = true),
    F_STRING(struct endpoint_address, hostname, "hostname"),
    F_STRING(struct endpoint_address, node_name, "nodeName"),
    F_OPTIONAL(struct endpoint_address, target_ref, "targetRef", &object_reference_schema),
};
static const struct schema address_schema =
    SCHEMA("EndpointAddress", struct endpoint_address, address_fields);

static const struct field subset_fields[] = {
    F_LIST(struct endpoint_subset, addresses, "addresses", &address_schema),
    F_LIST(struct endpoint_subset, not_ready_addresses, "notReadyAddresses", &address_schema),
    F_LIST(struct endpoint_subset, ports, "ports", &endpoint_port_schema),
};
static const struct schema subset_schema =
    SCHEMA("EndpointSubset", struct endpoint_subset, subset_fields);

static const struct field endpoints_fields[] = {
    F_OBJECT(struct endpoints, metadata, "metadata", &object_meta_schema),
    F_LIST(struct endpoints, subsets, "subsets", &subset_schema),
};
static const struct schema endpoints_schema =
    SCHEMA("Endpoints", struct endpoints, endpoints_fields);

static const struct printer_column columns[] = {
    {.name = "Endpoints", .type = "string", .path = ".subsets[*].addresses[*].ip"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc endpoints_kind = {
    .group = "",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "Endpoints",
    .plural = "endpoints",
    .singular = "endpoints",
    .short_names = (const char *const[]){"ep", NULL},
    .namespaced = true,
    .builtin = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &endpoints_schema,
    .doc = "Endpoints of a Service, in the older form.",
};
