// SPDX-License-Identifier: Apache-2.0
// The words the three controllers of the single machine share (deploy_rollout: Deployment ->
// ReplicaSets, deploy_set: ReplicaSet -> Pods, deploy_slice: Service + Pods -> EndpointSlices).
// Each is a pure function from what the API says now to what should be written; nothing is
// remembered between two calls, so a crash anywhere is harmless. The runtime calls one again only
// after it has seen its own earlier writes.
#pragma once

#include "manifests/base/rng.h"
#include "manifests/text/json.h"

#define DEPLOY_HASH_LABEL "pod-template-hash"
#define DEPLOY_REVISION "deployment.kubernetes.io/revision"
#define DEPLOY_DESIRED "deployment.kubernetes.io/desired-replicas"
#define DEPLOY_MAX "deployment.kubernetes.io/max-replicas"

enum deploy_verb {
  DEPLOY_CREATE, // body: the object
  DEPLOY_PATCH,  // body: a merge patch
  DEPLOY_STATUS, // body: a merge patch of the status subresource
  DEPLOY_DELETE,
  DEPLOY_EVENT, // reason, message, about `name`
};

struct deploy_action {
  enum deploy_verb verb;
  const char *kind; // Deployment ReplicaSet Pod EndpointSlice
  struct str ns, name;
  struct json *body;
  bool warning;
  const char *reason;
  struct str message;
};

struct deploy_actions {
  struct arena *arena;
  struct deploy_action *items;
  size_t count, capacity;
};

// Objects of one kind, borrowed.
struct deploy_list {
  const struct json **items;
  size_t count, capacity;
};

void deploy_add(struct deploy_actions *actions, struct deploy_action action);
void deploy_list_add(struct deploy_list *list, struct arena *arena, const struct json *object);
void deploy_event(struct deploy_actions *actions, const char *kind, const struct json *object,
                  bool warning, const char *reason, struct str message);

struct str deploy_uid(const struct json *object);
bool deploy_is_deleting(const struct json *object);
// The uid of the owner with controller: true; STR_NULL when there is none.
struct str deploy_controller(const struct json *object);
struct json *deploy_owner(struct arena *arena, const struct json *owner, const char *api_version,
                          const char *kind);
// Neither deleted nor ended.
bool deploy_pod_is_active(const struct json *pod);
bool deploy_pod_is_ready(const struct json *pod);
// Ready since at least min_ready_s. *ret_due_ms (wall clock): when it will be, -1 when that is not
// a matter of time.
bool deploy_pod_is_available(const struct json *pod, int64_t min_ready_s, int64_t now_ms,
                             int64_t *ret_due_ms);
// "25%" of `total`, rounded up or down, or a plain number; `fallback` when absent.
int64_t deploy_share(const struct json *value, int64_t total, bool up, const char *fallback);
// The condition of that type in status.conditions, or NULL.
const struct json *deploy_condition(const struct json *object, const char *type);
// As `kubectl` and everybody else read them: type, status, reason, message, both times.
struct json *deploy_condition_new(struct arena *arena, const char *type, bool value,
                                  const char *reason, struct str message, struct str since,
                                  struct str updated);
// Ten characters of the alphabet Kubernetes uses for such names, from the canonical form of a
// template.
struct str deploy_hash(const struct json *json, struct arena *arena);
// Five random ones.
struct str deploy_suffix(struct rng *rng, struct arena *arena);
