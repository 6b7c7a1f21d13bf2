// SPDX-License-Identifier: Apache-2.0
// v1 Service.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct service_port {
  struct str name, protocol, app_protocol; // protocol default TCP
  int64_t port, node_port;
  struct int_or_string target_port; // not set: port
};
struct service {
  struct object_meta metadata;
  struct service_spec {
    struct str type; // default ClusterIP
    struct str cluster_ip, external_name, session_affinity;
    struct string_map selector;
    struct service_port *ports;
    size_t ports_count;
    struct str *cluster_ips, *external_ips, *ip_families, *load_balancer_source_ranges;
    size_t cluster_ips_count, external_ips_count, ip_families_count,
        load_balancer_source_ranges_count;
    bool publish_not_ready_addresses;
    struct str ip_family_policy, internal_traffic_policy, external_traffic_policy, load_balancer_ip;
    struct str load_balancer_class, traffic_distribution;
    bool has_allocate_load_balancer_node_ports, allocate_load_balancer_node_ports;
    int64_t health_check_node_port;
    const struct json *session_affinity_config;
  } spec;
  const struct json *status;
};
extern const struct kind_desc service_kind;
