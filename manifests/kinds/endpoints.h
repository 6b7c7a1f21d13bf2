// SPDX-License-Identifier: Apache-2.0
// v1 Endpoints (older than EndpointSlice; still what describe service shows in kubectl up to 1.30).
#pragma once

#include "manifests/kinds/endpoint_slice.h"

struct endpoint_address {
  struct str ip, hostname, node_name;
  struct object_reference *target_ref;
};
struct endpoint_subset {
  struct endpoint_address *addresses, *not_ready_addresses;
  size_t addresses_count, not_ready_addresses_count;
  struct endpoint_port *ports;
  size_t ports_count;
};
struct endpoints {
  struct object_meta metadata;
  struct endpoint_subset *subsets;
  size_t subsets_count;
};
extern const struct kind_desc endpoints_kind;
