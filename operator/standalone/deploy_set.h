// SPDX-License-Identifier: Apache-2.0
// ReplicaSet -> Pods. Pure. Source: kubernetes pkg/controller/replicaset, controller.ActivePods.
#pragma once

#include "operator/standalone/deploy.h"

#define DEPLOY_BURST 50 // pods created or deleted in one pass

// `pods`: those this ReplicaSet controls. Surplus pods go in Kubernetes' order: not ready before
// ready, more restarts before fewer, younger before older. *ret_due_ms: wall clock of the next
// look, -1: none.
void deploy_set_plan(const struct json *set, const struct deploy_list *pods, struct str node_name,
                     int64_t now_ms, struct rng *rng, struct deploy_actions *actions,
                     int64_t *ret_due_ms);
