// SPDX-License-Identifier: Apache-2.0
// Deployment -> ReplicaSets. Pure. Source: kubernetes pkg/controller/deployment (rolling.go,
// recreate.go, sync.go, progress.go): the same rules for maxSurge and maxUnavailable, revisions,
// history and conditions, so that `kubectl rollout status|history|undo|pause` mean what they mean
// elsewhere. One deviation, towards safety: a pod counts as available only within its ReplicaSet's
// wanted number, so a surplus pod that is about to go is never counted on.
#pragma once

#include "operator/standalone/deploy.h"

// `sets`: the ReplicaSets this Deployment controls; `pods`: the pods those control. *ret_due_ms:
// wall clock of the next look (minReadySeconds, progress deadline), -1: none.
void deploy_rollout_plan(const struct json *deployment, const struct deploy_list *sets,
                         const struct deploy_list *pods, int64_t now_ms,
                         struct deploy_actions *actions, int64_t *ret_due_ms);
