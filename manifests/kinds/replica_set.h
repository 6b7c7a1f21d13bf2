// SPDX-License-Identifier: Apache-2.0
// apps/v1 ReplicaSet.
#pragma once

#include "manifests/kinds/pod.h"

struct replica_set {
  struct object_meta metadata;
  struct replica_set_spec {
    int64_t replicas; // default 1
    int64_t min_ready_s;
    struct label_selector selector;
    struct pod_template template_;
  } spec;
  struct replica_set_status {
    int64_t observed_generation;
    int64_t replicas, fully_labeled_replicas, ready_replicas, available_replicas,
        terminating_replicas;
    struct condition *conditions;
    size_t conditions_count;
  } status;
};
extern const struct kind_desc replica_set_kind;
