// SPDX-License-Identifier: Apache-2.0
// Pod, and the PodSpec and PodTemplateSpec that Deployment, ReplicaSet and Rollout share. Every
// field Kubernetes knows is known here; those the process runtime does not honour are kept as json,
// of the forms in pod_parts.h, and reported (manifests/schema/enforced.h).
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct pod_key_ref { // configMapKeyRef, secretKeyRef
  struct str name, key;
  bool optional;
};
struct pod_field_ref {
  struct str api_version,
      field_path; // metadata.name, metadata.labels['x'], status.podIP, spec.nodeName ...
};
struct pod_resource_field_ref {
  struct str container_name, resource, divisor;
};
struct pod_env_source {
  struct pod_field_ref *field_ref;
  struct pod_resource_field_ref *resource_field_ref;
  struct pod_key_ref *config_map_key_ref, *secret_key_ref;
  const struct json *file_key_ref;
};
struct pod_env {
  struct str name, value;
  struct pod_env_source *value_from;
};
struct pod_source_ref { // configMapRef, secretRef of envFrom
  struct str name;
  bool optional;
};
struct pod_env_from {
  struct str prefix;
  struct pod_source_ref *config_map_ref, *secret_ref;
};
struct pod_container_port {
  struct str name, protocol, host_ip; // protocol default TCP
  int64_t container_port, host_port;
};
struct pod_volume_mount {
  struct str name, mount_path, sub_path, sub_path_expr, mount_propagation, recursive_read_only;
  bool read_only;
};
struct pod_http_header {
  struct str name, value;
};
struct pod_http_get {
  struct str path, host, scheme; // scheme default HTTP
  struct int_or_string port;
  struct pod_http_header *http_headers;
  size_t http_headers_count;
};
struct pod_tcp_socket {
  struct int_or_string port;
  struct str host;
};
struct pod_grpc {
  int64_t port;
  struct str service;
};
struct pod_exec {
  struct str *command;
  size_t command_count;
};
struct pod_sleep {
  int64_t seconds;
};
struct pod_probe {
  struct pod_http_get *http_get;
  struct pod_tcp_socket *tcp_socket;
  struct pod_grpc *grpc;
  struct pod_exec *exec;
  int64_t initial_delay_s, timeout_s, period_s; // defaults 0, 1, 10
  int64_t success_threshold, failure_threshold; // defaults 1, 3
  bool has_termination_grace_period_s;
  int64_t termination_grace_period_s;
};
struct pod_lifecycle_handler {
  struct pod_exec *exec;
  struct pod_http_get *http_get;
  struct pod_tcp_socket *tcp_socket;
  struct pod_sleep *sleep;
};
struct pod_lifecycle {
  struct pod_lifecycle_handler *post_start, *pre_stop;
  struct str stop_signal;
};
struct pod_resources {
  struct string_map requests, limits; // values as written, e.g. "100m"
  const struct json *claims;
};
struct pod_container {
  struct str name, image, working_dir;
  struct str *command, *args;
  size_t command_count, args_count;
  struct pod_env *env;
  size_t env_count;
  struct pod_env_from *env_from;
  size_t env_from_count;
  struct pod_container_port *ports;
  size_t ports_count;
  struct pod_volume_mount *volume_mounts;
  size_t volume_mounts_count;
  struct pod_probe *readiness_probe, *liveness_probe, *startup_probe;
  struct pod_lifecycle *lifecycle;
  struct pod_resources resources;
  struct str restart_policy; // init containers: Always makes a sidecar
  struct str image_pull_policy, termination_message_path, termination_message_policy;
  bool stdin_, stdin_once, tty;
  const struct json *security_context, *volume_devices, *resize_policy, *restart_policy_rules;
};
struct pod_key_to_path {
  struct str key, path;
  bool has_mode;
  int64_t mode;
};
struct pod_config_volume { // configMap and secret volumes
  struct str name;
  struct pod_key_to_path *items;
  size_t items_count;
  bool has_default_mode;
  int64_t default_mode; // not given: 0644
  bool optional;
};
struct pod_empty_dir {
  struct str medium;
  const struct json *size_limit;
};
struct pod_host_path {
  struct str path, type;
};
struct pod_downward_item {
  struct str path;
  struct pod_field_ref *field_ref;
  struct pod_resource_field_ref *resource_field_ref;
  bool has_mode;
  int64_t mode;
};
struct pod_downward_volume {
  struct pod_downward_item *items;
  size_t items_count;
  bool has_default_mode;
  int64_t default_mode;
};
// Volume sources that the process runtime does not have: kept as json and reported.
// XX(member, name in the manifest, its table in pod_parts.h)
#define POD_VOLUME_OTHER_MAP(XX)                                                                   \
  XX(projected, "projected", projected_volume_source_schema)                                       \
  XX(persistent_volume_claim, "persistentVolumeClaim",                                             \
     persistent_volume_claim_volume_source_schema)                                                 \
  XX(aws_elastic_block_store, "awsElasticBlockStore",                                              \
     aws_elastic_block_store_volume_source_schema)                                                 \
  XX(azure_disk, "azureDisk", azure_disk_volume_source_schema)                                     \
  XX(azure_file, "azureFile", azure_file_volume_source_schema)                                     \
  XX(cephfs, "cephfs", ceph_fs_volume_source_schema)                                               \
  XX(cinder, "cinder", cinder_volume_source_schema)                                                \
  XX(csi, "csi", csi_volume_source_schema)                                                         \
  XX(ephemeral, "ephemeral", ephemeral_volume_source_schema)                                       \
  XX(fc, "fc", fc_volume_source_schema)                                                            \
  XX(flex_volume, "flexVolume", flex_volume_source_schema)                                         \
  XX(flocker, "flocker", flocker_volume_source_schema)                                             \
  XX(gce_persistent_disk, "gcePersistentDisk", gce_persistent_disk_volume_source_schema)           \
  XX(git_repo, "gitRepo", git_repo_volume_source_schema)                                           \
  XX(glusterfs, "glusterfs", glusterfs_volume_source_schema)                                       \
  XX(image, "image", image_volume_source_schema)                                                   \
  XX(iscsi, "iscsi", iscsi_volume_source_schema)                                                   \
  XX(nfs, "nfs", nfs_volume_source_schema)                                                         \
  XX(photon_persistent_disk, "photonPersistentDisk", photon_persistent_disk_volume_source_schema)  \
  XX(portworx_volume, "portworxVolume", portworx_volume_source_schema)                             \
  XX(quobyte, "quobyte", quobyte_volume_source_schema)                                             \
  XX(rbd, "rbd", rbd_volume_source_schema)                                                         \
  XX(scale_io, "scaleIO", scale_io_volume_source_schema)                                           \
  XX(storageos, "storageos", storage_os_volume_source_schema)                                      \
  XX(vsphere_volume, "vsphereVolume", vsphere_virtual_disk_volume_source_schema)

