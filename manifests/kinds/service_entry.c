// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/service_entry.h"

#include "manifests/schema/check.h"
#include "manifests/schema/format.h"

static const struct field port_fields[] = {
    F_INT(struct se_port, number, "number", .required = true, F_RANGE(1, 65535), F_ENFORCED,
          .doc = "Port clients use."),
    F_STRING(struct se_port, protocol, "protocol", F_RANGE(0, 256), F_ENFORCED,
             .doc = "HTTP, HTTPS, HTTP2, GRPC, TLS or TCP."),
    F_STRING(struct se_port, name, "name", .required = true, .not_empty = true, F_RANGE(1, 256),
             .doc = "Name of the port."),
    F_INT(struct se_port, target_port, "targetPort", F_RANGE(1, 65535), F_ENFORCED,
          .doc = "Port of the endpoints; default number."),
};
static const struct schema port_schema = SCHEMA("ServicePort", struct se_port, port_fields);

static const struct enum_value locations[] = {
    {.name = ""}, {.name = "MESH_EXTERNAL"}, {.name = "MESH_INTERNAL"}, {.name = NULL}};
static const struct enum_value resolutions[] = {
    {.name = ""},
    {.name = "NONE", .doc = "the addresses of the name itself, as with DNS"},
    {.name = "STATIC", .doc = "the endpoints given here"},
    {.name = "DNS", .doc = "all addresses of the names"},
    {.name = "DNS_ROUND_ROBIN", .doc = "the first address"},
    {.name = "DYNAMIC_DNS", .enforced = ENFORCED_NO},
    {.name = NULL}};

static const struct field selector_fields[] = {
    F_STRING_MAP(struct se_workload_selector, labels, "labels", F_LABELS),
};
static const struct schema selector_schema =
    SCHEMA("WorkloadSelector", struct se_workload_selector, selector_fields);

static void check_ports(const struct service_entry_spec *spec, struct check *check) {
  for (size_t i = 0; i < spec->ports_count; i++)
    for (size_t j = 0; j < i; j++) {
      if (str_eq(spec->ports[i].name, spec->ports[j].name))
        check_error(check, "duplicate", check_index(check, "ports", i, ".name"),
                    "is the same as ports[%zu]", j);
      if (spec->ports[i].number == spec->ports[j].number)
        check_error(check, "duplicate", check_index(check, "ports", i, ".number"),
                    "is the same as ports[%zu]", j);
    }
}

static void check_spec(const void *object, struct check *check) {
  const struct service_entry_spec *spec = object;
  if (spec->workload_selector && spec->endpoints_count)
    check_error(check, "one-of", "endpoints",
                "only one of workloadSelector and endpoints may be given");
  check_ports(spec, check);
  for (size_t i = 0; i < spec->hosts_count; i++)
    if (str_eq_z(spec->hosts[i], "*"))
      check_error(check, "bad-value", check_index(check, "hosts", i, ""),
                  "a ServiceEntry cannot have the host *");
  if (spec->resolution <= SE_NONE && spec->endpoints_count)
    check_error(check, "bad-value", "endpoints", "need resolution: STATIC, DNS or DNS_ROUND_ROBIN");
  for (size_t i = 0; i < spec->endpoints_count; i++)
    if (!spec->endpoints[i].address.len)
      check_error(check, "required", check_index(check, "endpoints", i, ".address"), "is required");
}

static const struct field spec_fields[] = {
    F_STRINGS(struct service_entry_spec, hosts, "hosts", .required = true, .not_empty = true,
              F_RANGE(1, 256), .format = &format_host, F_ENFORCED, .doc = "Names of the service."),
    F_STRINGS(struct service_entry_spec, addresses, "addresses", F_RANGE(0, 256), F_ENFORCED,
              .doc = "Addresses the service answers to, too, as Host."),
    F_LIST(struct service_entry_spec, ports, "ports", &port_schema, F_RANGE(0, 256),
           .merge_key = "name", .doc = "Ports of the service."),
    F_ENUM(struct service_entry_spec, location, "location", locations,
           .doc = "Outside or inside the mesh."),
    F_ENUM(struct service_entry_spec, resolution, "resolution", resolutions, F_ENFORCED,
           .doc = "Where the addresses come from."),
    F_LIST(struct service_entry_spec, endpoints, "endpoints", &workload_entry_spec_schema,
           F_RANGE(0, 4096), .doc = "The endpoints."),
    F_OPTIONAL(struct service_entry_spec, workload_selector, "workloadSelector", &selector_schema,
               F_ENFORCED, .doc = "Pods and WorkloadEntries that are the endpoints."),
    F_STRINGS(struct service_entry_spec, export_to, "exportTo", F_ENFORCED,
              .doc = "Namespaces that see this object."),
    F_STRINGS(struct service_entry_spec, subject_alt_names, "subjectAltNames", F_NOT_ENFORCED,
              .doc = "Names one of which the servers' certificates must have."),
};
static const struct schema spec_schema =
    SCHEMA("ServiceEntrySpec", struct service_entry_spec, spec_fields, .check = check_spec);

static const struct field service_entry_fields[] = {
    F_OBJECT(struct service_entry, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct service_entry, spec, "spec", &spec_schema, .required = true,
             .doc = "The service."),
    F_JSON(struct service_entry, status, "status", .read_only = true,
           .doc = "Written by controllers."),
};
static const struct schema service_entry_schema =
    SCHEMA("ServiceEntry", struct service_entry, service_entry_fields);

static const struct printer_column columns[] = {
    {.name = "Hosts", .type = "string", .path = ".spec.hosts"},
    {.name = "Location", .type = "string", .path = ".spec.location"},
    {.name = "Resolution", .type = "string", .path = ".spec.resolution"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc service_entry_kind = {
    .group = "networking.istio.io",
    .versions = (const char *const[]){"v1", "v1beta1", "v1alpha3", NULL},
    .kind = "ServiceEntry",
    .plural = "serviceentries",
    .singular = "serviceentry",
    .short_names = (const char *const[]){"se", NULL},
    .categories = (const char *const[]){"istio-io", "networking-istio-io", NULL},
    .namespaced = true,
    .has_status = true,
    .has_generation = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &service_entry_schema,
    .doc = "A service that Kubernetes does not know, as Istio means it.",
};
