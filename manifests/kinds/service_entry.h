// SPDX-License-Identifier: Apache-2.0
// networking.istio.io ServiceEntry: hosts that are not Kubernetes Services.
#pragma once

#include "manifests/kinds/workload_entry.h"

struct se_port {
  int64_t number, target_port;
  struct str protocol, name;
};
enum se_location { SE_LOCATION_UNSET, SE_MESH_EXTERNAL, SE_MESH_INTERNAL };
enum se_resolution {
  SE_RESOLUTION_UNSET,
  SE_NONE,
  SE_STATIC,
  SE_DNS,
  SE_DNS_ROUND_ROBIN,
  SE_DYNAMIC_DNS
};
struct se_workload_selector {
  struct string_map labels;
};
struct service_entry_spec {
  struct str *hosts, *addresses, *export_to, *subject_alt_names;
  size_t hosts_count, addresses_count, export_to_count, subject_alt_names_count;
  struct se_port *ports;
  size_t ports_count;
  enum se_location location;
  enum se_resolution resolution; // unset: NONE
  struct workload_entry_spec *endpoints;
  size_t endpoints_count;
  struct se_workload_selector *workload_selector;
};
struct service_entry {
  struct object_meta metadata;
  struct service_entry_spec spec;
  const struct json *status;
};
extern const struct kind_desc service_entry_kind;
