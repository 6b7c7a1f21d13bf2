// SPDX-License-Identifier: Apache-2.0
// What the planner's files share: one pass over one Rollout. Private to operator/reconcile.
#pragma once

#include "operator/reconcile/leaving.h"
#include "operator/reconcile/plan.h"

#define PASS_ACK_MS 30000    // how long a step waits to be verified
#define PASS_RETIRE_MS 30000 // how long a failed canary stays warm
#define PASS_DRAIN_MS 5000   // in-flight requests of a version that lost its last weight, at least
#define PASS_DRAIN_MAX_MS 60000 // a longer route timeout is not waited for
#define PASS_AWAY_MS 10000      // how long Prometheus may be away before status holds
#define PASS_SHORT_MS 10000 // how long too few canary replicas are borne before the weight follows

struct pass {
  const struct snapshot *snap;
  const struct rollout_spec *spec;
  struct arena *arena;
  struct plan *plan;
  struct rollout_status *status; // as it will be; starts as a copy of what is
  int64_t now;
  int64_t wake;                // earliest time to plan again; PLAN_NEVER
  bool again;                  // status asks for something new: plan again at once
  bool hands_off;              // a person keeps us off a route or the rule
  bool keeps_route;            // what is asked is not written in this pass
  struct content_now *content; // plan_content.c; NULL: this form has none
  bool leaving;                // the Rollout is being deleted, or takes another form
  bool has_split;           // `split` holds: there is a route, and what its destinations are called
  struct route_split split; // of all our routes together, as they are
  struct route_split splits[ROUTER_REFS_MAX]; // of each object that is there
  size_t first_decision;                      // decisions from here on are new
  const char *stalled;                        // reason of condition Stalled; NULL: not stalled
  struct str stalled_message;
  struct str ready_reason, ready_message; // of condition Ready when it is False; empty: by phase
};

// --- actions and words (pass.c)
void pass_act(struct pass *pass, enum plan_action_kind kind, struct str name,
              const struct json *body, struct str why);
