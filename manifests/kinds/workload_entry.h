// SPDX-License-Identifier: Apache-2.0
// networking.istio.io WorkloadEntry: one endpoint, also used inline by ServiceEntry.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct workload_entry_spec {
  struct str address;   // IP, DNS name or unix:///path
  struct int_map ports; // port name -> number
  struct string_map labels;
  struct str network, locality, service_account;
  int64_t weight; // 0: 1
};
struct workload_entry {
  struct object_meta metadata;
  struct workload_entry_spec spec;
  const struct json *status;
};
extern const struct schema workload_entry_spec_schema;
extern const struct kind_desc workload_entry_kind;
