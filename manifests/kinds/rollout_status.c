// SPDX-License-Identifier: Apache-2.0
// The status half of the Rollout's tables. Times that deadlines are computed from keep their
// microseconds; those that people and kubectl read are in seconds.
#include "manifests/kinds/rollout.h"

#define VALUE(n, d)                                                                                \
  { .name = n, .doc = d }
#define NOT_GIVEN                                                                                  \
  { .name = "" }
#define END                                                                                        \
  { .name = NULL }

const struct enum_value rollout_phase_values[] = {
    NOT_GIVEN,
    VALUE("Pending", "A new version is declared; something it needs is missing."),
    VALUE("Deploying", "The canary's replicas come up, without traffic."),
    VALUE("Progressing", "The release moves through its steps."),
    VALUE("Paused", "A pause step, or paused by a person."),
    VALUE("Holding", "The judge has no answer, or a bad one that must not roll back."),
    VALUE("RollingBack", "The canary's traffic is taken away."),
    VALUE("Decommissioning", "The old version goes."),
    VALUE("Healthy", "The last release is done."),
    VALUE("RolledBack", "The last release was put back by the operator."),
    VALUE("Aborted", "The last release was put back by a person."),
    VALUE("Degraded", "No release runs, and what serves is not healthy or the spec is invalid."),
    END,
};

const struct enum_value rollout_verdict_values[] = {
    NOT_GIVEN,
    VALUE("pass", "The numbers are good."),
    VALUE("fail", "The numbers are bad."),
    VALUE("insufficient", "Not enough numbers to say."),
    END,
};

const struct enum_value rollout_condition_status_values[] = {
    NOT_GIVEN, VALUE("True", ""), VALUE("False", ""), VALUE("Unknown", ""), END,
};

static const struct field step_fields[] = {
    F_INT(struct rollout_step_status, index, "index", .doc = "From 0."),
    F_STRING(struct rollout_step_status, name, "name"),
    F_MICRO_TIME(struct rollout_step_status, started_at, "startedAt"),
    F_MICRO_TIME(struct rollout_step_status, verified_at, "verifiedAt",
                 .doc = "When the asked weight was seen to be in force."),
    F_MICRO_TIME(struct rollout_step_status, deadline, "deadline",
                 .doc = "When waiting ends, one way or the other."),
    F_STRING(struct rollout_step_status, waiting_for, "waitingFor"),
};
static const struct schema step_schema =
    SCHEMA("RolloutStepStatus", struct rollout_step_status, step_fields);

static const struct field weight_fields[] = {
    F_STRING(struct rollout_weight_status, canary, "canary", .doc = "Asked, in percent."),
    F_STRING(struct rollout_weight_status, stable, "stable", .doc = "Asked, in percent."),
    F_STRING(struct rollout_weight_status, observed, "observed",
             .doc = "Canary's share of the requests as measured."),
    F_STRING(struct rollout_weight_status, acknowledged, "acknowledged",
             .doc = "Proxies that serve the asked weight, of all."),
    F_MICRO_TIME(struct rollout_weight_status, written_at, "writtenAt"),
    F_STRING(struct rollout_weight_status, revision, "revision",
             .doc = "Of the route object that asks it."),
    F_MICRO_TIME(struct rollout_weight_status, verified_at, "verifiedAt",
                 .doc = "When it was seen to be in force."),
};
static const struct schema weight_schema =
    SCHEMA("RolloutWeightStatus", struct rollout_weight_status, weight_fields);

