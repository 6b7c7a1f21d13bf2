// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/pod_container.h"

#include "manifests/kinds/pod.h"
#include "manifests/kinds/pod_parts.h"
#include "manifests/schema/check.h"
#include "manifests/schema/format.h"

static const struct field key_ref_fields[] = {
    F_STRING(struct pod_key_ref, name, "name", .doc = "Name of the ConfigMap or Secret."),
    F_STRING(struct pod_key_ref, key, "key", .required = true, .doc = "Which of its keys."),
    F_BOOL(struct pod_key_ref, optional, "optional", .doc = "Go on when it is not there."),
};
static const struct schema key_ref_schema =
    SCHEMA("KeySelector", struct pod_key_ref, key_ref_fields, .atomic = true);

static const struct field field_ref_fields[] = {
    F_STRING(struct pod_field_ref, api_version, "apiVersion"),
    F_STRING(struct pod_field_ref, field_path, "fieldPath", .required = true,
             .doc = "metadata.name, metadata.labels['x'], status.podIP and such."),
};
const struct schema pod_field_ref_schema =
    SCHEMA("ObjectFieldSelector", struct pod_field_ref, field_ref_fields, .atomic = true);

static const struct field resource_ref_fields[] = {
    F_STRING(struct pod_resource_field_ref, container_name, "containerName"),
    F_STRING(struct pod_resource_field_ref, resource, "resource", .required = true,
             .doc = "limits.cpu, requests.memory and such."),
    F_STRING(struct pod_resource_field_ref, divisor, "divisor", .numbers_too = true),
};
const struct schema pod_resource_field_ref_schema = SCHEMA(
    "ResourceFieldSelector", struct pod_resource_field_ref, resource_ref_fields, .atomic = true);

static const struct field env_source_fields[] = {
    F_OPTIONAL(struct pod_env_source, field_ref, "fieldRef", &pod_field_ref_schema,
               .doc = "A field of the Pod."),
    F_OPTIONAL(struct pod_env_source, resource_field_ref, "resourceFieldRef",
               &pod_resource_field_ref_schema, .doc = "A resource of the container."),
    F_OPTIONAL(struct pod_env_source, config_map_key_ref, "configMapKeyRef", &key_ref_schema,
               .doc = "A key of a ConfigMap."),
    F_OPTIONAL(struct pod_env_source, secret_key_ref, "secretKeyRef", &key_ref_schema,
               .doc = "A key of a Secret."),
    F_KEPT_OBJECT(struct pod_env_source, file_key_ref, "fileKeyRef", &file_key_selector_schema,
                  F_NOT_ENFORCED),
};
static const struct schema env_source_schema =
    SCHEMA("EnvVarSource", struct pod_env_source, env_source_fields);

static void check_env(const void *object, struct check *check) {
  const struct pod_env *env = object;
  if (!env->value_from)
    return;
  const struct pod_env_source *from = env->value_from;
  int sources = (from->field_ref != NULL) + (from->resource_field_ref != NULL) +
                (from->config_map_key_ref != NULL) + (from->secret_key_ref != NULL) +
                (from->file_key_ref != NULL);
  if (env->value.len)
    check_error(check, "one-of", "valueFrom", "only one of value and valueFrom may be given");
  if (sources != 1)
    check_error(check, sources ? "one-of" : "required", "valueFrom",
                "exactly one of fieldRef, resourceFieldRef, configMapKeyRef and secretKeyRef is "
                "required");
}

static const struct field env_fields[] = {
    F_STRING(struct pod_env, name, "name", .required = true, .not_empty = true,
             .format = &format_env_name, .doc = "Name of the variable."),
    F_STRING(struct pod_env, value, "value",
             .doc = "Its value; $(NAME) stands for an earlier variable, $$ for $."),
    F_OPTIONAL(struct pod_env, value_from, "valueFrom", &env_source_schema,
               .doc = "Where the value comes from."),
};
static const struct schema env_schema =
    SCHEMA("EnvVar", struct pod_env, env_fields, .check = check_env);

