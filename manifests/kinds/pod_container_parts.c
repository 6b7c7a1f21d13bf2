// SPDX-License-Identifier: Apache-2.0
// Parts of containers: kept as written (pod_parts.h).
#include "manifests/kinds/pod_parts.h"

static const struct field resource_claim_fields[] = {
    K_STRING("name", .required = true),
    K_STRING("request"),
};
const struct schema resource_claim_schema = KEPT_SCHEMA("ResourceClaim", resource_claim_fields);

static const struct field container_resize_policy_fields[] = {
    K_STRING("resourceName", .required = true),
    K_STRING("restartPolicy", .required = true),
};
const struct schema container_resize_policy_schema =
    KEPT_SCHEMA("ContainerResizePolicy", container_resize_policy_fields);

static const struct field container_restart_rule_on_exit_codes_fields[] = {
    K_STRING("operator", .required = true),
    K_INTS("values", F_INT32, .is_set = true),
};
static const struct schema container_restart_rule_on_exit_codes_schema =
    KEPT_SCHEMA("ContainerRestartRuleOnExitCodes", container_restart_rule_on_exit_codes_fields);

static const struct field container_restart_rule_fields[] = {
    K_STRING("action", .required = true),
    K_OBJECT("exitCodes", &container_restart_rule_on_exit_codes_schema),
};
const struct schema container_restart_rule_schema =
    KEPT_SCHEMA("ContainerRestartRule", container_restart_rule_fields);

static const struct field volume_device_fields[] = {
    K_STRING("name", .required = true),
    K_STRING("devicePath", .required = true),
};
const struct schema volume_device_schema = KEPT_SCHEMA("VolumeDevice", volume_device_fields);

static const struct field file_key_selector_fields[] = {
    K_STRING("volumeName", .required = true),
    K_STRING("path", .required = true),
    K_STRING("key", .required = true),
    K_BOOL_OPT("optional"),
};
const struct schema file_key_selector_schema =
    KEPT_SCHEMA("FileKeySelector", file_key_selector_fields, .atomic = true);
