// SPDX-License-Identifier: Apache-2.0
// Smaller parts of a PodSpec: kept as written (pod_parts.h).
#include "manifests/kinds/pod_parts.h"

static const struct field host_alias_fields[] = {
    K_STRING("ip", .required = true),
    K_STRINGS("hostnames"),
};
const struct schema host_alias_schema = KEPT_SCHEMA("HostAlias", host_alias_fields);

static const struct field pod_dns_config_option_fields[] = {
    K_STRING("name"),
    K_STRING_OPT("value"),
};
static const struct schema pod_dns_config_option_schema =
    KEPT_SCHEMA("PodDNSConfigOption", pod_dns_config_option_fields);

static const struct field pod_dns_config_fields[] = {
    K_STRINGS("nameservers"),
    K_STRINGS("searches"),
    K_LIST("options", &pod_dns_config_option_schema),
};
const struct schema pod_dns_config_schema = KEPT_SCHEMA("PodDNSConfig", pod_dns_config_fields);

static const struct field pod_readiness_gate_fields[] = {
    K_STRING("conditionType", .required = true),
};
const struct schema pod_readiness_gate_schema =
    KEPT_SCHEMA("PodReadinessGate", pod_readiness_gate_fields);

static const struct field pod_os_fields[] = {
    K_STRING("name", .required = true),
};
const struct schema pod_os_schema = KEPT_SCHEMA("PodOS", pod_os_fields);

static const struct field pod_scheduling_gate_fields[] = {
    K_STRING("name", .required = true),
};
const struct schema pod_scheduling_gate_schema =
    KEPT_SCHEMA("PodSchedulingGate", pod_scheduling_gate_fields);

static const struct field pod_resource_claim_fields[] = {
    K_STRING("name", .required = true),
    K_STRING_OPT("resourceClaimName"),
    K_STRING_OPT("resourceClaimTemplateName"),
};
const struct schema pod_resource_claim_schema =
    KEPT_SCHEMA("PodResourceClaim", pod_resource_claim_fields);
