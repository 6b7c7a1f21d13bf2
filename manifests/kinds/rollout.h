// SPDX-License-Identifier: Apache-2.0
// Rollout (serin.dev/v1alpha1): what is released, through which route, in which steps and judged by
// what; and, in status, where the release stands. Structs and tables only: how a release moves is
// operator/reconcile. Read by the operator, the CLI, the API server and the analysis.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/kinds/rollout_analysis.h"
#include "manifests/kinds/rollout_traffic.h"
#include "manifests/kinds/rollout_notification.h"
#include "manifests/schema/kind.h"

#define ROLLOUT_FINALIZER "serin.dev/traffic" // on a Rollout while a release may have moved traffic
#define ROLLOUT_HANDS_OFF                                                                          \
  "serin.dev/hands-off" // annotation of a route object: "true" = look on only
#define ROLLOUT_HASH_LABEL                                                                         \
  "serin.dev/template-hash" // template form: on the Deployments and Pods of a version
#define ROLLOUT_OWNER_LABEL "serin.dev/rollout" // template form: on the Deployments of a Rollout
#define ROLLOUT_CONTENT "serin.dev/content"     // on the Deployment of a version: what it keeps
#define ROLLOUT_CONTENT_MARK                                                                       \
  "serin.dev/content-hash" // on kept copies; workload form: in the Deployment's pod template
#define ROLLOUT_COPY_OF "serin.dev/copy-of"                 // on kept copies: of what
#define ROLLOUT_CONFIG_TRACKING "serin.dev/config-tracking" // on ConfigMap, Secret: "disabled"
#define ROLLOUT_PAUSED_FOR                                                                         \
  "serin.dev/paused-for" // workload form: annotation of the Deployment that we paused
#define ROLLOUT_LEFT_PAUSED "serin.dev/left-paused" // and why it was left so when the Rollout went
#define ROLLOUT_FULL 10000                          // weights are parts of this
#define ROLLOUT_HISTORY_MAX 10
#define ROLLOUT_DECISIONS_MAX 20
#define ROLLOUT_HANDLED_MAX 20

// --- spec ---

struct rollout_version_ref { // pair form
  struct str deployment;
  struct str subset; // empty with httpRoute and grpcRoute, which name Services
};

// What becomes of a Deployment whose template was not released when its Rollout goes.
enum rollout_on_delete {
  ROLLOUT_ON_DELETE_KEEP_PAUSED = 1,
  ROLLOUT_ON_DELETE_PUT_BACK,
  ROLLOUT_ON_DELETE_ROLL,
};

struct rollout_workload_ref { // workload form
  struct str api_version, kind, name;
  enum rollout_on_delete on_delete;
};

enum rollout_decommission {
  ROLLOUT_DECOMMISSION_SCALE_DOWN = 1,
  ROLLOUT_DECOMMISSION_DELETE,
  ROLLOUT_DECOMMISSION_NONE,
};

struct rollout_deploy_step {
  struct int_or_string replicas; // "proportional", N or "N%"; absent: proportional
  int64_t timeout_ms;
};
struct rollout_monitor_step {
  int64_t duration_ms;
  int64_t min_ms;
};
struct rollout_pause_step {
  bool has_duration_ms; // false: until promoted
  int64_t duration_ms;
};
struct rollout_decommission_step {
  enum rollout_decommission action;
};

// Exactly one member is given; rollout_step_kind says which.
struct rollout_step {
  struct rollout_deploy_step *deploy;
  bool has_set_weight;
  double set_weight; // percent, at most two decimals; rollout_step_parts
  struct rollout_monitor_step *monitor;
  struct rollout_pause_step *pause;
  struct rollout_decommission_step *decommission;
  const struct json *set_header_route; // refused until a later version
  const struct json *set_mirror;       // refused until a later version
};

enum rollout_step_kind {
  ROLLOUT_STEP_NONE,
  ROLLOUT_STEP_DEPLOY,
  ROLLOUT_STEP_SET_WEIGHT,
  ROLLOUT_STEP_MONITOR,
  ROLLOUT_STEP_PAUSE,
  ROLLOUT_STEP_DECOMMISSION,
};

