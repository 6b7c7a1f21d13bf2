// SPDX-License-Identifier: Apache-2.0
// The volume tables of pod_container.h.
#include "manifests/kinds/pod.h"
#include "manifests/kinds/pod_container.h"
#include "manifests/kinds/pod_parts.h"
#include "manifests/schema/format.h"

static const struct field key_path_fields[] = {
    F_STRING(struct pod_key_to_path, key, "key", .required = true, .doc = "The key."),
    F_STRING(struct pod_key_to_path, path, "path", .required = true, .doc = "Name of the file."),
    F_INT_OPT(struct pod_key_to_path, mode, "mode", F_INT32, F_RANGE(0, 511)),
};
const struct schema pod_key_path_schema =
    SCHEMA("KeyToPath", struct pod_key_to_path, key_path_fields);

static const struct field config_map_fields[] = {
    F_STRING(struct pod_config_volume, name, "name", .doc = "Name of the ConfigMap."),
    F_LIST(struct pod_config_volume, items, "items", &pod_key_path_schema,
           .doc = "Which keys; default all."),
    F_INT_OPT(struct pod_config_volume, default_mode, "defaultMode", F_INT32, F_RANGE(0, 511)),
    F_BOOL(struct pod_config_volume, optional, "optional"),
};
static const struct schema config_map_schema =
    SCHEMA("ConfigMapVolumeSource", struct pod_config_volume, config_map_fields);

static const struct field secret_fields[] = {
    F_STRING(struct pod_config_volume, name, "secretName", .doc = "Name of the Secret."),
    F_LIST(struct pod_config_volume, items, "items", &pod_key_path_schema,
           .doc = "Which keys; default all."),
    F_INT_OPT(struct pod_config_volume, default_mode, "defaultMode", F_INT32, F_RANGE(0, 511)),
    F_BOOL(struct pod_config_volume, optional, "optional"),
};
static const struct schema secret_schema =
    SCHEMA("SecretVolumeSource", struct pod_config_volume, secret_fields);

static const struct field empty_dir_fields[] = {
    F_STRING(struct pod_empty_dir, medium, "medium", F_NOT_ENFORCED),
    F_KEPT(struct pod_empty_dir, size_limit, "sizeLimit", FIELD_QUANTITY, F_NOT_ENFORCED),
};
static const struct schema empty_dir_schema =
    SCHEMA("EmptyDirVolumeSource", struct pod_empty_dir, empty_dir_fields);

static const struct field host_path_fields[] = {
    F_STRING(struct pod_host_path, path, "path", .required = true),
    F_STRING(struct pod_host_path, type, "type"),
};
static const struct schema host_path_schema =
    SCHEMA("HostPathVolumeSource", struct pod_host_path, host_path_fields);

static const struct field downward_item_fields[] = {
    F_STRING(struct pod_downward_item, path, "path", .required = true),
    F_OPTIONAL(struct pod_downward_item, field_ref, "fieldRef", &pod_field_ref_schema),
    F_OPTIONAL(struct pod_downward_item, resource_field_ref, "resourceFieldRef",
               &pod_resource_field_ref_schema),
    F_INT_OPT(struct pod_downward_item, mode, "mode", F_INT32, F_RANGE(0, 511)),
};
const struct schema pod_downward_item_schema =
    SCHEMA("DownwardAPIVolumeFile", struct pod_downward_item, downward_item_fields);

static const struct field downward_fields[] = {
    F_LIST(struct pod_downward_volume, items, "items", &pod_downward_item_schema),
    F_INT_OPT(struct pod_downward_volume, default_mode, "defaultMode", F_INT32, F_RANGE(0, 511)),
};
static const struct schema downward_schema =
    SCHEMA("DownwardAPIVolumeSource", struct pod_downward_volume, downward_fields);

static const struct field volume_fields[] = {
    F_STRING(struct pod_volume, name, "name", .required = true, .not_empty = true,
             .format = &format_dns_label, .doc = "Unique in the Pod."),
    F_OPTIONAL(struct pod_volume, config_map, "configMap", &config_map_schema),
    F_OPTIONAL(struct pod_volume, secret, "secret", &secret_schema),
    F_OPTIONAL(struct pod_volume, empty_dir, "emptyDir", &empty_dir_schema),
    F_OPTIONAL(struct pod_volume, host_path, "hostPath", &host_path_schema),
    F_OPTIONAL(struct pod_volume, downward_api, "downwardAPI", &downward_schema),
#define XX(member, name, table)                                                                    \
  F_KEPT_OBJECT(struct pod_volume, member, name, &table, F_NOT_ENFORCED),
    POD_VOLUME_OTHER_MAP(XX)
#undef XX
};
const struct schema pod_volume_schema = SCHEMA("Volume", struct pod_volume, volume_fields);