static const struct field source_ref_fields[] = {
    F_STRING(struct pod_source_ref, name, "name"),
    F_BOOL(struct pod_source_ref, optional, "optional"),
};
static const struct schema source_ref_schema =
    SCHEMA("EnvSource", struct pod_source_ref, source_ref_fields);

static const struct field env_from_fields[] = {
    F_STRING(struct pod_env_from, prefix, "prefix", .doc = "Put before each name."),
    F_OPTIONAL(struct pod_env_from, config_map_ref, "configMapRef", &source_ref_schema),
    F_OPTIONAL(struct pod_env_from, secret_ref, "secretRef", &source_ref_schema),
};
static const struct schema env_from_schema =
    SCHEMA("EnvFromSource", struct pod_env_from, env_from_fields);

static const struct field port_fields[] = {
    F_STRING(struct pod_container_port, name, "name", F_RANGE(0, 15), .doc = "Name of the port."),
    F_INT(struct pod_container_port, host_port, "hostPort", F_INT32, F_RANGE(0, 65535),
          F_NOT_ENFORCED),
    F_INT(struct pod_container_port, container_port, "containerPort", F_INT32, .required = true,
          F_RANGE(1, 65535), .doc = "Port the workload listens on."),
    F_STRING(struct pod_container_port, protocol, "protocol", .fallback = "TCP"),
    F_STRING(struct pod_container_port, host_ip, "hostIP", F_NOT_ENFORCED),
};
static const struct schema port_schema =
    SCHEMA("ContainerPort", struct pod_container_port, port_fields);

static const struct field mount_fields[] = {
    F_STRING(struct pod_volume_mount, name, "name", .required = true, .not_empty = true,
             .doc = "Name of the volume."),
    F_BOOL(struct pod_volume_mount, read_only, "readOnly"),
    F_STRING(struct pod_volume_mount, recursive_read_only, "recursiveReadOnly", F_NOT_ENFORCED),
    F_STRING(struct pod_volume_mount, mount_path, "mountPath", .required = true, .not_empty = true,
             .doc = "Where it is seen."),
    F_STRING(struct pod_volume_mount, sub_path, "subPath", .doc = "A part of the volume."),
    F_STRING(struct pod_volume_mount, mount_propagation, "mountPropagation", F_NOT_ENFORCED),
    F_STRING(struct pod_volume_mount, sub_path_expr, "subPathExpr"),
};
static const struct schema mount_schema =
    SCHEMA("VolumeMount", struct pod_volume_mount, mount_fields);

static const struct field header_fields[] = {
    F_STRING(struct pod_http_header, name, "name", .required = true, .format = &format_token),
    F_STRING(struct pod_http_header, value, "value", .required = true,
             .format = &format_header_value),
};
static const struct schema header_schema =
    SCHEMA("HTTPHeader", struct pod_http_header, header_fields);

static const struct field http_get_fields[] = {
    F_STRING(struct pod_http_get, path, "path", .doc = "Path; default /."),
    F_INT_OR_STRING(struct pod_http_get, port, "port", .required = true,
                    .doc = "Number or name of the port."),
    F_STRING(struct pod_http_get, host, "host", .doc = "Default the Pod's address."),
    F_STRING(struct pod_http_get, scheme, "scheme", .fallback = "HTTP"),
    F_LIST(struct pod_http_get, http_headers, "httpHeaders", &header_schema),
};
static const struct schema http_get_schema =
    SCHEMA("HTTPGetAction", struct pod_http_get, http_get_fields);

static const struct field tcp_socket_fields[] = {
    F_INT_OR_STRING(struct pod_tcp_socket, port, "port", .required = true),
    F_STRING(struct pod_tcp_socket, host, "host"),
};
static const struct schema tcp_socket_schema =
    SCHEMA("TCPSocketAction", struct pod_tcp_socket, tcp_socket_fields);

static const struct field grpc_fields[] = {
    F_INT(struct pod_grpc, port, "port", F_INT32, .required = true, F_RANGE(1, 65535)),
    F_STRING(struct pod_grpc, service, "service"),
};
static const struct schema grpc_schema = SCHEMA("GRPCAction", struct pod_grpc, grpc_fields);