void pass_wake(struct pass *pass, int64_t at_ms);
struct str pass_text(struct pass *pass, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// One line of the decision log, which is one event, too. time and number are filled in.
void pass_decide(struct pass *pass, struct rollout_decision decision);
// What the release waits for, and until when at the latest (0: the progress deadline).
void pass_wait(struct pass *pass, enum rollout_phase phase, const char *reason, int64_t deadline,
               struct str what);
void pass_stall(struct pass *pass, const char *reason, struct str message);
void pass_events(struct pass *pass); // events of the new decisions
// At the first look only: those that are in status and may never have been told.
void pass_events_lost(struct pass *pass);

// --- what is there (pass.c)
const struct workload *pass_workload(const struct pass *pass, struct str name);
bool pass_in_release(const struct pass *pass);
int64_t pass_asked(const struct pass *pass);               // canary's parts, from status
struct str pass_percent(struct pass *pass, int64_t parts); // "12.5"
int64_t pass_progress_deadline(const struct pass *pass);
void pass_progress(struct pass *pass);      // something moved
struct json *pass_owner(struct pass *pass); // ownerReferences of what this Rollout makes

// --- the route (plan_traffic.c)
void traffic_load(struct pass *pass);
// For the object snap->routes[index], which must be there.
struct route_target traffic_target(const struct pass *pass, size_t index);
struct json *traffic_patch(const struct pass *pass, size_t index, int64_t parts);
bool traffic_is_all_on(struct pass *pass, struct str name); // no other version gets anything
bool traffic_is_there(const struct pass *pass); // any route, and what its destinations are called
// Asks for a weight, in status; traffic_write brings it into the route: less at once, more in the
// next pass.
void traffic_ask(struct pass *pass, int64_t parts);
void traffic_write(struct pass *pass);               // once, at the end of a pass
bool traffic_is_written(const struct pass *pass);    // the route is as asked
bool traffic_names_nothing(const struct pass *pass); // no route has anything of ours in it
int64_t traffic_drain_ms(const struct pass *pass);
const char *traffic_problem(struct pass *pass, struct str *ret_message); // NULL: none

// --- in force (plan_verify.c)
// Moves weight.writtenAt, acknowledged and verifiedAt on.
void traffic_verify(struct pass *pass);
bool traffic_is_known(const struct pass *pass); // nobody lags behind routes and rule as they are
bool traffic_is_verified(const struct pass *pass);
struct str traffic_awaited(struct pass *pass); // what verification waits for, in words

// --- what routes call a version (plan_version.c): a subset of the DestinationRule, or a Service
// Plans the subset with `labels`, or a Service like the user's that selects them, too, where it is
// not so already. Only where versions are ours to name: not for a pair.
void traffic_version_add(struct pass *pass, struct str name, const struct json *labels);
bool traffic_version_exists(const struct pass *pass, struct str name);
// Plans to remove what we made; false: it is not there any more (or not ours).
bool traffic_version_remove(struct pass *pass, struct str name);
// The same where a version is left of another form: also when this one has none of ours.
bool traffic_version_drop(struct pass *pass, struct str name);
// NULL: what routes call it is there.
const char *traffic_version_problem(struct pass *pass, const struct rollout_identity *identity,
                                    struct str *ret_message);

// --- other Rollouts (plan_claims.c)
// An older Rollout that drives one of our routes or Deployments; NULL: none. Then nothing moves.
const char *claims_problem(struct pass *pass, struct str *ret_message);

// --- workloads (plan_workload.c)
void workload_names(struct pass *pass, struct str hash, struct rollout_identity *identity);
struct rollout_identity *identity_dup(struct pass *pass, const struct rollout_identity *identity);
bool identity_equal(const struct rollout_identity *a, const struct rollout_identity *b);
// The version the spec asks for; false when it cannot be told (the Deployment is not there).
bool workload_wanted(struct pass *pass, struct rollout_identity *ret_wanted);
void workload_create(struct pass *pass, const struct rollout_identity *identity, int64_t replicas);
void workload_scale(struct pass *pass, struct str name, int64_t replicas, const char *why);
void workload_retire(struct pass *pass, const struct rollout_identity *identity, int64_t replicas,
                     int64_t at);
void workload_retired(struct pass *pass); // does what is due
void workload_keep(
    struct pass *pass); // template form: the stable has at least what spec.replicas says
void workload_count(struct pass *pass); // template form: for the scale subresource
void workload_prune(struct pass *pass); // template form: more versions than are to be kept
int64_t workload_stable_replicas(const struct pass *pass);
// Plans what routes call this version (template and workload form).
void workload_name_add(struct pass *pass, const struct rollout_identity *identity);

void workload_delete(struct pass *pass, const struct workload *w, const char *why);

// --- content of ConfigMaps and Secrets (plan_content.c)
// First of all in a pass. Also records, of versions that run what there is, what nobody recorded.
void content_load(struct pass *pass);
bool content_is_known(const struct pass *pass); // everything was read
// Fills hash, template_hash and content: of a version that is known where it is that one. False
// when it cannot be told, or cannot be made: content_wait says why.
bool content_name(struct pass *pass, struct rollout_identity *wanted);
void content_wait(struct pass *pass);
// Whether the version runs the wanted template with the content of now, as far as is known.
bool content_is_of(const struct pass *pass, const struct rollout_identity *identity);
// "ConfigMap a": whose content is another; empty: the template alone, or nothing, changed.
struct str content_changed(struct pass *pass, const struct rollout_identity *from,
                           const struct rollout_identity *to);
// Tells where the stable's pods read what changed.
void content_warn(struct pass *pass, const struct rollout_identity *stable,
                  const struct rollout_identity *canary);
// The pod template of the version; NULL when the declared one is another by now.
const struct json *content_template(struct pass *pass, const struct rollout_identity *identity);
void content_tell(struct pass *pass); // condition ContentTracked
// --- and its copies (plan_copies.c)
// Plans the version's copies; false: there is no such content any more.
bool content_copy(struct pass *pass, const struct rollout_identity *identity);
void content_drop(struct pass *pass, const struct workload *w); // the version's copies go with it
// Makes copies again that somebody deleted; words when one cannot be. Empty: all are there.
struct str content_lost(struct pass *pass);

// --- the Deployment of the workload form (plan_original.c, plan_adopt.c, plan_handback.c)
const struct workload *original_of(const struct pass *pass); // NULL: not there, or another form
bool original_is(const struct pass *pass, const struct rollout_identity *identity);
// Its ReplicaSet that routes call by the identity's subset; NULL when absent.
const struct version_set *original_set(const struct pass *pass, struct str subset);
const struct version_set *original_serving_set(const struct pass *pass); // most of its Pods run it
struct rollout_identity original_identity(struct pass *pass, const struct workload *original,
                                          const struct version_set *set);
// The labels that tell the Pods of a version from all others; NULL while they are not known.
const struct json *original_labels(struct pass *pass, const struct rollout_identity *identity);
struct rollout_workload_status *original_status(struct pass *pass); // to be changed
// With a revision: only on the object that was looked at.
const struct json *original_pause_patch(struct pass *pass, bool paused, struct str revision);
void original_retire(struct pass *pass, struct str deployment, struct str subset, int64_t at);
bool original_is_bare(const struct pass *pass);    // routes are to be as they were found
bool original_can_name(const struct pass *pass);   // what routes call the stable is there
bool original_may_create(const struct pass *pass); // no request reaches the canary by accident
void original_watch(struct pass *pass); // keeps it paused; sees what it runs, and what is left over
void original_consider(struct pass *pass); // no release runs: adopts, or starts one
void original_pin(struct pass *pass);      // a release begins: routes are to name the stable
void original_tidy(struct pass *pass);     // between releases: routes as they were found
bool original_promote(struct pass *pass);  // the release ends well; false: another form
// The Deployment rolls to the released version without traffic and takes it over; true when done.
bool handback_run(struct pass *pass);
bool handback_may_roll(struct pass *pass); // now, by what status said before this pass
// Whether the original is about to run another ReplicaSet by our own doing.
bool handback_expects_change(const struct pass *pass);

// --- capacity (plan_capacity.c)
int64_t capacity_need(const struct pass *pass, int64_t parts); // canary replicas
void capacity_scale(struct pass *pass);                        // up to what is asked or asked next
struct str capacity_words(struct pass *pass); // to append: who is in the way of that; mostly empty
// Whether the canary has what the current step needs.
bool capacity_deployed(const struct pass *pass, int64_t *ret_ready, int64_t *ret_wanted);
bool capacity_allows(struct pass *pass, int64_t parts);
void capacity_watch(struct pass *pass); // lowers the weight when the canary cannot carry it

// --- releases (plan_consider.c, plan_release.c, plan_steps.c, plan_rollback.c, plan_first.c,
// plan_idle.c)
void release_consider(struct pass *pass); // none runs: starts one, or adopts what serves
// A version that comes back keeps its revision.
int64_t release_revision(struct pass *pass, const struct rollout_identity *identity);
void release_begin(struct pass *pass, const struct rollout_identity *stable,
                   const struct rollout_identity *canary);
bool release_gives_way(
    struct pass *pass); // true when the running release makes room for a newer one
void release_finish(struct pass *pass, const char *result);
struct str release_spec_hash(struct pass *pass);
bool release_is_failed(struct pass *pass, const struct rollout_identity *canary);
void steps_enter(struct pass *pass, int64_t index);
void steps_run(struct pass *pass);
void judge_take(struct pass *pass);
// Acts on a bad verdict; true when the release goes back or is held by it.
bool judge_stops(struct pass *pass);
enum decision judge_decide(const struct pass *pass, bool time_is_up);
void rollback_begin(struct pass *pass, const char *result, const char *reason, struct str message,
                    struct str who);
void rollback_run(struct pass *pass);
void first_run(struct pass *pass);
void idle_run(struct pass *pass);
void verbs_run(struct pass *pass);
void rollout_run(struct pass *pass);      // the world as asked, then what is asked next
void rollout_conclude(struct pass *pass); // status and what follows from it

// --- the Rollout goes (plan_leave.c)
void delete_run(struct pass *pass);
bool finalizer_is_there(const struct pass *pass);
void finalizer_add(struct pass *pass);
void finalizer_remove(struct pass *pass, struct str why);
// Workload form: the Deployment may roll to a template that was not released.
bool leaving_rolls(const struct pass *pass);
void leaving_put_back(struct pass *pass, const struct workload *original);
bool leaving_has_left(const struct pass *pass); // traffic, canary and routes are as they were found
// What becomes of the Deployment of workloadRef; without patch: nothing is to do.
struct leaving_plan leaving_plan(struct pass *pass);
void leaving_do(struct pass *pass, const struct leaving_plan *plan);
void leaving_tell(struct pass *pass, const struct leaving_plan *plan);
#define LEAVE_MAX_MS (10 * 60 * 1000)

// --- the Rollout takes another form (plan_switch.c)
void switch_run(struct pass *pass);      // instead of rollout_run
void switch_remember(struct pass *pass); // what spec names, into status
// What serves in the form before goes when it has no traffic any more.
void former_run(struct pass *pass);
bool former_has(const struct pass *pass,
                struct str name); // made in the form before, and still there
// --- what is told
void conditions_run(struct pass *pass);
void notice_run(struct pass *pass); // what people are to be told, into status (notice.c)
void condition_set(struct pass *pass, const char *type, enum rollout_condition_status status,
                   const char *reason, struct str message);