static const struct field metric_fields[] = {
    F_STRING(struct rollout_metric_status, name, "name"),
    F_STRING(struct rollout_metric_status, canary, "canary"),
    F_STRING(struct rollout_metric_status, stable, "stable"),
    F_STRING(struct rollout_metric_status, limit, "limit"),
    F_INT(struct rollout_metric_status, requests, "requests",
          .doc = "Of the canary, behind the verdict."),
    F_INT(struct rollout_metric_status, bad, "bad", .doc = "Bad ones among them."),
    F_STRING(struct rollout_metric_status, canary_interval, "canaryInterval",
             .doc = "95 % interval that holds at all times."),
    F_STRING(struct rollout_metric_status, stable_interval, "stableInterval"),
    F_STRING(struct rollout_metric_status, tolerated, "tolerated",
             .doc = "What the canary may have beside this stable."),
    F_STRING(struct rollout_metric_status, evidence, "evidence",
             .doc = "Against the canary, in decades: 2 means a chance of at most 1 in 100."),
    F_STRING(struct rollout_metric_status, evidence_need, "evidenceNeed",
             .doc = "With which this metric alone is a fail."),
    F_STRING(struct rollout_metric_status, pass_evidence, "passEvidence",
             .doc = "For the canary, in decades, since the step began."),
    F_STRING(struct rollout_metric_status, pass_need, "passNeed",
             .doc = "With which this metric is a pass."),
    F_ENUM(struct rollout_metric_status, verdict, "verdict", rollout_verdict_values),
    F_STRING(struct rollout_metric_status, reason, "reason"),
};
static const struct schema metric_schema =
    SCHEMA("RolloutMetricStatus", struct rollout_metric_status, metric_fields);

static const struct field condition_fields[] = {
    F_STRING(struct rollout_condition, type, "type", .required = true),
    F_ENUM(struct rollout_condition, status, "status", rollout_condition_status_values,
           .required = true),
    F_STRING(struct rollout_condition, reason, "reason"),
    F_STRING(struct rollout_condition, message, "message"),
    F_TIME(struct rollout_condition, last_transition_time, "lastTransitionTime"),
    F_INT(struct rollout_condition, observed_generation, "observedGeneration"),
};
static const struct schema rollout_condition_schema =
    SCHEMA("RolloutCondition", struct rollout_condition, condition_fields);

static const struct field content_fields[] = {
    F_STRING(struct rollout_content, kind, "kind", .doc = "ConfigMap or Secret."),
    F_STRING(struct rollout_content, name, "name"),
    F_STRING(struct rollout_content, hash, "hash", .doc = "Of its content; of a Secret's, keyed."),
    F_STRING(struct rollout_content, copy, "copy",
             .doc = "What the version's pods read; empty: the object itself."),
};
static const struct schema content_schema =
    SCHEMA("RolloutContent", struct rollout_content, content_fields);

static const struct field identity_fields[] = {
    F_STRING(struct rollout_identity, deployment, "deployment"),
    F_STRING(struct rollout_identity, subset, "subset"),
    F_STRING(struct rollout_identity, hash, "hash", .doc = "Of the pod template."),
    F_INT(struct rollout_identity, revision, "revision"),
    F_INT(struct rollout_identity, replicas, "replicas",
          .doc = "As its manifest asked when the release began."),
    F_STRING(struct rollout_identity, version, "version"),
    F_STRING(struct rollout_identity, template_hash, "templateHash",
             .doc = "Of the template as it was declared, where that is another."),
    F_LIST(struct rollout_identity, content, "content", &content_schema,
           .doc = "What it takes from ConfigMaps and Secrets."),
};
static const struct schema identity_schema =
    SCHEMA("RolloutIdentity", struct rollout_identity, identity_fields);

static const struct field release_fields[] = {
    F_STRING(struct rollout_release, id, "id"),
    F_INT(struct rollout_release, number, "number"),
    F_MICRO_TIME(struct rollout_release, started_at, "startedAt"),
    F_MICRO_TIME(struct rollout_release, traffic_at, "trafficAt",
                 .doc = "First time the canary got traffic."),
    F_STRING(struct rollout_release, spec_hash, "specHash"),
    F_BOOL(struct rollout_release, full, "full", .doc = "Promoted with --full."),
    F_BOOL(struct rollout_release, accepted, "accepted",
           .doc = "Promoted by a person in spite of the judge."),
    F_BOOL(struct rollout_release, first, "first", .doc = "Nothing was served before."),
    F_STRING(struct rollout_release, result, "result",
             .doc = "While it is put back: what it will be."),
    F_STRING(struct rollout_release, reason, "reason"),
    F_STRING(struct rollout_release, message, "message"),
    F_STRING(struct rollout_release, who, "who"),
    F_STRING(struct rollout_release, changed, "changed",
             .doc = "Whose content changed; empty: the template alone did."),
    F_MICRO_TIME(struct rollout_release, clean_at, "cleanAt"),
    F_INT(struct rollout_release, had_replicas, "hadReplicas",
          .doc = "Pair form: the most replicas that a weight needed and the canary had."),
    F_INT(struct rollout_release, asked_again, "askedAgain",
          .doc = "From 1: somebody else took such replicas back, and how often they were asked for "
                 "again."),
    F_MICRO_TIME(struct rollout_release, asked_again_at, "askedAgainAt"),
};
static const struct schema release_schema =
    SCHEMA("RolloutRelease", struct rollout_release, release_fields);