enum rollout_on_new_revision { ROLLOUT_SUPERSEDE = 1, ROLLOUT_QUEUE };

// Whose content is part of a version, of what its pod template refers to.
enum rollout_config_tracking {
  ROLLOUT_TRACK_CONFIG_MAPS = 1,
  ROLLOUT_TRACK_ALL, // Secrets, too
  ROLLOUT_TRACK_NONE,
};

struct rollout_spec {
  struct rollout_version_ref *stable, *canary; // pair form
  bool has_replicas;                           // template form
  int64_t replicas;
  int64_t revision_history_limit;
  const struct json *selector; // LabelSelector; matchLabels only
  const struct json *pod_template;
  enum rollout_config_tracking config_tracking; // template and workload form
  struct rollout_workload_ref *workload_ref;    // workload form
  struct rollout_traffic traffic;
  struct rollout_step *steps; // never empty after decoding: the default steps
  size_t steps_count;
  struct rollout_analysis analysis;
  int64_t progress_deadline_ms;
  enum rollout_on_failure on_deadline;
  enum rollout_on_new_revision on_new_revision;
  struct rollout_notification *notifications; // none: the operator's default, if it has one
  size_t notifications_count;
  bool suspend;
};

// --- status ---

enum rollout_phase {
  ROLLOUT_PHASE_NONE,
  ROLLOUT_PENDING,         // a new version is declared; something it needs is missing
  ROLLOUT_DEPLOYING,       // the canary's replicas come up, without traffic
  ROLLOUT_PROGRESSING,     //
  ROLLOUT_PAUSED,          // by a step or by a person
  ROLLOUT_HOLDING,         // the judge gives no answer, or a bad one under onFailure: hold
  ROLLOUT_ROLLING_BACK,    // the canary's traffic is taken away
  ROLLOUT_DECOMMISSIONING, // the old version goes
  ROLLOUT_HEALTHY,         // the last release is done
  ROLLOUT_ROLLED_BACK,     // the last release was put back by us
  ROLLOUT_ABORTED,         // the last release was put back by a person
  ROLLOUT_DEGRADED, // no release runs, and what serves is not healthy (or the spec is invalid)
};

struct rollout_step_status {
  int64_t index;   // from 0; steps_count when all steps are done
  struct str name; // deploy setWeight monitor pause decommission; rollback, wait, done outside of
                   // the steps
  int64_t started_at, verified_at, deadline; // 0: not yet, none
  struct str waiting_for;                    // "2m10s of monitoring"; empty: nothing
};

struct rollout_weight_status {
  struct str canary, stable; // asked, in percent: "10", "0.1"
  struct str observed;       // canary's share of the requests as measured; empty: not measured
  struct str acknowledged;   // "1/2": proxies that serve the asked weight; empty: no proxy tells
  int64_t written_at;  // when the operator saw the asked weight in the route for the first time; 0:
                       // not yet
  struct str revision; // resourceVersion of the route object then
  int64_t verified_at; // in force as far as anybody can tell; the step's counts start here
};

enum rollout_verdict { ROLLOUT_PASS = 1, ROLLOUT_FAIL, ROLLOUT_INSUFFICIENT };

struct rollout_metric_status {
  struct str name;
  struct str canary, stable, limit; // with unit: "0.4%", "212ms"; empty: not known
  int64_t requests, bad;            // canary's, behind the verdict
  // Sequential judge: 95 % intervals ("0.61%..1.38%"), what is tolerated beside this stable, and
  // evidence in decades: against the canary and for it, had and needed. Empty: not known.
  struct str canary_interval, stable_interval, tolerated;
  struct str evidence, evidence_need, pass_evidence, pass_need;
  enum rollout_verdict verdict;
  struct str reason;
};

enum rollout_condition_status { ROLLOUT_TRUE = 1, ROLLOUT_FALSE, ROLLOUT_UNKNOWN };

struct rollout_condition {
  struct str type;
  enum rollout_condition_status status;
  struct str reason, message;
  int64_t last_transition_time;
  int64_t observed_generation;
};

// What a version takes from a ConfigMap or a Secret.
struct rollout_content {
  struct str kind, name;
  struct str
      hash; // of the content; of a Secret's keyed. "absent": an optional one that is not there
  struct str copy; // what its pods read: a copy that never changes; empty: the object itself
};

