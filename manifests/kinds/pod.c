// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/pod.h"

#include "manifests/kinds/pod_container.h"
#include "manifests/kinds/pod_parts.h"
#include "manifests/schema/check.h"
#include "manifests/schema/format.h"

static bool has_volume(const struct pod_spec *spec, struct str name) {
  for (size_t i = 0; i < spec->volumes_count; i++)
    if (str_eq(spec->volumes[i].name, name))
      return true;
  return false;
}

static void check_mounts(const struct pod_spec *spec, const struct pod_container *containers,
                         size_t count, const char *list, struct check *check) {
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < containers[i].volume_mounts_count; j++)
      if (!has_volume(spec, containers[i].volume_mounts[j].name)) {
        const char *rest = arena_printf(check->arena, ".volumeMounts[%zu].name", j).ptr;
        check_error(check, "not-found", check_index(check, list, i, rest),
                    "there is no volume \"%.*s\"",
                    STR_ARG(str_slice(containers[i].volume_mounts[j].name, 0, 63)));
      }
}

static void check_names(const struct pod_spec *spec, struct check *check) {
  check_unique(check, "containers", ".name", spec->containers, spec->containers_count,
               sizeof(struct pod_container), offsetof(struct pod_container, name));
  check_unique(check, "initContainers", ".name", spec->init_containers, spec->init_containers_count,
               sizeof(struct pod_container), offsetof(struct pod_container, name));
  check_unique(check, "volumes", ".name", spec->volumes, spec->volumes_count,
               sizeof(struct pod_volume), offsetof(struct pod_volume, name));
}

static void check_spec(const void *object, struct check *check) {
  const struct pod_spec *spec = object;
  if (!str_eq_z(spec->restart_policy, "Always") && !str_eq_z(spec->restart_policy, "OnFailure") &&
      !str_eq_z(spec->restart_policy, "Never"))
    check_error(check, "bad-value", "restartPolicy", "expected Always, OnFailure or Never");
  check_names(spec, check);
  check_mounts(spec, spec->containers, spec->containers_count, "containers", check);
  check_mounts(spec, spec->init_containers, spec->init_containers_count, "initContainers", check);
}

static const struct field secret_ref_fields[] = {
    F_STRING(struct pod_secret_ref, name, "name"),
};
const struct schema pod_secret_ref_schema =
    SCHEMA("LocalObjectReference", struct pod_secret_ref, secret_ref_fields, .atomic = true);