static const struct field history_fields[] = {
    F_INT(struct rollout_history, revision, "revision"),
    F_STRING(struct rollout_history, version, "version"),
    F_STRING(struct rollout_history, deployment, "deployment"),
    F_STRING(struct rollout_history, hash, "hash"),
    F_STRING(struct rollout_history, result, "result",
             .doc = "Promoted, RolledBack, Aborted or Superseded."),
    F_STRING(struct rollout_history, reason, "reason"),
    F_STRING(struct rollout_history, message, "message"),
    F_STRING(struct rollout_history, changed, "changed",
             .doc = "Whose content changed; empty: the template alone did."),
    F_TIME(struct rollout_history, when, "when"),
    F_DURATION(struct rollout_history, duration_ms, "duration"),
    F_STRING(struct rollout_history, who, "who"),
};
static const struct schema history_schema =
    SCHEMA("RolloutHistory", struct rollout_history, history_fields);

static const struct field decision_fields[] = {
    F_MICRO_TIME(struct rollout_decision, time, "time"),
    F_INT(struct rollout_decision, number, "number"),
    F_BOOL(struct rollout_decision, warning, "warning"),
    F_STRING(struct rollout_decision, reason, "reason"),
    F_STRING(struct rollout_decision, asked, "asked"),
    F_STRING(struct rollout_decision, measured, "measured"),
    F_STRING(struct rollout_decision, bound, "bound"),
    F_STRING(struct rollout_decision, verdict, "verdict"),
    F_STRING(struct rollout_decision, next, "next"),
};
static const struct schema decision_schema =
    SCHEMA("RolloutDecision", struct rollout_decision, decision_fields);

static const struct field failed_fields[] = {
    F_STRING(struct rollout_failed, hash, "hash"),
    F_STRING(struct rollout_failed, spec_hash, "specHash"),
    F_TIME(struct rollout_failed, at, "at"),
    F_STRING(struct rollout_failed, result, "result"),
    F_STRING(struct rollout_failed, reason, "reason"),
    F_STRING(struct rollout_failed, message, "message"),
    F_STRING(struct rollout_failed, template_hash, "templateHash"),
    F_LIST(struct rollout_failed, content, "content", &content_schema),
};
static const struct schema failed_schema =
    SCHEMA("RolloutFailed", struct rollout_failed, failed_fields);

static const struct field paused_fields[] = {
    F_TIME(struct rollout_paused, at, "at"),
    F_STRING(struct rollout_paused, by, "by"),
    F_STRING(struct rollout_paused, reason, "reason"),
};
static const struct schema paused_schema =
    SCHEMA("RolloutPausedBy", struct rollout_paused, paused_fields);

static const struct field contention_fields[] = {
    F_INT(struct rollout_contention, count, "count"),
    F_MICRO_TIME(struct rollout_contention, first_at, "firstAt"),
    F_MICRO_TIME(struct rollout_contention, last_at, "lastAt"),
    F_STRING(struct rollout_contention, manager, "manager"),
};
static const struct schema contention_schema =
    SCHEMA("RolloutContention", struct rollout_contention, contention_fields);

static const struct field workload_fields[] = {
    F_STRING(struct rollout_workload_status, uid, "uid", .doc = "Of the Deployment."),
    F_BOOL(struct rollout_workload_status, was_paused, "wasPaused",
           .doc = "Its spec.paused as it was found; restored when the Rollout goes."),
    F_BOOL(struct rollout_workload_status, paused, "paused",
           .doc = "As it was seen last; false while it rolls to a released version."),
    F_BOOL(struct rollout_workload_status, pinned, "pinned",
           .doc = "Routes name the stable's ReplicaSet; false: they are as they were found."),
    F_INT(struct rollout_workload_status, resumed, "resumed",
          .doc = "How often somebody else took spec.paused back."),
    F_MICRO_TIME(struct rollout_workload_status, split_at, "splitAt",
                 .doc = "When it got its present share of the traffic back."),
};
static const struct schema workload_schema =
    SCHEMA("RolloutWorkloadStatus", struct rollout_workload_status, workload_fields);

