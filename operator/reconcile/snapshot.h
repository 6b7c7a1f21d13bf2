// SPDX-License-Identifier: Apache-2.0
// Everything one plan may know: what the API server says, the last judgement and the time. Built
// from raw objects, read by the planner, never changed. Pure.
#pragma once

#include "analysis/verdict.h"
#include "manifests/base/findings.h"
#include "manifests/kinds/rollout.h"
#include "manifests/kinds/rollout_action.h"
#include "operator/reconcile/taken.h"
#include "operator/traffic/router.h"

struct workload { // a Deployment
  const struct json *object;
  struct str name, hash, version;
  int64_t replicas; // wanted by its spec
  int64_t ready;    // ready replicas of the template as it is now
  int64_t serving;  // ready replicas of whatever template
  int64_t pods;     // that exist, as its controller last counted
  bool paused;
};

#define SNAPSHOT_POD_HASH "pod-template-hash" // label that a Deployment's controller puts on Pods

// Workload form: a ReplicaSet of the Deployment that workloadRef names, one for each template that
// it ran.
struct version_set {
  const struct json *object;
  struct str name, pod_hash; // pod_hash: value of the label pod-template-hash of its Pods
  struct str hash, version;  // of its template without that label
  int64_t replicas, pods, ready, available, revision;
};

struct proxy { // one Serin proxy that lives, by its Lease
  struct str name;
  const struct json
      *serving; // "VirtualService/<ns>/<name>": "<resourceVersion>"; NULL: it says nothing
};

struct judgement {
  int64_t at_ms; // 0: none since this process began
  const struct verdict *verdict;
  struct str state; // the judge's memory, for status
  bool has_observed;
  double observed; // canary's share of the requests in percent
  // Requests since the weight that was written at seen_since_ms: of the canary, of both.
  int64_t seen_since_ms;
  double seen_canary, seen_all;
  double phi; // how clustered stable's errors are; 0: not measured
};

struct route_object {
  struct route_ref ref;      // as spec.traffic names it
  const struct json *object; // NULL: absent
};

enum content_state {
  CONTENT_UNKNOWN, // not read yet
  CONTENT_THERE,
  CONTENT_ABSENT,
  CONTENT_DENIED, // the operator has no right to read it
  CONTENT_NO_KEY, // a Secret, and the operator has no key to hash with
};

struct snapshot_content { // a ConfigMap or Secret of the namespace
  struct str kind, name;
  enum content_state state;
  struct str hash; // when it is there
  bool left_out;   // its annotation says so
};

enum notice_outcome { NOTICE_DELIVERED, NOTICE_FAILING, NOTICE_DROPPED };

struct notice_result { // what became of a notice of status
  int64_t number;
  enum notice_outcome outcome;
  struct str message; // why not; empty when delivered
};

struct snapshot {
  int64_t now_ms;
  const struct json *rollout_json;
  const struct rollout *rollout; // as it is to be acted on: taken.h
  enum taken taken;
  const struct findings *findings; // of the Rollout as it is; errors: the spec must not be acted on
  enum rollout_form form;
  struct workload *workloads; // all Deployments of the namespace that this Rollout names or owns
  size_t workloads_count;
  struct version_set *sets; // workload form: of the Deployment
  size_t sets_count;
  bool sets_current; // they are as the Deployment is now; false: they may be older
  const struct snapshot_content *content; // filled in after snapshot_build, by what is needed
  size_t content_count;
  struct route_object routes[ROUTER_REFS_MAX]; // what spec.traffic names, in its order
  size_t routes_count;
  const struct json *const *all_routes; // every object of that kind that may matter
  size_t all_routes_count;
  const struct json *const *services; // of the namespace
  size_t services_count;
  const struct json *rule;         // our DestinationRule; NULL when absent, or routes name Services
  const struct json *const *rules; // of the namespace
  size_t rules_count;
  const struct rollout **rivals; // other Rollouts that name an object that this one names
  size_t rivals_count;
  const struct rollout_action **actions; // of this Rollout, oldest first
  size_t actions_count;
  const struct proxy *proxies;
  size_t proxies_count;
  struct judgement judgement;
  struct str
      foreign_manager; // field manager of the last write to the route that was not ours, when known
  bool notify_default; // the operator tells somebody of Rollouts that name nobody
  const struct notice_result *notices;
  size_t notices_count;
  bool users_are_stamped; // the API server vouches for the users of RolloutActions
  bool first_look;        // the first plan of this Rollout in this process
  bool just_started;      // the process is so young that no judgement can be expected yet
};

struct snapshot_input {
  int64_t now_ms;
  const struct json *rollout;
  const struct json *const *deployments, *const *services, *const *rules, *const *actions;
  size_t deployments_count, services_count, rules_count, actions_count;
  const struct json *const *routes; // of the kind that spec.traffic names, of all namespaces
  size_t routes_count;
  const struct json *const *rivals; // Rollouts
  size_t rivals_count;
  const struct json *const *replica_sets; // workload form; others of the namespace do no harm
  size_t replica_sets_count;
  bool replica_sets_current; // read after the Deployment got its present revision
  const struct proxy *proxies;
  size_t proxies_count;
  struct judgement judgement;
  struct str foreign_manager;
  bool notify_default;
  const struct notice_result *notices;
  size_t notices_count;
  bool first_look, just_started, users_are_stamped;
};

// Keeps pointers into the input, which must live as long as the arena's content is used.
void snapshot_build(const struct snapshot_input *input, struct arena *arena,
                    struct snapshot *ret_snapshot);
// What the wanted template refers to and is tracked (content.h); in `arena`.
struct content_ref *snapshot_content_refs(const struct snapshot *snapshot, struct arena *arena,
                                          size_t *ret_count);
// What snapshot.content should have: these, and copies whose loss would be seen.
struct content_ref *snapshot_content_needed(const struct snapshot *snapshot, struct arena *arena,
                                            size_t *ret_count);
// NULL when it was not looked for.
const struct snapshot_content *snapshot_content_find(const struct snapshot *snapshot,
                                                     struct str kind, struct str name);
// NULL when absent.
const struct json *snapshot_service(const struct snapshot *snapshot, struct str name);
// The Deployment that workloadRef names; NULL in other forms and when it is not there.
const struct workload *snapshot_original(const struct snapshot *snapshot);
const struct workload *snapshot_workload(const struct snapshot *snapshot, struct str name);
// "v1-" and ten letters: of a pod template, without the label that the template form adds itself.
struct str snapshot_template_hash(const struct json *pod_template, struct arena *arena);
// The same of a template that somebody else wrote: also without pod-template-hash and our own mark.
struct str snapshot_declared_hash(const struct json *pod_template, struct arena *arena);
// What people call the version: its label `version`, or its first image's tag, or the hash.
struct str snapshot_template_version(const struct json *pod_template, struct str hash,
                                     struct arena *arena);
// Of a ReplicaSet, without the label that its Deployment's controller put on it: the template of
// the Deployment that it was made from.
struct json *snapshot_set_template(const struct json *set, struct arena *arena);
// The same way of hashing, for any value.
struct str snapshot_hash(const struct json *json, struct arena *arena);
