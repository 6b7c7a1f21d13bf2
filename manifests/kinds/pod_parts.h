// SPDX-License-Identifier: Apache-2.0
// The forms of what a Pod's tables only keep as json: the process runtime does not read it, a
// cluster does. Every field of Kubernetes 1.34, as its API server describes it (tests/kubernetes
// compares the two). Private to manifests/kinds.
#pragma once

#include "manifests/schema/field.h"

// pod_affinity.c
extern const struct schema affinity_schema, toleration_schema, topology_spread_constraint_schema;
// pod_security.c
extern const struct schema pod_security_context_schema, security_context_schema;
// pod_spec_parts.c
extern const struct schema host_alias_schema, pod_dns_config_schema, pod_readiness_gate_schema,
    pod_os_schema, pod_scheduling_gate_schema, pod_resource_claim_schema;
// pod_container_parts.c
extern const struct schema resource_claim_schema, container_resize_policy_schema,
    container_restart_rule_schema, volume_device_schema, file_key_selector_schema;
// pod_volume_claim.c
extern const struct schema volume_resource_requirements_schema, typed_local_object_reference_schema,
    typed_object_reference_schema, ephemeral_volume_source_schema,
    persistent_volume_claim_volume_source_schema, projected_volume_source_schema;
// pod_volume_disk.c
extern const struct schema aws_elastic_block_store_volume_source_schema,
    azure_disk_volume_source_schema, azure_file_volume_source_schema, cinder_volume_source_schema,
    gce_persistent_disk_volume_source_schema, photon_persistent_disk_volume_source_schema,
    portworx_volume_source_schema, scale_io_volume_source_schema, storage_os_volume_source_schema,
    vsphere_virtual_disk_volume_source_schema, quobyte_volume_source_schema;
// pod_volume_network.c
extern const struct schema nfs_volume_source_schema, iscsi_volume_source_schema,
    fc_volume_source_schema, ceph_fs_volume_source_schema, rbd_volume_source_schema,
    glusterfs_volume_source_schema, flocker_volume_source_schema, flex_volume_source_schema,
    csi_volume_source_schema, git_repo_volume_source_schema, image_volume_source_schema;
// pod.c, pod_container.c, pod_volume.c: what their tables share with those above
extern const struct schema pod_secret_ref_schema, pod_resources_schema,
    pod_ephemeral_container_schema, pod_key_path_schema, pod_downward_item_schema;