static const struct field taken_fields[] = {
    F_JSON(struct rollout_taken, spec, "spec", .objects_only = true,
           .doc = "Those fields of spec that named it."),
    F_MICRO_TIME(struct rollout_taken, leaving_at, "leavingAt",
                 .doc = "Since when it is let go: spec names something else."),
};
static const struct schema taken_schema =
    SCHEMA("RolloutTaken", struct rollout_taken, taken_fields);

static const struct field former_fields[] = {
    F_STRINGS(struct rollout_former, names, "names", .doc = "What routes call it."),
    F_BOOL(struct rollout_former, bare, "bare", .doc = "And what names no version."),
    F_STRINGS(struct rollout_former, made, "made",
              .doc = "Versions of the operator's own, which go when they have no traffic."),
    F_MICRO_TIME(struct rollout_former, at, "at", .doc = "When they go."),
};
static const struct schema former_schema =
    SCHEMA("RolloutFormer", struct rollout_former, former_fields);

static const struct field handled_fields[] = {
    F_STRING(struct rollout_handled, uid, "uid"),
    F_STRING(struct rollout_handled, verb, "verb"),
    F_STRING(struct rollout_handled, result, "result"),
    F_STRING(struct rollout_handled, message, "message"),
    F_TIME(struct rollout_handled, at, "at"),
};
static const struct schema handled_schema =
    SCHEMA("RolloutHandled", struct rollout_handled, handled_fields);

static const struct field retired_fields[] = {
    F_STRING(struct rollout_retired, deployment, "deployment"),
    F_STRING(struct rollout_retired, subset, "subset"),
    F_STRING(struct rollout_retired, hash, "hash"),
    F_INT(struct rollout_retired, replicas, "replicas", .doc = "That remain."),
    F_MICRO_TIME(struct rollout_retired, at, "at"),
};
static const struct schema retired_schema =
    SCHEMA("RolloutRetired", struct rollout_retired, retired_fields);

static const struct field judge_fields[] = {
    F_MICRO_TIME(struct rollout_judge_status, at, "at"),
    F_STRING(struct rollout_judge_status, verdict, "verdict"),
    F_STRING(struct rollout_judge_status, message, "message"),
    F_STRING(struct rollout_judge_status, state, "state", .doc = "The judge's own memory."),
    F_MICRO_TIME(struct rollout_judge_status, error_since, "errorSince"),
    F_STRING(struct rollout_judge_status, evidence, "evidence",
             .doc = "Against the canary, all metrics together, in decades."),
    F_STRING(struct rollout_judge_status, evidence_need, "evidenceNeed",
             .doc = "With which the release is rolled back."),
    F_TIME(struct rollout_judge_status, expected_at, "expectedAt",
           .doc = "When a decision is to be expected, as things look now."),
    F_INT(struct rollout_judge_status, needed_requests, "neededRequests",
          .doc = "Of the canary, until then."),
    F_STRING(struct rollout_judge_status, phi, "phi",
             .doc = "How clustered stable's errors are; 1: not at all."),
};
static const struct schema judge_schema =
    SCHEMA("RolloutJudgeStatus", struct rollout_judge_status, judge_fields);

static const struct field notice_fields[] = {
    F_INT(struct rollout_notice, number, "number", .required = true),
    F_ENUM(struct rollout_notice, event, "event", rollout_event_values, .required = true),
    F_MICRO_TIME(struct rollout_notice, at, "at"),
    F_STRING(struct rollout_notice, release, "release"),
    F_STRING(struct rollout_notice, version, "version"),
    F_STRING(struct rollout_notice, stable_version, "stableVersion"),
    F_STRING(struct rollout_notice, weight, "weight",
             .doc = "The canary's, in percent, when it happened."),
    F_STRING(struct rollout_notice, reason, "reason"),
    F_STRING(struct rollout_notice, message, "message"),
    F_STRING(struct rollout_notice, who, "who"),
    F_LIST(struct rollout_notice, metrics, "metrics", &metric_schema, .merge_key = "name"),
};
static const struct schema notice_schema =
    SCHEMA("RolloutNotice", struct rollout_notice, notice_fields);

