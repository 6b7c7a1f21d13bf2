// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/rest_protobuf_messages.h"

static const struct message_row deployment_spec_rows[] = {
    {1, VALUE_POINTER_INT, "replicas", NULL},
    {2, VALUE_MESSAGE, "selector", &protobuf_selector},
    {3, VALUE_MESSAGE, "template", &protobuf_template},
    {5, VALUE_INT, "minReadySeconds", NULL},
    {6, VALUE_POINTER_INT, "revisionHistoryLimit", NULL},
    {7, VALUE_BOOL, "paused", NULL},
    {9, VALUE_POINTER_INT, "progressDeadlineSeconds", NULL},
};
static const struct message deployment_spec = PROTOBUF_MESSAGE(deployment_spec_rows);

static const struct message_row deployment_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &deployment_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
static const struct message deployment = PROTOBUF_MESSAGE(deployment_rows);

static const struct message_row job_spec_rows[] = {
    {1, VALUE_POINTER_INT, "parallelism", NULL},
    {2, VALUE_POINTER_INT, "completions", NULL},
    {3, VALUE_POINTER_INT, "activeDeadlineSeconds", NULL},
    {4, VALUE_MESSAGE, "selector", &protobuf_selector},
    {5, VALUE_POINTER_BOOL, "manualSelector", NULL},
    {6, VALUE_MESSAGE, "template", &protobuf_template},
    {7, VALUE_POINTER_INT, "backoffLimit", NULL},
    {8, VALUE_POINTER_INT, "ttlSecondsAfterFinished", NULL},
    {9, VALUE_STRING, "completionMode", NULL},
    {10, VALUE_POINTER_BOOL, "suspend", NULL},
    {14, VALUE_STRING, "podReplacementPolicy", NULL},
};
static const struct message job_spec = PROTOBUF_MESSAGE(job_spec_rows);

static const struct message_row job_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &job_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
static const struct message job = PROTOBUF_MESSAGE(job_rows);

static const struct message_row job_template_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &job_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
static const struct message job_template = PROTOBUF_MESSAGE(job_template_rows);

static const struct message_row cron_job_spec_rows[] = {
    {1, VALUE_STRING, "schedule", NULL},
    {2, VALUE_POINTER_INT, "startingDeadlineSeconds", NULL},
    {3, VALUE_STRING, "concurrencyPolicy", NULL},
    {4, VALUE_POINTER_BOOL, "suspend", NULL},
    {5, VALUE_MESSAGE, "jobTemplate", &job_template},
    {6, VALUE_POINTER_INT, "successfulJobsHistoryLimit", NULL},
    {7, VALUE_POINTER_INT, "failedJobsHistoryLimit", NULL},
    {8, VALUE_STRING, "timeZone", NULL},
};
static const struct message cron_job_spec = PROTOBUF_MESSAGE(cron_job_spec_rows);

static const struct message_row cron_job_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &cron_job_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
static const struct message cron_job = PROTOBUF_MESSAGE(cron_job_rows);

static const struct message_row service_port_rows[] = {
    {1, VALUE_STRING, "name", NULL},  {2, VALUE_STRING, "protocol", NULL},
    {3, VALUE_INT, "port", NULL},     {4, VALUE_INT_OR_STRING, "targetPort", NULL},
    {5, VALUE_INT, "nodePort", NULL}, {6, VALUE_STRING, "appProtocol", NULL},
};
static const struct message service_port = PROTOBUF_MESSAGE(service_port_rows);

static const struct message_row service_spec_rows[] = {
    {1, VALUE_MESSAGES, "ports", &service_port}, {2, VALUE_STRING_MAP, "selector", NULL},
    {3, VALUE_STRING, "clusterIP", NULL},        {4, VALUE_STRING, "type", NULL},
    {5, VALUE_STRINGS, "externalIPs", NULL},     {7, VALUE_STRING, "sessionAffinity", NULL},
    {8, VALUE_STRING, "loadBalancerIP", NULL},   {10, VALUE_STRING, "externalName", NULL},
};
static const struct message service_spec = PROTOBUF_MESSAGE(service_spec_rows);

static const struct message_row service_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &service_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
static const struct message service = PROTOBUF_MESSAGE(service_rows);

static const struct message_row backend_port_rows[] = {
    {1, VALUE_STRING, "name", NULL},
    {2, VALUE_INT, "number", NULL},
};
static const struct message backend_port = PROTOBUF_MESSAGE(backend_port_rows);

static const struct message_row service_backend_rows[] = {
    {1, VALUE_STRING, "name", NULL},
    {2, VALUE_MESSAGE, "port", &backend_port},
};
static const struct message service_backend = PROTOBUF_MESSAGE(service_backend_rows);

static const struct message_row ingress_backend_rows[] = {
    {4, VALUE_MESSAGE, "service", &service_backend},
};
static const struct message ingress_backend = PROTOBUF_MESSAGE(ingress_backend_rows);