static const struct field exec_fields[] = {
    F_STRINGS(struct pod_exec, command, "command"),
};
static const struct schema exec_schema = SCHEMA("ExecAction", struct pod_exec, exec_fields);

static void check_probe(const void *object, struct check *check) {
  const struct pod_probe *probe = object;
  int actions = (probe->http_get != NULL) + (probe->tcp_socket != NULL) + (probe->grpc != NULL) +
                (probe->exec != NULL);
  if (actions != 1)
    check_error(check, actions ? "one-of" : "required", "",
                "exactly one of httpGet, tcpSocket, exec and grpc is required");
}

static const struct field probe_fields[] = {
    F_OPTIONAL(struct pod_probe, exec, "exec", &exec_schema, .doc = "A command that exits with 0."),
    F_OPTIONAL(struct pod_probe, http_get, "httpGet", &http_get_schema,
               .doc = "A request that is answered with 200 to 399."),
    F_OPTIONAL(struct pod_probe, tcp_socket, "tcpSocket", &tcp_socket_schema,
               .doc = "A connection that is accepted."),
    F_OPTIONAL(struct pod_probe, grpc, "grpc", &grpc_schema, F_NOT_ENFORCED),
    F_INT(struct pod_probe, initial_delay_s, "initialDelaySeconds", F_INT32, F_AT_LEAST(0),
          .doc = "Seconds before the first probe."),
    F_INT(struct pod_probe, timeout_s, "timeoutSeconds", F_INT32, F_AT_LEAST(1), .fallback = "1"),
    F_INT(struct pod_probe, period_s, "periodSeconds", F_INT32, F_AT_LEAST(1), .fallback = "10"),
    F_INT(struct pod_probe, success_threshold, "successThreshold", F_INT32, F_AT_LEAST(1),
          .fallback = "1"),
    F_INT(struct pod_probe, failure_threshold, "failureThreshold", F_INT32, F_AT_LEAST(1),
          .fallback = "3"),
    F_INT_OPT(struct pod_probe, termination_grace_period_s, "terminationGracePeriodSeconds",
              F_AT_LEAST(1)),
};
static const struct schema probe_schema =
    SCHEMA("Probe", struct pod_probe, probe_fields, .check = check_probe);

static const struct field sleep_fields[] = {
    F_INT(struct pod_sleep, seconds, "seconds", .required = true, F_AT_LEAST(0)),
};
static const struct schema sleep_schema = SCHEMA("SleepAction", struct pod_sleep, sleep_fields);

static const struct field handler_fields[] = {
    F_OPTIONAL(struct pod_lifecycle_handler, exec, "exec", &exec_schema),
    F_OPTIONAL(struct pod_lifecycle_handler, http_get, "httpGet", &http_get_schema),
    F_OPTIONAL(struct pod_lifecycle_handler, tcp_socket, "tcpSocket", &tcp_socket_schema),
    F_OPTIONAL(struct pod_lifecycle_handler, sleep, "sleep", &sleep_schema),
};
static const struct schema handler_schema =
    SCHEMA("LifecycleHandler", struct pod_lifecycle_handler, handler_fields);

static const struct field lifecycle_fields[] = {
    F_OPTIONAL(struct pod_lifecycle, post_start, "postStart", &handler_schema),
    F_OPTIONAL(struct pod_lifecycle, pre_stop, "preStop", &handler_schema),
    F_STRING(struct pod_lifecycle, stop_signal, "stopSignal", F_NOT_ENFORCED),
};
static const struct schema lifecycle_schema =
    SCHEMA("Lifecycle", struct pod_lifecycle, lifecycle_fields);

static const struct field resources_fields[] = {
    F_STRING_MAP(struct pod_resources, limits, "limits", .numbers_too = true, F_NOT_ENFORCED,
                 .doc = "Upper bounds."),
    F_STRING_MAP(struct pod_resources, requests, "requests", .numbers_too = true, F_NOT_ENFORCED,
                 .doc = "What it needs."),
    F_KEPT_LIST(struct pod_resources, claims, "claims", &resource_claim_schema, .merge_key = "name",
                F_NOT_ENFORCED),
};
const struct schema pod_resources_schema =
    SCHEMA("ResourceRequirements", struct pod_resources, resources_fields);