static const struct field spec_fields[] = {
    F_LIST(struct pod_spec, volumes, "volumes", &pod_volume_schema, F_RANGE(0, 1024),
           .merge_key = "name", .replace_keys = true, .doc = "Volumes of the containers."),
    F_LIST(struct pod_spec, init_containers, "initContainers", &pod_container_schema,
           .merge_key = "name", .doc = "Run before the others, one after the other."),
    F_LIST(struct pod_spec, containers, "containers", &pod_container_schema, .merge_key = "name",
           .required = true, .not_empty = true, .doc = "The processes."),
    F_KEPT_LIST(struct pod_spec, ephemeral_containers, "ephemeralContainers",
                &pod_ephemeral_container_schema, .merge_key = "name", F_NOT_ENFORCED),
    F_STRING(struct pod_spec, restart_policy, "restartPolicy", .fallback = "Always",
             .doc = "Always, OnFailure or Never."),
    F_INT(struct pod_spec, termination_grace_period_s, "terminationGracePeriodSeconds",
          F_AT_LEAST(0), .fallback = "30", .doc = "Seconds between SIGTERM and SIGKILL."),
    F_INT_OPT(struct pod_spec, active_deadline_s, "activeDeadlineSeconds", F_AT_LEAST(1),
              F_NOT_ENFORCED),
    F_STRING(struct pod_spec, dns_policy, "dnsPolicy"),
    F_STRING_MAP(struct pod_spec, node_selector, "nodeSelector", .atomic = true, F_NOT_ENFORCED),
    F_STRING(struct pod_spec, service_account_name, "serviceAccountName", F_NOT_ENFORCED),
    F_STRING(struct pod_spec, service_account, "serviceAccount",
             .deprecated = "use serviceAccountName"),
    F_BOOL_OPT(struct pod_spec, automount_service_account_token, "automountServiceAccountToken",
               F_NOT_ENFORCED),
    F_STRING(struct pod_spec, node_name, "nodeName"),
    F_BOOL(struct pod_spec, host_network, "hostNetwork", F_NOT_ENFORCED),
    F_BOOL(struct pod_spec, host_pid, "hostPID", F_NOT_ENFORCED),
    F_BOOL(struct pod_spec, host_ipc, "hostIPC", F_NOT_ENFORCED),
    F_BOOL_OPT(struct pod_spec, share_process_namespace, "shareProcessNamespace", F_NOT_ENFORCED),
    F_KEPT_OBJECT(struct pod_spec, security_context, "securityContext",
                  &pod_security_context_schema, F_NOT_ENFORCED),
    F_LIST(struct pod_spec, image_pull_secrets, "imagePullSecrets", &pod_secret_ref_schema,
           .merge_key = "name", F_NOT_ENFORCED),
    F_STRING(struct pod_spec, hostname, "hostname", F_NOT_ENFORCED),
    F_STRING(struct pod_spec, hostname_override, "hostnameOverride", F_NOT_ENFORCED),
    F_STRING(struct pod_spec, subdomain, "subdomain", F_NOT_ENFORCED),
    F_KEPT_OBJECT(struct pod_spec, affinity, "affinity", &affinity_schema, F_NOT_ENFORCED),
    F_STRING(struct pod_spec, scheduler_name, "schedulerName"),
    F_KEPT_LIST(struct pod_spec, tolerations, "tolerations", &toleration_schema),
    F_KEPT_LIST(struct pod_spec, host_aliases, "hostAliases", &host_alias_schema, .merge_key = "ip",
                F_NOT_ENFORCED),
    F_STRING(struct pod_spec, priority_class_name, "priorityClassName", F_NOT_ENFORCED),
    F_INT_OPT(struct pod_spec, priority, "priority", F_INT32, F_NOT_ENFORCED),
    F_KEPT_OBJECT(struct pod_spec, dns_config, "dnsConfig", &pod_dns_config_schema, F_NOT_ENFORCED),
    F_KEPT_LIST(struct pod_spec, readiness_gates, "readinessGates", &pod_readiness_gate_schema,
                F_NOT_ENFORCED),
    F_STRING(struct pod_spec, runtime_class_name, "runtimeClassName", F_NOT_ENFORCED),
    F_BOOL_OPT(struct pod_spec, enable_service_links, "enableServiceLinks"),
    F_STRING(struct pod_spec, preemption_policy, "preemptionPolicy", F_NOT_ENFORCED),
    F_KEPT(struct pod_spec, overhead, "overhead", FIELD_STRING_MAP, .numbers_too = true,
           F_NOT_ENFORCED),
    F_KEPT_LIST(struct pod_spec, topology_spread_constraints, "topologySpreadConstraints",
                &topology_spread_constraint_schema, .merge_key = "topologyKey",
                .map_keys = "topologyKey,whenUnsatisfiable", F_NOT_ENFORCED),
    F_BOOL_OPT(struct pod_spec, set_hostname_as_fqdn, "setHostnameAsFQDN", F_NOT_ENFORCED),
    F_KEPT_OBJECT(struct pod_spec, os, "os", &pod_os_schema, F_NOT_ENFORCED),
    F_BOOL_OPT(struct pod_spec, host_users, "hostUsers", F_NOT_ENFORCED),
    F_KEPT_LIST(struct pod_spec, scheduling_gates, "schedulingGates", &pod_scheduling_gate_schema,
                .merge_key = "name", F_NOT_ENFORCED),
    F_KEPT_LIST(struct pod_spec, resource_claims, "resourceClaims", &pod_resource_claim_schema,
                .merge_key = "name", .replace_keys = true, F_NOT_ENFORCED),
    F_KEPT_OBJECT(struct pod_spec, resources, "resources", &pod_resources_schema, F_NOT_ENFORCED),
};
const struct schema pod_spec_schema =
    SCHEMA("PodSpec", struct pod_spec, spec_fields, .check = check_spec);