static const struct message_row ingress_path_rows[] = {
    {1, VALUE_STRING, "path", NULL},
    {2, VALUE_MESSAGE, "backend", &ingress_backend},
    {3, VALUE_STRING, "pathType", NULL},
};
static const struct message ingress_path = PROTOBUF_MESSAGE(ingress_path_rows);

static const struct message_row ingress_http_rows[] = {
    {1, VALUE_MESSAGES, "paths", &ingress_path},
};
static const struct message ingress_http = PROTOBUF_MESSAGE(ingress_http_rows);

static const struct message_row ingress_value_rows[] = {
    {1, VALUE_MESSAGE, "http", &ingress_http},
};
static const struct message ingress_value = PROTOBUF_MESSAGE(ingress_value_rows);

static const struct message_row ingress_rule_rows[] = {
    {1, VALUE_STRING, "host", NULL},
    {2, VALUE_MESSAGE, NULL, &ingress_value},
};
static const struct message ingress_rule = PROTOBUF_MESSAGE(ingress_rule_rows);

static const struct message_row ingress_tls_rows[] = {
    {1, VALUE_STRINGS, "hosts", NULL},
    {2, VALUE_STRING, "secretName", NULL},
};
static const struct message ingress_tls = PROTOBUF_MESSAGE(ingress_tls_rows);

static const struct message_row ingress_spec_rows[] = {
    {1, VALUE_MESSAGE, "defaultBackend", &ingress_backend},
    {2, VALUE_MESSAGES, "tls", &ingress_tls},
    {3, VALUE_MESSAGES, "rules", &ingress_rule},
    {4, VALUE_STRING, "ingressClassName", NULL},
};
static const struct message ingress_spec = PROTOBUF_MESSAGE(ingress_spec_rows);

static const struct message_row ingress_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &ingress_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
static const struct message ingress = PROTOBUF_MESSAGE(ingress_rows);

static const struct message_row namespace_spec_rows[] = {
    {1, VALUE_STRINGS, "finalizers", NULL},
};
static const struct message namespace_spec = PROTOBUF_MESSAGE(namespace_spec_rows);

static const struct message_row namespace_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &namespace_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
static const struct message namespace = PROTOBUF_MESSAGE(namespace_rows);

static const struct message_row config_map_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_STRING_MAP, "data", NULL},
    {3, VALUE_BYTES_MAP, "binaryData", NULL},
    {4, VALUE_POINTER_BOOL, "immutable", NULL},
};
static const struct message config_map = PROTOBUF_MESSAGE(config_map_rows);

static const struct message_row secret_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_BYTES_MAP, "data", NULL},
    {3, VALUE_STRING, "type", NULL},
    {4, VALUE_STRING_MAP, "stringData", NULL},
    {5, VALUE_POINTER_BOOL, "immutable", NULL},
};
static const struct message secret = PROTOBUF_MESSAGE(secret_rows);

static const struct message_row scope_term_rows[] = {
    {1, VALUE_STRING, "scopeName", NULL},
    {2, VALUE_STRING, "operator", NULL},
    {3, VALUE_STRINGS, "values", NULL},
};
static const struct message scope_term = PROTOBUF_MESSAGE(scope_term_rows);

static const struct message_row scope_selector_rows[] = {
    {1, VALUE_MESSAGES, "matchExpressions", &scope_term},
};
static const struct message scope_selector = PROTOBUF_MESSAGE(scope_selector_rows);

static const struct message_row quota_spec_rows[] = {
    {1, VALUE_QUANTITY_MAP, "hard", NULL},
    {2, VALUE_STRINGS, "scopes", NULL},
    {3, VALUE_MESSAGE, "scopeSelector", &scope_selector},
};
static const struct message quota_spec = PROTOBUF_MESSAGE(quota_spec_rows);

static const struct message_row quota_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &quota_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
static const struct message quota = PROTOBUF_MESSAGE(quota_rows);

static const struct message_row budget_spec_rows[] = {
    {1, VALUE_POINTER_INT_OR_STRING, "minAvailable", NULL},
    {2, VALUE_MESSAGE, "selector", &protobuf_selector},
    {3, VALUE_POINTER_INT_OR_STRING, "maxUnavailable", NULL},
    {4, VALUE_STRING, "unhealthyPodEvictionPolicy", NULL},
};
static const struct message budget_spec = PROTOBUF_MESSAGE(budget_spec_rows);

static const struct message_row budget_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &budget_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
static const struct message budget = PROTOBUF_MESSAGE(budget_rows);

static const struct message_row priority_class_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta}, {2, VALUE_INT, "value", NULL},
    {3, VALUE_BOOL, "globalDefault", NULL},         {4, VALUE_STRING, "description", NULL},
    {5, VALUE_STRING, "preemptionPolicy", NULL},
};
static const struct message priority_class = PROTOBUF_MESSAGE(priority_class_rows);