static const struct field last_notice_fields[] = {
    F_ENUM(struct rollout_notice_last, event, "event", rollout_event_values),
    F_STRING(struct rollout_notice_last, reason, "reason"),
    F_STRING(struct rollout_notice_last, release, "release"),
    F_MICRO_TIME(struct rollout_notice_last, at, "at"),
};
static const struct schema last_notice_schema =
    SCHEMA("RolloutLastNotice", struct rollout_notice_last, last_notice_fields);

static const struct field status_fields[] = {
    F_ENUM(struct rollout_status, phase, "phase", rollout_phase_values),
    F_STRING(struct rollout_status, reason, "reason"),
    F_STRING(struct rollout_status, message, "message"),
    F_INT(struct rollout_status, observed_generation, "observedGeneration"),
    F_INT_OPT(struct rollout_status, replicas, "replicas",
              .doc = "Template form: pods of all versions, for the scale subresource."),
    F_STRING(struct rollout_status, selector, "selector",
             .doc = "Template form: selects the pods of all versions."),
    F_OBJECT(struct rollout_status, step, "step", &step_schema),
    F_OBJECT(struct rollout_status, weight, "weight", &weight_schema),
    F_LIST(struct rollout_status, metrics, "metrics", &metric_schema, .merge_key = "name"),
    F_LIST(struct rollout_status, conditions, "conditions", &rollout_condition_schema,
           .merge_key = "type"),
    F_OPTIONAL(struct rollout_status, stable, "stable", &identity_schema,
               .doc = "The version that serves."),
    F_OPTIONAL(struct rollout_status, canary, "canary", &identity_schema,
               .doc = "The version that is released."),
    F_OPTIONAL(struct rollout_status, release, "release", &release_schema,
               .doc = "The release that runs."),
    F_OBJECT(struct rollout_status, judge, "judge", &judge_schema),
    F_OPTIONAL(struct rollout_status, failed, "failed", &failed_schema,
               .doc = "The release that failed last; not tried again until asked or changed."),
    F_OPTIONAL(struct rollout_status, paused, "paused", &paused_schema,
               .doc = "Paused by a person."),
    F_OPTIONAL(struct rollout_status, contention, "contention", &contention_schema,
               .doc = "Somebody else writes the route."),
    F_OPTIONAL(struct rollout_status, workload, "workload", &workload_schema,
               .doc = "The Deployment that workloadRef names."),
    F_OPTIONAL(struct rollout_status, taken, "taken", &taken_schema,
               .doc = "What spec named when the Rollout took it: let go first when spec comes to "
                      "name something else."),
    F_OPTIONAL(struct rollout_status, former, "former", &former_schema,
               .doc = "What served in another form, until what spec names now has its traffic."),
    F_LIST(struct rollout_status, handled, "handled", &handled_schema,
           .doc = "RolloutActions that took effect."),
    F_LIST(struct rollout_status, retired, "retired", &retired_schema,
           .doc = "Versions that wait to be scaled to 0."),
    F_LIST(struct rollout_status, history, "history", &history_schema,
           .doc = "The last releases, newest first."),
    F_LIST(struct rollout_status, decisions, "decisions", &decision_schema,
           .doc = "The decision log, oldest first."),
    F_LIST(struct rollout_status, notices, "notices", &notice_schema,
           .doc = "What people are still to be told, oldest first."),
    F_INT(struct rollout_status, notice_number, "noticeNumber"),
    F_OPTIONAL(struct rollout_status, last_notice, "lastNotice", &last_notice_schema),
    F_INT(struct rollout_status, decision_number, "decisionNumber"),
    F_INT(struct rollout_status, revision, "revision"),
    F_INT(struct rollout_status, release_number, "releaseNumber"),
    F_MICRO_TIME(struct rollout_status, started_at, "startedAt"),
    F_MICRO_TIME(struct rollout_status, last_progress_at, "lastProgressAt"),
};
const struct schema rollout_status_schema =
    SCHEMA("RolloutStatus", struct rollout_status, status_fields);
