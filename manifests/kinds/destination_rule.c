// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/destination_rule.h"

#include "manifests/kinds/destination_rule_policy.h"
#include "manifests/schema/check.h"
#include "manifests/schema/format.h"

// As in a VirtualService: the port is an object with one member that writes into its owner.
static const struct field port_fields[] = {
    F_INT(struct dr_port_policy, port, "number", .required = true, F_RANGE(1, 65535),
          .doc = "Port of the service."),
};
static const struct schema port_schema = SCHEMA("PortSelector", struct dr_port_policy, port_fields);

static const struct field port_policy_fields[] = {
    {.name = "port",
     .type = FIELD_OBJECT,
     .offset = 0,
     .presence = FIELD_NO_PRESENCE,
     .schema = &port_schema,
     .required = true,
     .doc = "Which port."},
    F_OPTIONAL(struct dr_port_policy, load_balancer, "loadBalancer", &dr_load_balancer_schema),
    F_OPTIONAL(struct dr_port_policy, connection_pool, "connectionPool",
               &dr_connection_pool_schema),
    F_OPTIONAL(struct dr_port_policy, outlier_detection, "outlierDetection", &dr_outlier_schema),
    F_OPTIONAL(struct dr_port_policy, tls, "tls", &dr_tls_schema),
};
static const struct schema port_policy_schema = SCHEMA(
    "PortTrafficPolicy", struct dr_port_policy, port_policy_fields,
    .doc = "Replaces the whole policy for one port; what is left out falls back to defaults.");

static const struct field tunnel_fields[] = {
    F_STRING(struct dr_tunnel, protocol, "protocol", .doc = "CONNECT (default) or POST."),
    F_STRING(struct dr_tunnel, target_host, "targetHost", .required = true, .not_empty = true),
    F_INT(struct dr_tunnel, target_port, "targetPort", .required = true, F_RANGE(1, 65535)),
};
static const struct schema tunnel_schema =
    SCHEMA("TunnelSettings", struct dr_tunnel, tunnel_fields);

static const struct field proxy_protocol_fields[] = {
    F_ENUM(struct dr_proxy_protocol, version, "version",
           ((const struct enum_value[]){{.name = ""}, {.name = "V1"}, {.name = "V2"}, {0}})),
};
static const struct schema proxy_protocol_schema =
    SCHEMA("ProxyProtocol", struct dr_proxy_protocol, proxy_protocol_fields);

static const struct field retry_budget_fields[] = {
    F_DOUBLE_OPT(struct dr_retry_budget, percent, "percent", F_RANGE(0, 100), F_ENFORCED,
                 .doc = "Retries at once, as a share of the requests at once; default 20."),
    F_INT_OPT(struct dr_retry_budget, min_retry_concurrency, "minRetryConcurrency",
              F_RANGE(0, 4294967295.0), F_ENFORCED, .doc = "Always allowed; default 3."),
    F_DURATION(struct dr_retry_budget, budget_interval_ms, "budgetInterval", F_AT_LEAST(1),
               F_NOT_ENFORCED, .doc = "Time over which requests are counted."),
};
static const struct schema retry_budget_schema =
    SCHEMA("RetryBudget", struct dr_retry_budget, retry_budget_fields);

static void check_policy(const void *object, struct check *check) {
  const struct dr_traffic_policy *policy = object;
  if (!policy->load_balancer && !policy->connection_pool && !policy->outlier_detection &&
      !policy->tls && !policy->port_level_settings_count && !policy->tunnel &&
      !policy->proxy_protocol && !policy->retry_budget)
    check_error(check, "required", "", "is empty; give at least one setting or leave it out");
  if (policy->tunnel && policy->proxy_protocol)
    check_error(check, "one-of", "proxyProtocol",
                "only one of tunnel and proxyProtocol may be given");
  for (size_t i = 0; i < policy->port_level_settings_count; i++)
    for (size_t j = 0; j < i; j++)
      if (policy->port_level_settings[i].port == policy->port_level_settings[j].port)
        check_error(check, "duplicate", check_index(check, "portLevelSettings", i, ".port"),
                    "is the same as portLevelSettings[%zu]", j);
}

