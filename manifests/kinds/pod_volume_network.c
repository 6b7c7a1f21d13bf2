// SPDX-License-Identifier: Apache-2.0
// Volumes that come over a network or through a driver: kept as written (pod_parts.h).
#include "manifests/kinds/pod_parts.h"

static const struct field nfs_volume_source_fields[] = {
    K_STRING("server", .required = true),
    K_STRING("path", .required = true),
    K_BOOL("readOnly"),
};
const struct schema nfs_volume_source_schema =
    KEPT_SCHEMA("NFSVolumeSource", nfs_volume_source_fields);

static const struct field iscsi_volume_source_fields[] = {
    K_STRING("targetPortal", .required = true),
    K_STRING("iqn", .required = true),
    K_INT("lun", F_INT32, .required = true),
    K_STRING("iscsiInterface", .fallback = "default"),
    K_STRING("fsType"),
    K_BOOL("readOnly"),
    K_STRINGS("portals"),
    K_BOOL("chapAuthDiscovery"),
    K_BOOL("chapAuthSession"),
    K_OBJECT("secretRef", &pod_secret_ref_schema),
    K_STRING_OPT("initiatorName"),
};
const struct schema iscsi_volume_source_schema =
    KEPT_SCHEMA("ISCSIVolumeSource", iscsi_volume_source_fields);

static const struct field fc_volume_source_fields[] = {
    K_STRINGS("targetWWNs"), K_INT_OPT("lun", F_INT32), K_STRING("fsType"),
    K_BOOL("readOnly"),      K_STRINGS("wwids"),
};
const struct schema fc_volume_source_schema =
    KEPT_SCHEMA("FCVolumeSource", fc_volume_source_fields);

static const struct field ceph_fs_volume_source_fields[] = {
    K_STRINGS("monitors", .required = true),
    K_STRING("path"),
    K_STRING("user"),
    K_STRING("secretFile"),
    K_OBJECT("secretRef", &pod_secret_ref_schema),
    K_BOOL("readOnly"),
};
const struct schema ceph_fs_volume_source_schema =
    KEPT_SCHEMA("CephFSVolumeSource", ceph_fs_volume_source_fields);

static const struct field rbd_volume_source_fields[] = {
    K_STRINGS("monitors", .required = true),
    K_STRING("image", .required = true),
    K_STRING("fsType"),
    K_STRING("pool", .fallback = "rbd"),
    K_STRING("user", .fallback = "admin"),
    K_STRING("keyring", .fallback = "/etc/ceph/keyring"),
    K_OBJECT("secretRef", &pod_secret_ref_schema),
    K_BOOL("readOnly"),
};
const struct schema rbd_volume_source_schema =
    KEPT_SCHEMA("RBDVolumeSource", rbd_volume_source_fields);

static const struct field glusterfs_volume_source_fields[] = {
    K_STRING("endpoints", .required = true),
    K_STRING("path", .required = true),
    K_BOOL("readOnly"),
};
const struct schema glusterfs_volume_source_schema =
    KEPT_SCHEMA("GlusterfsVolumeSource", glusterfs_volume_source_fields);

static const struct field flocker_volume_source_fields[] = {
    K_STRING("datasetName"),
    K_STRING("datasetUUID"),
};
const struct schema flocker_volume_source_schema =
    KEPT_SCHEMA("FlockerVolumeSource", flocker_volume_source_fields);

static const struct field flex_volume_source_fields[] = {
    K_STRING("driver", .required = true),
    K_STRING("fsType"),
    K_OBJECT("secretRef", &pod_secret_ref_schema),
    K_BOOL("readOnly"),
    K_STRING_MAP("options"),
};
const struct schema flex_volume_source_schema =
    KEPT_SCHEMA("FlexVolumeSource", flex_volume_source_fields);

static const struct field csi_volume_source_fields[] = {
    K_STRING("driver", .required = true),
    K_BOOL_OPT("readOnly"),
    K_STRING_OPT("fsType"),
    K_STRING_MAP("volumeAttributes"),
    K_OBJECT("nodePublishSecretRef", &pod_secret_ref_schema),
};
const struct schema csi_volume_source_schema =
    KEPT_SCHEMA("CSIVolumeSource", csi_volume_source_fields);

static const struct field git_repo_volume_source_fields[] = {
    K_STRING("repository", .required = true),
    K_STRING("revision"),
    K_STRING("directory"),
};
const struct schema git_repo_volume_source_schema =
    KEPT_SCHEMA("GitRepoVolumeSource", git_repo_volume_source_fields);

static const struct field image_volume_source_fields[] = {
    K_STRING("reference"),
    K_STRING("pullPolicy"),
};
const struct schema image_volume_source_schema =
    KEPT_SCHEMA("ImageVolumeSource", image_volume_source_fields);
