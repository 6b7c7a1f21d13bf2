// SPDX-License-Identifier: Apache-2.0
// Volumes that one cloud or vendor has: kept as written (pod_parts.h).
#include "manifests/kinds/pod_parts.h"

static const struct field aws_elastic_block_store_volume_source_fields[] = {
    K_STRING("volumeID", .required = true),
    K_STRING("fsType"),
    K_INT("partition", F_INT32),
    K_BOOL("readOnly"),
};
const struct schema aws_elastic_block_store_volume_source_schema =
    KEPT_SCHEMA("AWSElasticBlockStoreVolumeSource", aws_elastic_block_store_volume_source_fields);

static const struct field azure_disk_volume_source_fields[] = {
    K_STRING("diskName", .required = true),
    K_STRING("diskURI", .required = true),
    K_STRING_OPT("cachingMode", .fallback = "ReadWrite"),
    K_STRING_OPT("fsType", .fallback = "ext4"),
    K_BOOL_OPT("readOnly"),
    K_STRING_OPT("kind", .fallback = "Shared"),
};
const struct schema azure_disk_volume_source_schema =
    KEPT_SCHEMA("AzureDiskVolumeSource", azure_disk_volume_source_fields);

static const struct field azure_file_volume_source_fields[] = {
    K_STRING("secretName", .required = true),
    K_STRING("shareName", .required = true),
    K_BOOL("readOnly"),
};
const struct schema azure_file_volume_source_schema =
    KEPT_SCHEMA("AzureFileVolumeSource", azure_file_volume_source_fields);

static const struct field cinder_volume_source_fields[] = {
    K_STRING("volumeID", .required = true),
    K_STRING("fsType"),
    K_BOOL("readOnly"),
    K_OBJECT("secretRef", &pod_secret_ref_schema),
};
const struct schema cinder_volume_source_schema =
    KEPT_SCHEMA("CinderVolumeSource", cinder_volume_source_fields);

static const struct field gce_persistent_disk_volume_source_fields[] = {
    K_STRING("pdName", .required = true),
    K_STRING("fsType"),
    K_INT("partition", F_INT32),
    K_BOOL("readOnly"),
};
const struct schema gce_persistent_disk_volume_source_schema =
    KEPT_SCHEMA("GCEPersistentDiskVolumeSource", gce_persistent_disk_volume_source_fields);

static const struct field photon_persistent_disk_volume_source_fields[] = {
    K_STRING("pdID", .required = true),
    K_STRING("fsType"),
};
const struct schema photon_persistent_disk_volume_source_schema =
    KEPT_SCHEMA("PhotonPersistentDiskVolumeSource", photon_persistent_disk_volume_source_fields);

static const struct field portworx_volume_source_fields[] = {
    K_STRING("volumeID", .required = true),
    K_STRING("fsType"),
    K_BOOL("readOnly"),
};
const struct schema portworx_volume_source_schema =
    KEPT_SCHEMA("PortworxVolumeSource", portworx_volume_source_fields);

static const struct field scale_io_volume_source_fields[] = {
    K_STRING("gateway", .required = true),
    K_STRING("system", .required = true),
    K_OBJECT("secretRef", &pod_secret_ref_schema, .required = true),
    K_BOOL("sslEnabled"),
    K_STRING("protectionDomain"),
    K_STRING("storagePool"),
    K_STRING("storageMode", .fallback = "ThinProvisioned"),
    K_STRING("volumeName"),
    K_STRING("fsType", .fallback = "xfs"),
    K_BOOL("readOnly"),
};
const struct schema scale_io_volume_source_schema =
    KEPT_SCHEMA("ScaleIOVolumeSource", scale_io_volume_source_fields);

static const struct field storage_os_volume_source_fields[] = {
    K_STRING("volumeName"),
    K_STRING("volumeNamespace"),
    K_STRING("fsType"),
    K_BOOL("readOnly"),
    K_OBJECT("secretRef", &pod_secret_ref_schema),
};
const struct schema storage_os_volume_source_schema =
    KEPT_SCHEMA("StorageOSVolumeSource", storage_os_volume_source_fields);

static const struct field vsphere_virtual_disk_volume_source_fields[] = {
    K_STRING("volumePath", .required = true),
    K_STRING("fsType"),
    K_STRING("storagePolicyName"),
    K_STRING("storagePolicyID"),
};
const struct schema vsphere_virtual_disk_volume_source_schema =
    KEPT_SCHEMA("VsphereVirtualDiskVolumeSource", vsphere_virtual_disk_volume_source_fields);

static const struct field quobyte_volume_source_fields[] = {
    K_STRING("registry", .required = true),
    K_STRING("volume", .required = true),
    K_BOOL("readOnly"),
    K_STRING("user"),
    K_STRING("group"),
    K_STRING("tenant"),
};
const struct schema quobyte_volume_source_schema =
    KEPT_SCHEMA("QuobyteVolumeSource", quobyte_volume_source_fields);