// One version of the service.
struct rollout_identity {
  struct str deployment;
  struct str subset;  // what routes call it: a subset of the DestinationRule, or a Service
  struct str hash;    // of the pod template, "v1-" and 10 letters; v1 names the way of hashing
  int64_t revision;   // counts versions of this Rollout from 1
  int64_t replicas;   // what the manifest asked for when the release began (scaled-down versions go
                      // back to it)
  struct str version; // for people: image tags, or the label `version`
  // Template and workload form. The template as it was declared, where `hash` is of another: with
  // the names of copies in it, or with a mark of its content. Empty: the same.
  struct str template_hash;
  struct rollout_content *content;
  size_t content_count;
};

struct rollout_release {
  struct str id;  // "<canary hash>-<number>"; changes with every attempt
  int64_t number; // counts attempts from 1
  int64_t started_at;
  int64_t traffic_at; // first time the canary got traffic; 0: not yet
  struct str
      spec_hash; // of what a failed release is tied to besides the canary: traffic, steps, analysis
  bool full;     // promoted with --full: straight to 100, and bake
  bool accepted; // a person promoted it in spite of a failing judge under onFailure: hold
  bool first;    // template form: nothing was served before; no steps
  struct str result;  // while RollingBack: what it will be (RolledBack, Aborted, Superseded)
  struct str reason;  // machine-readable: AnalysisFailed, Aborted, DeployTimeout, ...
  struct str message; // with the numbers
  struct str who;     // person behind it; empty: the operator
  struct str changed; // "ConfigMap settings": what began it; empty: the template alone
  int64_t clean_at;   // when the failed canary is scaled down; 0: not at all
  // Pair form: the most replicas that a weight needed and the canary had. From when somebody took
  // such ones back (1) they are counted that are asked for again; and when last.
  int64_t had_replicas, asked_again, asked_again_at;
};

struct rollout_history {
  int64_t revision;
  struct str version, deployment, hash;
  struct str result; // Promoted, RolledBack, Aborted, Superseded
  struct str reason, message;
  struct str changed; // as in the release
  int64_t when, duration_ms;
  struct str who; // empty: the operator
};

// One line of `serin explain`.
struct rollout_decision {
  int64_t time;
  int64_t number; // counts decisions of this Rollout; names its event
  bool warning;
  struct str reason; // CamelCase, as in events: StepCompleted, WeightSet, RolledBack
  struct str asked, measured, bound, verdict; // any may be empty
  struct str next;                            // what happens next, and when
};

struct rollout_failed {
  struct str hash;      // of the canary that failed
  struct str spec_hash; // of the spec it failed under
  int64_t at;
  struct str result;
  struct str reason, message;
  struct str template_hash; // as in the identity
  struct rollout_content *content;
  size_t content_count;
};

struct rollout_paused { // by the verb
  int64_t at;
  struct str by, reason;
};

struct rollout_handled { // RolloutActions that took effect
  struct str uid, verb, result, message;
  int64_t at;
};

struct rollout_contention {
  int64_t count, first_at, last_at;
  struct str manager; // field manager of the last foreign write
};

struct rollout_retired { // versions without traffic that wait to be scaled down
  struct str deployment, subset, hash;
  int64_t
      replicas; // that remain: 0 in the template form, the manifest's own number in the pair form
  int64_t at;   // not before
};

struct rollout_workload_status { // workload form: what is known of the Deployment
  struct str uid;
  bool was_paused;  // spec.paused as it was found, restored when the Rollout goes
  bool paused;      // as it was seen last; false while it may roll by our will
  bool pinned;      // routes name the stable's ReplicaSet; false: they are as they were found
  int64_t resumed;  // how often somebody else took spec.paused back
  int64_t split_at; // when the Deployment got its present share of the traffic back; 0: not yet
};

// What spec named when it was taken: the Deployments of its form, and the routes.
struct rollout_taken {
  const struct json *spec; // those of its fields
  int64_t leaving_at;      // since when it is let go, for spec names something else; 0: it does not
};