static const struct field policy_fields[] = {
    F_OPTIONAL(struct dr_traffic_policy, load_balancer, "loadBalancer", &dr_load_balancer_schema,
               .doc = "How an endpoint is chosen."),
    F_OPTIONAL(struct dr_traffic_policy, connection_pool, "connectionPool",
               &dr_connection_pool_schema, .doc = "Limits on connections and requests."),
    F_OPTIONAL(struct dr_traffic_policy, outlier_detection, "outlierDetection", &dr_outlier_schema,
               .doc = "When a failing endpoint is taken out."),
    F_OPTIONAL(struct dr_traffic_policy, tls, "tls", &dr_tls_schema,
               .doc = "TLS to the endpoints."),
    F_LIST(struct dr_traffic_policy, port_level_settings, "portLevelSettings", &port_policy_schema,
           F_RANGE(0, 4096), .doc = "Policies of single ports."),
    F_OPTIONAL(struct dr_traffic_policy, tunnel, "tunnel", &tunnel_schema, F_NOT_ENFORCED,
               .doc = "TCP inside HTTP."),
    F_OPTIONAL(struct dr_traffic_policy, proxy_protocol, "proxyProtocol", &proxy_protocol_schema,
               F_NOT_ENFORCED, .doc = "Sends a PROXY protocol header first."),
    F_OPTIONAL(struct dr_traffic_policy, retry_budget, "retryBudget", &retry_budget_schema,
               .doc = "Bounds the share of retries."),
};
static const struct schema policy_schema =
    SCHEMA("TrafficPolicy", struct dr_traffic_policy, policy_fields, .check = check_policy,
           .doc = "Blocks; a subset's block replaces the whole block of the host.");

static const struct field subset_fields[] = {
    F_STRING(struct dr_subset, name, "name", .required = true, .not_empty = true,
             .format = &format_dns_label, F_ENFORCED, .doc = "How routes call it."),
    F_STRING_MAP(struct dr_subset, labels, "labels", F_RANGE(0, 4096), F_ENFORCED, F_LABELS,
                 .doc = "Labels of the Pods that belong to it."),
    F_OPTIONAL(struct dr_subset, traffic_policy, "trafficPolicy", &policy_schema,
               .doc = "Policy for this subset."),
};
static const struct schema subset_schema = SCHEMA("Subset", struct dr_subset, subset_fields);

static const struct field workload_selector_fields[] = {
    F_STRING_MAP(struct dr_workload_selector, match_labels, "matchLabels",
                 .doc = "Labels of the proxies this applies to."),
};
static const struct schema workload_selector_schema =
    SCHEMA("WorkloadSelector", struct dr_workload_selector, workload_selector_fields);

static void check_spec(const void *object, struct check *check) {
  const struct destination_rule_spec *spec = object;
  check_unique(check, "subsets", ".name", spec->subsets, spec->subsets_count,
               sizeof(struct dr_subset), offsetof(struct dr_subset, name));
}

static const struct field spec_fields[] = {
    F_STRING(struct destination_rule_spec, host, "host", .required = true, .not_empty = true,
             .format = &format_host, F_ENFORCED,
             .doc = "The service; a short name is looked up in this namespace; *.suffix for many."),
    F_OPTIONAL(struct destination_rule_spec, traffic_policy, "trafficPolicy", &policy_schema,
               .doc = "Policy for all of the host."),
    F_LIST(struct destination_rule_spec, subsets, "subsets", &subset_schema,
           .doc = "Named parts of the host."),
    F_STRINGS(struct destination_rule_spec, export_to, "exportTo", F_ENFORCED,
              .doc = "Namespaces that see this object."),
    F_OPTIONAL(struct destination_rule_spec, workload_selector, "workloadSelector",
               &workload_selector_schema, F_ENFORCED, .doc = "Proxies this applies to."),
};
static const struct schema spec_schema =
    SCHEMA("DestinationRuleSpec", struct destination_rule_spec, spec_fields, .check = check_spec);

static const struct field destination_rule_fields[] = {
    F_OBJECT(struct destination_rule, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct destination_rule, spec, "spec", &spec_schema, .required = true,
             .doc = "The policies."),
    F_JSON(struct destination_rule, status, "status", .read_only = true,
           .doc = "Written by controllers."),
};
static const struct schema destination_rule_schema =
    SCHEMA("DestinationRule", struct destination_rule, destination_rule_fields);

static const struct printer_column columns[] = {
    {.name = "Host", .type = "string", .path = ".spec.host"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc destination_rule_kind = {
    .group = "networking.istio.io",
    .versions = (const char *const[]){"v1", "v1beta1", "v1alpha3", NULL},
    .kind = "DestinationRule",
    .plural = "destinationrules",
    .singular = "destinationrule",
    .short_names = (const char *const[]){"dr", NULL},
    .categories = (const char *const[]){"istio-io", "networking-istio-io", NULL},
    .namespaced = true,
    .has_status = true,
    .has_generation = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &destination_rule_schema,
    .doc = "Subsets of a host and the policies on the way to it, as Istio means them.",
};
