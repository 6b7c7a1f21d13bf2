// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/workload_entry.h"

#include "manifests/schema/check.h"
#include "manifests/schema/format.h"

static void check_entry(const void *object, struct check *check) {
  const struct workload_entry_spec *spec = object;
  struct str address = spec->address;
  bool fine = !address.len || str_starts(address, STR("unix://")) ||
              (format_host.is_valid(address) && !str_starts(address, STR("*")));
  if (!fine)
    check_error(check, "bad-value", "address",
                "expected an IP address, a DNS name or unix:///path, found \"%.*s\"",
                STR_ARG(str_slice(address, 0, 80)));
}

static const struct field spec_fields[] = {
    F_STRING(struct workload_entry_spec, address, "address", F_RANGE(0, 256), F_ENFORCED,
             .doc = "IP address, DNS name or unix:///path."),
    F_INT_MAP(struct workload_entry_spec, ports, "ports", F_RANGE(1, 65535), F_ENFORCED,
              .doc = "Ports by the name they have in the service."),
    F_STRING_MAP(struct workload_entry_spec, labels, "labels", F_ENFORCED, F_LABELS,
                 .doc = "Labels that subsets match."),
    F_STRING(struct workload_entry_spec, network, "network", F_RANGE(0, 2048), F_NOT_ENFORCED,
             .doc = "Network it is in."),
    F_STRING(struct workload_entry_spec, locality, "locality", F_RANGE(0, 2048), F_ENFORCED,
             .doc = "region/zone/subzone."),
    F_INT(struct workload_entry_spec, weight, "weight", F_RANGE(0, 4294967295.0), F_ENFORCED,
          .doc = "Weight among the endpoints; default 1."),
    F_STRING(struct workload_entry_spec, service_account, "serviceAccount", F_RANGE(0, 253),
             F_NOT_ENFORCED, .doc = "Identity of the workload."),
};
const struct schema workload_entry_spec_schema =
    SCHEMA("WorkloadEntrySpec", struct workload_entry_spec, spec_fields, .doc = "One endpoint.",
           .check = check_entry);

static const struct field workload_entry_fields[] = {
    F_OBJECT(struct workload_entry, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct workload_entry, spec, "spec", &workload_entry_spec_schema, .required = true,
             .doc = "The endpoint."),
    F_JSON(struct workload_entry, status, "status", .read_only = true,
           .doc = "Written by controllers."),
};
static const struct schema workload_entry_schema =
    SCHEMA("WorkloadEntry", struct workload_entry, workload_entry_fields);

static const struct printer_column columns[] = {
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
    {.name = "Address", .type = "string", .path = ".spec.address"},
};

const struct kind_desc workload_entry_kind = {
    .group = "networking.istio.io",
    .versions = (const char *const[]){"v1", "v1beta1", "v1alpha3", NULL},
    .kind = "WorkloadEntry",
    .plural = "workloadentries",
    .singular = "workloadentry",
    .short_names = (const char *const[]){"we", NULL},
    .categories = (const char *const[]){"istio-io", "networking-istio-io", NULL},
    .namespaced = true,
    .has_status = true,
    .has_generation = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &workload_entry_schema,
    .doc = "An endpoint that is no Pod, as Istio means it.",
};