// Of the form before: it serves until what the new one has does.
struct rollout_former {
  struct str *names; // what routes call it
  size_t names_count;
  bool bare;        // and what names no version
  struct str *made; // our versions: their Deployments, and what routes call them, go then
  size_t made_count;
  int64_t at; // not before; 0: the traffic is still on it
};

struct rollout_judge_status {
  int64_t at;         // of the last judgement
  struct str verdict; // pass fail insufficient noData error
  struct str message;
  struct str state;                   // compact, the judge's own
  struct str evidence, evidence_need; // decades of all metrics together; empty: none
  int64_t expected_at;                // when a decision is to be expected; 0: not to be seen
  int64_t needed_requests;            // of the canary until then
  struct str phi;                     // how clustered stable's errors are; empty: not measured
  int64_t error_since;                // Prometheus cannot be asked since; 0: it answers
};

struct rollout_notice { // something that people are to be told
  int64_t number;       // counts notices of this Rollout; makes the delivery's id
  enum rollout_event event;
  int64_t at;
  struct str release, version, stable_version; // version: of the canary, or of what serves now
  struct str weight;                           // the canary's, in percent, when it happened
  struct str reason, message, who;
  struct rollout_metric_status *metrics;
  size_t metrics_count;
};

struct rollout_status {
  bool has_replicas; // template form: for the scale subresource
  int64_t replicas;  // pods of all versions
  struct str selector;
  enum rollout_phase phase;
  struct str reason, message;
  int64_t observed_generation;
  struct rollout_step_status step;
  struct rollout_weight_status weight;
  struct rollout_metric_status *metrics;
  size_t metrics_count;
  struct rollout_condition *conditions;
  size_t conditions_count;
  struct rollout_identity *stable, *canary; // canary NULL: no release runs or failed last
  struct rollout_release *release;          // NULL: none runs
  struct rollout_judge_status judge;
  struct rollout_failed *failed;
  struct rollout_paused *paused;
  struct rollout_contention *contention;
  struct rollout_workload_status *workload; // NULL: another form, or not looked at yet
  struct rollout_taken *taken;              // NULL: nothing yet
  struct rollout_former *former;            // NULL: nothing is left of another form
  struct rollout_handled *handled;          // oldest first
  size_t handled_count;
  struct rollout_retired *retired;
  size_t retired_count;
  struct rollout_history *history; // newest first
  size_t history_count;
  struct rollout_decision *decisions; // oldest first
  size_t decisions_count;
  struct rollout_notice *notices; // not delivered yet, oldest first
  size_t notices_count;
  int64_t notice_number; // of the last notice
  struct rollout_notice_last *last_notice;
  int64_t decision_number; // of the last decision
  int64_t revision;        // of the newest version
  int64_t release_number;  // of the last release
  int64_t started_at;      // of the running or last release
  int64_t last_progress_at;
};

struct rollout {
  struct object_meta metadata;
  struct rollout_spec spec;
  struct rollout_status status;
};

extern const struct kind_desc rollout_kind;
extern const struct schema rollout_status_schema;
extern const struct enum_value rollout_phase_values[];
extern const struct enum_value rollout_verdict_values[];
extern const struct enum_value rollout_condition_status_values[];

enum rollout_form {
  ROLLOUT_FORM_NONE,
  ROLLOUT_FORM_PAIR,
  ROLLOUT_FORM_TEMPLATE,
  ROLLOUT_FORM_WORKLOAD
};
enum rollout_form rollout_form(const struct rollout_spec *spec);
enum rollout_step_kind rollout_step_kind(const struct rollout_step *step);
const char *rollout_step_name(enum rollout_step_kind kind);  // as in the manifest: "setWeight"
int64_t rollout_step_parts(const struct rollout_step *step); // of setWeight, parts of ROLLOUT_FULL
// How many replicas a deploy step asks for when stable has `stable_replicas`; -1: proportional.
int64_t rollout_deploy_replicas(const struct rollout_deploy_step *deploy, int64_t stable_replicas);
const char *rollout_phase_name(enum rollout_phase phase);
// Whether the phase is an end: nothing moves by itself.
bool rollout_phase_is_final(enum rollout_phase phase);
// NULL when absent.
const struct rollout_condition *rollout_condition_find(const struct rollout_status *status,
                                                       const char *type);