static const struct message_row scale_target_rows[] = {
    {1, VALUE_STRING, "kind", NULL},
    {2, VALUE_STRING, "name", NULL},
    {3, VALUE_STRING, "apiVersion", NULL},
};
static const struct message scale_target = PROTOBUF_MESSAGE(scale_target_rows);

static const struct message_row scaler_v1_spec_rows[] = {
    {1, VALUE_MESSAGE, "scaleTargetRef", &scale_target},
    {2, VALUE_POINTER_INT, "minReplicas", NULL},
    {3, VALUE_INT, "maxReplicas", NULL},
    {4, VALUE_POINTER_INT, "targetCPUUtilizationPercentage", NULL},
};
static const struct message scaler_v1_spec = PROTOBUF_MESSAGE(scaler_v1_spec_rows);

static const struct message_row scaler_v1_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &scaler_v1_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
static const struct message scaler_v1 = PROTOBUF_MESSAGE(scaler_v1_rows);

static const struct message_row metric_target_rows[] = {
    {1, VALUE_STRING, "type", NULL},
    {2, VALUE_QUANTITY, "value", NULL},
    {3, VALUE_QUANTITY, "averageValue", NULL},
    {4, VALUE_POINTER_INT, "averageUtilization", NULL},
};
static const struct message metric_target = PROTOBUF_MESSAGE(metric_target_rows);

static const struct message_row metric_resource_rows[] = {
    {1, VALUE_STRING, "name", NULL},
    {2, VALUE_MESSAGE, "target", &metric_target},
};
static const struct message metric_resource = PROTOBUF_MESSAGE(metric_resource_rows);

static const struct message_row metric_rows[] = {
    {1, VALUE_STRING, "type", NULL},
    {4, VALUE_MESSAGE, "resource", &metric_resource},
};
static const struct message metric = PROTOBUF_MESSAGE(metric_rows);

static const struct message_row scaler_v2_spec_rows[] = {
    {1, VALUE_MESSAGE, "scaleTargetRef", &scale_target},
    {2, VALUE_POINTER_INT, "minReplicas", NULL},
    {3, VALUE_INT, "maxReplicas", NULL},
    {4, VALUE_MESSAGES, "metrics", &metric},
};
static const struct message scaler_v2_spec = PROTOBUF_MESSAGE(scaler_v2_spec_rows);

static const struct message_row scaler_v2_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &scaler_v2_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
static const struct message scaler_v2 = PROTOBUF_MESSAGE(scaler_v2_rows);

static const struct message_row object_reference_rows[] = {
    {1, VALUE_STRING, "kind", NULL},       {2, VALUE_STRING, "namespace", NULL},
    {3, VALUE_STRING, "name", NULL},       {4, VALUE_STRING, "uid", NULL},
    {5, VALUE_STRING, "apiVersion", NULL},
};
static const struct message object_reference = PROTOBUF_MESSAGE(object_reference_rows);

static const struct message_row account_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGES, "secrets", &object_reference},
    {3, VALUE_MESSAGES, "imagePullSecrets", &protobuf_local},
    {4, VALUE_POINTER_BOOL, "automountServiceAccountToken", NULL},
};
static const struct message account = PROTOBUF_MESSAGE(account_rows);

static const struct {
  const char *api_version; // "": any
  const char *kind;
  const struct message *message;
} kinds[] = {
    {"", "Deployment", &deployment},
    {"", "Job", &job},
    {"", "CronJob", &cron_job},
    {"", "Service", &service},
    {"", "Ingress", &ingress},
    {"", "Namespace", &namespace},
    {"", "ConfigMap", &config_map},
    {"", "Secret", &secret},
    {"", "ResourceQuota", &quota},
    {"", "PodDisruptionBudget", &budget},
    {"", "PriorityClass", &priority_class},
    {"autoscaling/v1", "HorizontalPodAutoscaler", &scaler_v1},
    {"autoscaling/v2", "HorizontalPodAutoscaler", &scaler_v2},
    {"", "ServiceAccount", &account},
    {"", "Role", &protobuf_role},
    {"", "ClusterRole", &protobuf_cluster_role},
    {"", "RoleBinding", &protobuf_binding},
    {"", "ClusterRoleBinding", &protobuf_binding},
    {"", "SelfSubjectAccessReview", &protobuf_access},
    {"", "SelfSubjectRulesReview", &protobuf_rules},
    {"", "SelfSubjectReview", &protobuf_self},
};

const struct message *protobuf_message(struct str api_version, struct str kind) {
  for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
    if (str_eq_z(kind, kinds[i].kind) &&
        (!kinds[i].api_version[0] || str_eq_z(api_version, kinds[i].api_version)))
      return kinds[i].message;
  return NULL;
}
