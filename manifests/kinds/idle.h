// SPDX-License-Identifier: Apache-2.0
// Kinds of Kubernetes that the embedded API server keeps and serves although nothing on a single
// machine acts on them (kind_desc.idle): what people and charts apply beside their Deployments.
#pragma once

#include "manifests/schema/kind.h"

extern const struct kind_desc stateful_set_kind, daemon_set_kind, job_kind, cron_job_kind;
extern const struct kind_desc horizontal_pod_autoscaler_kind, horizontal_pod_autoscaler_v1_kind,
    pod_disruption_budget_kind, resource_quota_kind, persistent_volume_claim_kind,
    priority_class_kind;
extern const struct kind_desc ingress_kind, network_policy_kind;
extern const struct kind_desc service_account_kind, role_kind, role_binding_kind, cluster_role_kind,
    cluster_role_binding_kind;