struct pod_volume {
  struct str name;
  struct pod_config_volume *config_map, *secret;
  struct pod_empty_dir *empty_dir;
  struct pod_host_path *host_path;
  struct pod_downward_volume *downward_api;
#define XX(member, name, table) const struct json *member;
  POD_VOLUME_OTHER_MAP(XX)
#undef XX
};
struct pod_secret_ref {
  struct str name;
};
struct pod_spec {
  struct pod_container *containers, *init_containers;
  size_t containers_count, init_containers_count;
  struct pod_volume *volumes;
  size_t volumes_count;
  struct str restart_policy;          // default Always
  int64_t termination_grace_period_s; // default 30
  bool has_active_deadline_s;
  int64_t active_deadline_s;
  struct str service_account_name, service_account, node_name, hostname, subdomain, dns_policy,
      scheduler_name;
  struct str priority_class_name, preemption_policy, runtime_class_name;
  struct string_map node_selector;
  bool host_network, host_pid, host_ipc;
  bool has_automount_service_account_token, automount_service_account_token;
  bool has_share_process_namespace, share_process_namespace;
  bool has_enable_service_links, enable_service_links;
  bool has_priority;
  int64_t priority;
  struct pod_secret_ref *image_pull_secrets;
  size_t image_pull_secrets_count;
  const struct json *security_context, *affinity, *tolerations, *host_aliases, *dns_config;
  const struct json *readiness_gates, *overhead, *topology_spread_constraints,
      *ephemeral_containers, *os;
  const struct json *scheduling_gates, *resource_claims, *resources;
  bool has_set_hostname_as_fqdn, set_hostname_as_fqdn, has_host_users, host_users;
  struct str hostname_override;
};
extern const struct schema pod_spec_schema;

struct pod_template {
  struct object_meta metadata;
  struct pod_spec spec;
};
extern const struct schema pod_template_schema;

struct pod_container_status {
  struct str name, image, image_id, container_id;
  bool ready;
  bool has_started, started;
  int64_t restart_count;
  const struct json *state, *last_state;
};
struct pod_ip {
  struct str ip;
};
struct pod_status {
  struct str phase; // Pending Running Succeeded Failed Unknown
  struct str reason, message, host_ip, pod_ip, qos_class, nominated_node_name;
  struct pod_ip *pod_ips, *host_ips;
  size_t pod_ips_count, host_ips_count;
  int64_t start_time_ms, observed_generation;
  struct condition *conditions;
  size_t conditions_count;
  struct pod_container_status *container_statuses, *init_container_statuses;
  size_t container_statuses_count, init_container_statuses_count;
  const struct json *ephemeral_container_statuses, *resize, *resource_claim_statuses;
};
struct pod {
  struct object_meta metadata;
  struct pod_spec spec;
  struct pod_status status;
};
extern const struct kind_desc pod_kind;

// condition Ready is True and the pod is not being deleted.
bool pod_is_ready(const struct pod *pod);
