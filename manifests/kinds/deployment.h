// SPDX-License-Identifier: Apache-2.0
// apps/v1 Deployment.
#pragma once

#include "manifests/kinds/pod.h"

enum deployment_strategy_type {
  DEPLOYMENT_STRATEGY_UNSET,
  DEPLOYMENT_RECREATE,
  DEPLOYMENT_ROLLING_UPDATE
};
struct deployment_rolling_update {
  struct int_or_string max_unavailable, max_surge; // default 25%
};
struct deployment_strategy {
  enum deployment_strategy_type type; // default RollingUpdate
  struct deployment_rolling_update *rolling_update;
};
struct deployment {
  struct object_meta metadata;
  struct deployment_spec {
    int64_t replicas; // default 1
    struct label_selector selector;
    struct pod_template template_;
    struct deployment_strategy strategy;
    int64_t min_ready_s;            // default 0
    int64_t revision_history_limit; // default 10
    int64_t progress_deadline_s;    // default 600
    bool paused;
  } spec;
  struct deployment_status {
    int64_t observed_generation;
    int64_t replicas, updated_replicas, ready_replicas, available_replicas, unavailable_replicas,
        terminating_replicas;
    struct condition *conditions;
    size_t conditions_count;
    bool has_collision_count;
    int64_t collision_count;
  } status;
};
extern const struct kind_desc deployment_kind;