// EphemeralContainer has the same and one more.
#define CONTAINER_ROWS                                                                             \
  F_STRING(struct pod_container, name, "name", .required = true, .not_empty = true,                \
           .format = &format_dns_label, .doc = "Unique in the Pod."),                              \
      F_STRING(struct pod_container, image, "image",                                               \
               .doc = "Never pulled: without command it is looked up in --image NAME=COMMAND."),   \
      F_STRINGS(struct pod_container, command, "command", .doc = "The program."),                  \
      F_STRINGS(struct pod_container, args, "args", .doc = "Its arguments."),                      \
      F_STRING(struct pod_container, working_dir, "workingDir", .doc = "Its working directory."),  \
      F_LIST(struct pod_container, ports, "ports", &port_schema, .merge_key = "containerPort",     \
             .map_keys = "containerPort,protocol", .doc = "Ports it listens on."),                 \
      F_LIST(struct pod_container, env_from, "envFrom", &env_from_schema,                          \
             .doc = "Variables from ConfigMaps and Secrets."),                                     \
      F_LIST(struct pod_container, env, "env", &env_schema, .merge_key = "name",                   \
             .doc = "Variables."),                                                                 \
      F_OBJECT(struct pod_container, resources, "resources", &pod_resources_schema),               \
      F_KEPT_LIST(struct pod_container, resize_policy, "resizePolicy",                             \
                  &container_resize_policy_schema, F_NOT_ENFORCED),                                \
      F_STRING(struct pod_container, restart_policy, "restartPolicy",                              \
               .doc = "Always makes an init container run beside the others."),                    \
      F_KEPT_LIST(struct pod_container, restart_policy_rules, "restartPolicyRules",                \
                  &container_restart_rule_schema, F_NOT_ENFORCED),                                 \
      F_LIST(struct pod_container, volume_mounts, "volumeMounts", &mount_schema,                   \
             .merge_key = "mountPath", .doc = "Volumes it sees."),                                 \
      F_KEPT_LIST(struct pod_container, volume_devices, "volumeDevices", &volume_device_schema,    \
                  .merge_key = "devicePath", F_NOT_ENFORCED),                                      \
      F_OPTIONAL(struct pod_container, liveness_probe, "livenessProbe", &probe_schema,             \
                 .doc = "When it fails the container is restarted."),                              \
      F_OPTIONAL(struct pod_container, readiness_probe, "readinessProbe", &probe_schema,           \
                 .doc = "When it fails the Pod gets no traffic."),                                 \
      F_OPTIONAL(struct pod_container, startup_probe, "startupProbe", &probe_schema,               \
                 .doc = "The others wait for it."),                                                \
      F_OPTIONAL(struct pod_container, lifecycle, "lifecycle", &lifecycle_schema),                 \
      F_STRING(struct pod_container, termination_message_path, "terminationMessagePath",           \
               F_NOT_ENFORCED),                                                                    \
      F_STRING(struct pod_container, termination_message_policy, "terminationMessagePolicy",       \
               F_NOT_ENFORCED),                                                                    \
      F_STRING(struct pod_container, image_pull_policy, "imagePullPolicy"),                        \
      F_KEPT_OBJECT(struct pod_container, security_context, "securityContext",                     \
                    &security_context_schema, F_NOT_ENFORCED),                                     \
      F_BOOL(struct pod_container, stdin_, "stdin", F_NOT_ENFORCED),                               \
      F_BOOL(struct pod_container, stdin_once, "stdinOnce", F_NOT_ENFORCED),                       \
      F_BOOL(struct pod_container, tty, "tty", F_NOT_ENFORCED)

static const struct field container_fields[] = {CONTAINER_ROWS};
const struct schema pod_container_schema =
    SCHEMA("Container", struct pod_container, container_fields, .doc = "One process of the Pod.");

static const struct field ephemeral_fields[] = {CONTAINER_ROWS, K_STRING("targetContainerName")};
const struct schema pod_ephemeral_container_schema =
    SCHEMA("EphemeralContainer", struct pod_container, ephemeral_fields);
