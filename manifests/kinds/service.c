// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/service.h"

#include "manifests/schema/check.h"
#include "manifests/schema/format.h"

static const struct field port_fields[] = {
    F_STRING(struct service_port, name, "name", .format = &format_dns_label,
             .doc = "Needed when there are several. Its prefix says the protocol: http-, http2-, "
                    "grpc-, tcp-."),
    F_STRING(struct service_port, protocol, "protocol", .fallback = "TCP",
             .doc = "TCP, UDP or SCTP."),
    F_STRING(struct service_port, app_protocol, "appProtocol",
             .doc = "http, grpc, kubernetes.io/h2c, kubernetes.io/ws."),
    F_INT(struct service_port, port, "port", .required = true, F_RANGE(1, 65535),
          .doc = "Port clients use."),
    F_INT_OR_STRING(struct service_port, target_port, "targetPort",
                    .doc = "Number or name of the Pods' port; default port."),
    F_INT(struct service_port, node_port, "nodePort", F_RANGE(0, 65535), F_NOT_ENFORCED),
};
static const struct schema port_schema = SCHEMA("ServicePort", struct service_port, port_fields);

static bool is_type(struct str type) {
  return str_eq_z(type, "ClusterIP") || str_eq_z(type, "NodePort") ||
         str_eq_z(type, "LoadBalancer") || str_eq_z(type, "ExternalName");
}

static void check_spec(const void *object, struct check *check) {
  const struct service_spec *spec = object;
  bool external = str_eq_z(spec->type, "ExternalName");
  if (!is_type(spec->type))
    check_error(check, "bad-value", "type",
                "expected ClusterIP, NodePort, LoadBalancer or ExternalName");
  if (external && !spec->external_name.len)
    check_error(check, "required", "externalName", "is required with type ExternalName");
  if (str_eq_z(spec->session_affinity, "ClientIP"))
    check_warn(check, "not-enforced", "sessionAffinity",
               "is not enforced by this proxy, as in Istio: use consistentHash.useSourceIp of a "
               "DestinationRule");
  bool headless = str_eq_z(spec->cluster_ip, "None");
  if (!spec->ports_count && !external && !headless)
    check_error(check, "required", "ports", "is required");
  for (size_t i = 0; i < spec->ports_count; i++) {
    if (spec->ports_count > 1 && !spec->ports[i].name.len)
      check_error(check, "required", check_index(check, "ports", i, ".name"),
                  "is required when there are several ports");
    for (size_t j = 0; j < i; j++) {
      if (spec->ports[i].name.len && str_eq(spec->ports[i].name, spec->ports[j].name))
        check_error(check, "duplicate", check_index(check, "ports", i, ".name"),
                    "is the same as ports[%zu]", j);
      if (spec->ports[i].port == spec->ports[j].port &&
          str_eq(spec->ports[i].protocol, spec->ports[j].protocol))
        check_error(check, "duplicate", check_index(check, "ports", i, ".port"),
                    "is the same as ports[%zu]", j);
    }
  }
}

static const struct field spec_fields[] = {
    F_LIST(struct service_spec, ports, "ports", &port_schema, F_RANGE(0, 4096), .merge_key = "port",
           .map_keys = "port,protocol", .doc = "Ports of the service."),
    F_STRING_MAP(struct service_spec, selector, "selector", F_LABELS, .atomic = true,
                 .doc = "Labels of the Pods behind it."),
    F_STRING(struct service_spec, cluster_ip, "clusterIP"),
    F_STRINGS(struct service_spec, cluster_ips, "clusterIPs"),
    F_STRING(struct service_spec, type, "type", .fallback = "ClusterIP"),
    F_STRINGS(struct service_spec, external_ips, "externalIPs", F_NOT_ENFORCED),
    F_STRING(struct service_spec, session_affinity, "sessionAffinity", .fallback = "None"),
    F_STRING(struct service_spec, load_balancer_ip, "loadBalancerIP", F_NOT_ENFORCED),
    F_STRINGS(struct service_spec, load_balancer_source_ranges, "loadBalancerSourceRanges",
              F_NOT_ENFORCED),
    F_STRING(struct service_spec, external_name, "externalName", F_NOT_ENFORCED),
    F_STRING(struct service_spec, external_traffic_policy, "externalTrafficPolicy"),
    F_INT(struct service_spec, health_check_node_port, "healthCheckNodePort", F_NOT_ENFORCED),
    F_BOOL(struct service_spec, publish_not_ready_addresses, "publishNotReadyAddresses"),
    F_JSON(struct service_spec, session_affinity_config, "sessionAffinityConfig", F_NOT_ENFORCED),
    F_STRINGS(struct service_spec, ip_families, "ipFamilies"),
    F_STRING(struct service_spec, ip_family_policy, "ipFamilyPolicy"),
    F_BOOL_OPT(struct service_spec, allocate_load_balancer_node_ports,
               "allocateLoadBalancerNodePorts"),
    F_STRING(struct service_spec, load_balancer_class, "loadBalancerClass", F_NOT_ENFORCED),
    F_STRING(struct service_spec, internal_traffic_policy, "internalTrafficPolicy",
             .fallback = "Cluster"),
    F_STRING(struct service_spec, traffic_distribution, "trafficDistribution", F_NOT_ENFORCED),
};
static const struct schema spec_schema =
    SCHEMA("ServiceSpec", struct service_spec, spec_fields, .check = check_spec);

static const struct field service_fields[] = {
    F_OBJECT(struct service, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct service, spec, "spec", &spec_schema, .required = true, .doc = "The service."),
    F_JSON(struct service, status, "status", .read_only = true),
};
static const struct schema service_schema = SCHEMA("Service", struct service, service_fields);

static const struct printer_column columns[] = {
    {.name = "Type", .type = "string", .path = ".spec.type"},
    {.name = "Cluster-IP", .type = "string", .path = ".spec.clusterIP"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc service_kind = {
    .group = "",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "Service",
    .plural = "services",
    .singular = "service",
    .short_names = (const char *const[]){"svc", NULL},
    .categories = (const char *const[]){"all", NULL},
    .namespaced = true,
    .builtin = true,
    .has_status = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &service_schema,
    .doc = "A name for the Pods that carry certain labels.",
};