static const struct field template_fields[] = {
    F_OBJECT(struct pod_template, metadata, "metadata", &object_meta_schema,
             .doc = "Labels and annotations of the Pods."),
    F_OBJECT(struct pod_template, spec, "spec", &pod_spec_schema, .required = true,
             .doc = "What the Pods run."),
};
const struct schema pod_template_schema =
    SCHEMA("PodTemplateSpec", struct pod_template, template_fields);

static const struct field container_status_fields[] = {
    F_STRING(struct pod_container_status, name, "name", .required = true),
    F_JSON(struct pod_container_status, state, "state"),
    F_JSON(struct pod_container_status, last_state, "lastState"),
    F_BOOL(struct pod_container_status, ready, "ready", .required = true),
    F_INT(struct pod_container_status, restart_count, "restartCount", .required = true),
    F_STRING(struct pod_container_status, image, "image", .required = true),
    F_STRING(struct pod_container_status, image_id, "imageID", .required = true),
    F_STRING(struct pod_container_status, container_id, "containerID"),
    F_BOOL_OPT(struct pod_container_status, started, "started"),
};
static const struct schema container_status_schema =
    SCHEMA("ContainerStatus", struct pod_container_status, container_status_fields, .open = true);

static const struct field ip_fields[] = {F_STRING(struct pod_ip, ip, "ip")};
static const struct schema ip_schema = SCHEMA("PodIP", struct pod_ip, ip_fields);

static const struct field status_fields[] = {
    F_INT(struct pod_status, observed_generation, "observedGeneration"),
    F_STRING(struct pod_status, phase, "phase",
             .doc = "Pending, Running, Succeeded, Failed or Unknown."),
    F_LIST(struct pod_status, conditions, "conditions", &condition_schema, .merge_key = "type"),
    F_STRING(struct pod_status, message, "message"),
    F_STRING(struct pod_status, reason, "reason"),
    F_STRING(struct pod_status, nominated_node_name, "nominatedNodeName"),
    F_STRING(struct pod_status, host_ip, "hostIP"),
    F_LIST(struct pod_status, host_ips, "hostIPs", &ip_schema),
    F_STRING(struct pod_status, pod_ip, "podIP"),
    F_LIST(struct pod_status, pod_ips, "podIPs", &ip_schema, .merge_key = "ip"),
    F_TIME(struct pod_status, start_time_ms, "startTime"),
    F_LIST(struct pod_status, init_container_statuses, "initContainerStatuses",
           &container_status_schema),
    F_LIST(struct pod_status, container_statuses, "containerStatuses", &container_status_schema),
    F_STRING(struct pod_status, qos_class, "qosClass"),
    F_JSON(struct pod_status, ephemeral_container_statuses, "ephemeralContainerStatuses"),
    F_JSON(struct pod_status, resize, "resize"),
    F_JSON(struct pod_status, resource_claim_statuses, "resourceClaimStatuses"),
};
static const struct schema status_schema =
    SCHEMA("PodStatus", struct pod_status, status_fields, .open = true);

static const struct field pod_fields[] = {
    F_OBJECT(struct pod, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct pod, spec, "spec", &pod_spec_schema, .required = true,
             .doc = "What the Pod runs."),
    F_OBJECT(struct pod, status, "status", &status_schema, .read_only = true,
             .doc = "What it is doing."),
};
static const struct schema pod_schema = SCHEMA("Pod", struct pod, pod_fields);

static const struct printer_column columns[] = {
    {.name = "Phase", .type = "string", .path = ".status.phase"},
    {.name = "IP", .type = "string", .path = ".status.podIP", .priority = 1},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc pod_kind = {
    .group = "",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "Pod",
    .plural = "pods",
    .singular = "pod",
    .short_names = (const char *const[]){"po", NULL},
    .categories = (const char *const[]){"all", NULL},
    .namespaced = true,
    .builtin = true,
    .has_status = true,
    .has_generation = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &pod_schema,
    .doc = "A group of processes that live and die together.",
};

bool pod_is_ready(const struct pod *pod) {
  const struct condition *ready =
      condition_find(pod->status.conditions, pod->status.conditions_count, "Ready");
  return ready && str_eq_z(ready->status, "True") && !pod->metadata.deletion_timestamp_ms;
}
