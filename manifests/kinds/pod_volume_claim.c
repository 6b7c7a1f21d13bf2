// SPDX-License-Identifier: Apache-2.0
// Volumes of claims, and of what is projected into one folder: kept as written (pod_parts.h).
#include "manifests/kinds/pod_parts.h"
#include "manifests/kinds/label_selector.h"
#include "manifests/kinds/object_meta.h"

static const struct field typed_local_object_reference_fields[] = {
    K_STRING_OPT("apiGroup"),
    K_STRING("kind", .required = true),
    K_STRING("name", .required = true),
};
const struct schema typed_local_object_reference_schema =
    KEPT_SCHEMA("TypedLocalObjectReference", typed_local_object_reference_fields, .atomic = true);

static const struct field typed_object_reference_fields[] = {
    K_STRING_OPT("apiGroup"),
    K_STRING("kind", .required = true),
    K_STRING("name", .required = true),
    K_STRING_OPT("namespace"),
};
const struct schema typed_object_reference_schema =
    KEPT_SCHEMA("TypedObjectReference", typed_object_reference_fields);

static const struct field volume_resource_requirements_fields[] = {
    K_QUANTITIES("limits"),
    K_QUANTITIES("requests"),
};
const struct schema volume_resource_requirements_schema =
    KEPT_SCHEMA("VolumeResourceRequirements", volume_resource_requirements_fields);

static const struct field persistent_volume_claim_spec_fields[] = {
    K_STRINGS("accessModes"),
    K_OBJECT("selector", &label_selector_schema),
    K_OBJECT("resources", &volume_resource_requirements_schema),
    K_STRING("volumeName"),
    K_STRING_OPT("storageClassName"),
    K_STRING_OPT("volumeMode"),
    K_OBJECT("dataSource", &typed_local_object_reference_schema),
    K_OBJECT("dataSourceRef", &typed_object_reference_schema),
    K_STRING_OPT("volumeAttributesClassName"),
};
static const struct schema persistent_volume_claim_spec_schema =
    KEPT_SCHEMA("PersistentVolumeClaimSpec", persistent_volume_claim_spec_fields);

static const struct field persistent_volume_claim_template_fields[] = {
    K_OBJECT("spec", &persistent_volume_claim_spec_schema, .required = true),
    K_OBJECT("metadata", &object_meta_schema),
};
static const struct schema persistent_volume_claim_template_schema =
    KEPT_SCHEMA("PersistentVolumeClaimTemplate", persistent_volume_claim_template_fields);

static const struct field ephemeral_volume_source_fields[] = {
    K_OBJECT("volumeClaimTemplate", &persistent_volume_claim_template_schema),
};
const struct schema ephemeral_volume_source_schema =
    KEPT_SCHEMA("EphemeralVolumeSource", ephemeral_volume_source_fields);

static const struct field persistent_volume_claim_volume_source_fields[] = {
    K_STRING("claimName", .required = true),
    K_BOOL("readOnly"),
};
const struct schema persistent_volume_claim_volume_source_schema =
    KEPT_SCHEMA("PersistentVolumeClaimVolumeSource", persistent_volume_claim_volume_source_fields);

static const struct field cluster_trust_bundle_projection_fields[] = {
    K_STRING_OPT("name"),
    K_STRING_OPT("signerName"),
    K_OBJECT("labelSelector", &label_selector_schema),
    K_BOOL_OPT("optional"),
    K_STRING("path", .required = true),
};
static const struct schema cluster_trust_bundle_projection_schema =
    KEPT_SCHEMA("ClusterTrustBundleProjection", cluster_trust_bundle_projection_fields);

static const struct field config_map_projection_fields[] = {
    K_STRING("name"),
    K_LIST("items", &pod_key_path_schema),
    K_BOOL_OPT("optional"),
};
static const struct schema config_map_projection_schema =
    KEPT_SCHEMA("ConfigMapProjection", config_map_projection_fields);

static const struct schema secret_projection_schema =
    KEPT_SCHEMA("SecretProjection", config_map_projection_fields);

static const struct field downward_projection_fields[] = {
    K_LIST("items", &pod_downward_item_schema),
};
static const struct schema downward_projection_schema =
    KEPT_SCHEMA("DownwardAPIProjection", downward_projection_fields);

static const struct field pod_certificate_projection_fields[] = {
    K_STRING("signerName", .required = true),
    K_STRING("keyType", .required = true),
    K_INT_OPT("maxExpirationSeconds", F_INT32),
    K_STRING("credentialBundlePath"),
    K_STRING("keyPath"),
    K_STRING("certificateChainPath"),
};
static const struct schema pod_certificate_projection_schema =
    KEPT_SCHEMA("PodCertificateProjection", pod_certificate_projection_fields);

static const struct field service_account_token_projection_fields[] = {
    K_STRING("audience"),
    K_INT_OPT("expirationSeconds"),
    K_STRING("path", .required = true),
};
static const struct schema service_account_token_projection_schema =
    KEPT_SCHEMA("ServiceAccountTokenProjection", service_account_token_projection_fields);

static const struct field volume_projection_fields[] = {
    K_OBJECT("secret", &secret_projection_schema),
    K_OBJECT("downwardAPI", &downward_projection_schema),
    K_OBJECT("configMap", &config_map_projection_schema),
    K_OBJECT("serviceAccountToken", &service_account_token_projection_schema),
    K_OBJECT("clusterTrustBundle", &cluster_trust_bundle_projection_schema),
    K_OBJECT("podCertificate", &pod_certificate_projection_schema),
};
static const struct schema volume_projection_schema =
    KEPT_SCHEMA("VolumeProjection", volume_projection_fields);

static const struct field projected_volume_source_fields[] = {
    K_LIST("sources", &volume_projection_schema),
    K_INT_OPT("defaultMode", F_INT32),
};
const struct schema projected_volume_source_schema =
    KEPT_SCHEMA("ProjectedVolumeSource", projected_volume_source_fields);
