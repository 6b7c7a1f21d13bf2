// SPDX-License-Identifier: Apache-2.0
// What the two halves of the Deployment controller share. Not for others.
#pragma once

#include "operator/standalone/deploy.h"

// One ReplicaSet with what its pods say.
struct rollout_set {
  const struct json *json;
  struct str name;
  int64_t replicas; // wanted now
  int64_t wanted;   // wanted after this pass
  int64_t pods, ready, available;
  int64_t revision;
};

struct rollout {
  const struct json *deployment;
  struct deploy_actions *actions;
  struct arena *arena;
  struct str ns;
  int64_t now_ms, due_ms;
  int64_t replicas, max_surge, max_unavailable, min_ready_s, generation;
  bool recreate, paused;
  struct rollout_set *sets; // oldest first
  size_t count;
  struct rollout_set *fresh; // the one whose template is the Deployment's; NULL when there is none
  struct json *template_;
  struct str fresh_name;
  int64_t fresh_revision;
  bool created;
};

// deploy_status.c: adds the write of the Deployment's status where it differs, and may bring due_ms
// forward.
void deploy_status_plan(struct rollout *r);

static inline int64_t rollout_number(const struct json *object, const char *path,
                                     int64_t fallback) {
  return json_int(json_path(object, path), fallback);
}

static inline void rollout_sooner(int64_t *due_ms, int64_t at_ms) {
  if (at_ms >= 0 && (*due_ms < 0 || at_ms < *due_ms))
    *due_ms = at_ms;
}
