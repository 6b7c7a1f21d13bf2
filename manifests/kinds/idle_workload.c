// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/idle.h"
#include "manifests/kinds/pod.h"

#define META(T) F_OBJECT(T, metadata, "metadata", &object_meta_schema)
#define STATUS(T)                                                                                  \
  F_JSON(T, status, "status", .read_only = true, .doc = "What a controller would report.")

// --- StatefulSet, DaemonSet

struct set_spec {
  bool has_replicas;
  int64_t replicas, min_ready_s;
  bool has_revision_history_limit;
  int64_t revision_history_limit;
  struct label_selector selector;
  struct pod_template template_;
  struct str service_name, pod_management_policy;
  const struct json *update_strategy, *claim_templates, *claim_policy, *ordinals;
};
struct set {
  struct object_meta metadata;
  struct set_spec spec;
  const struct json *status;
};

static const struct field stateful_spec_fields[] = {
    F_INT_OPT(struct set_spec, replicas, "replicas", F_AT_LEAST(0), .fallback = "1",
              .doc = "How many Pods."),
    F_OBJECT(struct set_spec, selector, "selector", &label_selector_schema, .required = true,
             .doc = "Which Pods are its own."),
    F_OBJECT(struct set_spec, template_, "template", &pod_template_schema, .required = true,
             .doc = "What the Pods are like."),
    F_STRING(struct set_spec, service_name, "serviceName",
             .doc = "The Service that gives each Pod its name in DNS."),
    F_STRING(struct set_spec, pod_management_policy, "podManagementPolicy",
             .fallback = "OrderedReady", .doc = "OrderedReady or Parallel."),
    F_JSON(struct set_spec, update_strategy, "updateStrategy", .doc = "How Pods are replaced."),
    F_JSON(struct set_spec, claim_templates, "volumeClaimTemplates",
           .doc = "Claims that are made for each Pod."),
    F_JSON(struct set_spec, claim_policy, "persistentVolumeClaimRetentionPolicy",
           .doc = "What becomes of the claims."),
    F_JSON(struct set_spec, ordinals, "ordinals", .doc = "Where the Pods' numbers begin."),
    F_INT(struct set_spec, min_ready_s, "minReadySeconds", F_AT_LEAST(0),
          .doc = "Seconds a Pod must be ready to count as available."),
    F_INT_OPT(struct set_spec, revision_history_limit, "revisionHistoryLimit", F_AT_LEAST(0),
              .fallback = "10", .doc = "Old revisions that are kept."),
};
static const struct schema stateful_spec_schema =
    SCHEMA("StatefulSetSpec", struct set_spec, stateful_spec_fields);
static const struct field stateful_fields[] = {
    META(struct set),
    F_OBJECT(struct set, spec, "spec", &stateful_spec_schema, .required = true,
             .doc = "What should run."),
    STATUS(struct set),
};
static const struct schema stateful_schema = SCHEMA("StatefulSet", struct set, stateful_fields);

static const struct field daemon_spec_fields[] = {
    F_OBJECT(struct set_spec, selector, "selector", &label_selector_schema, .required = true,
             .doc = "Which Pods are its own."),
    F_OBJECT(struct set_spec, template_, "template", &pod_template_schema, .required = true,
             .doc = "What the Pods are like."),
    F_JSON(struct set_spec, update_strategy, "updateStrategy", .doc = "How Pods are replaced."),
    F_INT(struct set_spec, min_ready_s, "minReadySeconds", F_AT_LEAST(0),
          .doc = "Seconds a Pod must be ready to count as available."),
    F_INT_OPT(struct set_spec, revision_history_limit, "revisionHistoryLimit", F_AT_LEAST(0),
              .fallback = "10", .doc = "Old revisions that are kept."),
};
static const struct schema daemon_spec_schema =
    SCHEMA("DaemonSetSpec", struct set_spec, daemon_spec_fields);
static const struct field daemon_fields[] = {
    META(struct set),
    F_OBJECT(struct set, spec, "spec", &daemon_spec_schema, .required = true,
             .doc = "What should run."),
    STATUS(struct set),
};
static const struct schema daemon_schema = SCHEMA("DaemonSet", struct set, daemon_fields);

static const char *const v1[] = {"v1", NULL};
static const char *const all[] = {"all", NULL};

const struct kind_desc stateful_set_kind = {
    .group = "apps",
    .versions = v1,
    .kind = "StatefulSet",
    .plural = "statefulsets",
    .singular = "statefulset",
    .short_names = (const char *const[]){"sts", NULL},
    .categories = all,
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .has_status = true,
    .has_generation = true,
    .scale_spec = ".spec.replicas",
    .scale_status = ".status.replicas",
    .schema = &stateful_schema,
    .doc = "Pods with numbers that keep their name and storage.",
};

const struct kind_desc daemon_set_kind = {
    .group = "apps",
    .versions = v1,
    .kind = "DaemonSet",
    .plural = "daemonsets",
    .singular = "daemonset",
    .short_names = (const char *const[]){"ds", NULL},
    .categories = all,
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .has_status = true,
    .has_generation = true,
    .schema = &daemon_schema,
    .doc = "One Pod on each node.",
};

// --- Job, CronJob

struct job_spec {
  bool has_parallelism, has_completions, has_backoff_limit, has_active_deadline_s, has_ttl_s;
  int64_t parallelism, completions, backoff_limit, active_deadline_s, ttl_s;
  bool suspend, manual_selector;
  struct str completion_mode, pod_replacement_policy, managed_by;
  struct label_selector *selector;
  struct pod_template template_;
  const struct json *pod_failure_policy, *success_policy, *index_limits;
};
struct job {
  struct object_meta metadata;
  struct job_spec spec;
  const struct json *status;
};

static const struct field job_spec_fields[] = {
    F_INT_OPT(struct job_spec, parallelism, "parallelism", F_AT_LEAST(0), .fallback = "1",
              .doc = "Pods that may run at once."),
    F_INT_OPT(struct job_spec, completions, "completions", F_AT_LEAST(0),
              .doc = "Pods that must end well."),
    F_INT_OPT(struct job_spec, backoff_limit, "backoffLimit", F_AT_LEAST(0), .fallback = "6",
              .doc = "Failures before the Job is called failed."),
    F_INT_OPT(struct job_spec, active_deadline_s, "activeDeadlineSeconds", F_AT_LEAST(0),
              .doc = "Seconds it may take in all."),
    F_INT_OPT(struct job_spec, ttl_s, "ttlSecondsAfterFinished", F_AT_LEAST(0),
              .doc = "Seconds it is kept once it ended."),
    F_STRING(struct job_spec, completion_mode, "completionMode", .fallback = "NonIndexed",
             .doc = "NonIndexed or Indexed."),
    F_STRING(struct job_spec, pod_replacement_policy, "podReplacementPolicy",
             .doc = "TerminatingOrFailed or Failed."),
    F_STRING(struct job_spec, managed_by, "managedBy", .doc = "The controller that runs it."),
    F_BOOL(struct job_spec, suspend, "suspend", .fallback = "false", .doc = "Nothing starts."),
    F_BOOL(struct job_spec, manual_selector, "manualSelector", .doc = "selector is given."),
    F_OPTIONAL(struct job_spec, selector, "selector", &label_selector_schema,
               .doc = "Which Pods are its own."),
    F_OBJECT(struct job_spec, template_, "template", &pod_template_schema, .required = true,
             .doc = "What the Pods are like."),
    F_JSON(struct job_spec, pod_failure_policy, "podFailurePolicy",
           .doc = "What failures of Pods mean."),
    F_JSON(struct job_spec, success_policy, "successPolicy", .doc = "When it has succeeded."),
    F_JSON(struct job_spec, index_limits, "backoffLimitPerIndex",
           .doc = "Failures that each index may have."),
};
static const struct schema job_spec_schema = SCHEMA("JobSpec", struct job_spec, job_spec_fields);
static const struct field job_fields[] = {
    META(struct job),
    F_OBJECT(struct job, spec, "spec", &job_spec_schema, .required = true,
             .doc = "What should run to its end."),
    STATUS(struct job),
};
static const struct schema job_schema = SCHEMA("Job", struct job, job_fields);

const struct kind_desc job_kind = {
    .group = "batch",
    .versions = v1,
    .kind = "Job",
    .plural = "jobs",
    .singular = "job",
    .categories = all,
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .has_status = true,
    .has_generation = true,
    .schema = &job_schema,
    .doc = "Pods that run to their end.",
};

struct job_template {
  struct object_meta metadata;
  struct job_spec spec;
};
static const struct field job_template_fields[] = {
    META(struct job_template),
    F_OBJECT(struct job_template, spec, "spec", &job_spec_schema, .required = true),
};
static const struct schema job_template_schema =
    SCHEMA("JobTemplateSpec", struct job_template, job_template_fields);

struct cron_job {
  struct object_meta metadata;
  struct cron_job_spec {
    struct str schedule, time_zone, concurrency_policy;
    bool suspend, has_starting_deadline_s, has_successful_limit, has_failed_limit;
    int64_t starting_deadline_s, successful_limit, failed_limit;
    struct job_template job_template;
  } spec;
  const struct json *status;
};
static const struct field cron_job_spec_fields[] = {
    F_STRING(struct cron_job_spec, schedule, "schedule", .required = true, .not_empty = true,
             .doc = "When, in cron's form."),
    F_STRING(struct cron_job_spec, time_zone, "timeZone", .doc = "Whose time that is."),
    F_STRING(struct cron_job_spec, concurrency_policy, "concurrencyPolicy", .fallback = "Allow",
             .doc = "Allow, Forbid or Replace."),
    F_BOOL(struct cron_job_spec, suspend, "suspend", .fallback = "false", .doc = "Nothing starts."),
    F_INT_OPT(struct cron_job_spec, starting_deadline_s, "startingDeadlineSeconds", F_AT_LEAST(0),
              .doc = "Seconds a start may be late."),
    F_INT_OPT(struct cron_job_spec, successful_limit, "successfulJobsHistoryLimit", F_AT_LEAST(0),
              .fallback = "3", .doc = "Jobs that ended well and are kept."),
    F_INT_OPT(struct cron_job_spec, failed_limit, "failedJobsHistoryLimit", F_AT_LEAST(0),
              .fallback = "1", .doc = "Failed Jobs that are kept."),
    F_OBJECT(struct cron_job_spec, job_template, "jobTemplate", &job_template_schema,
             .required = true, .doc = "The Jobs that are made."),
};
static const struct schema cron_job_spec_schema =
    SCHEMA("CronJobSpec", struct cron_job_spec, cron_job_spec_fields);
static const struct field cron_job_fields[] = {
    META(struct cron_job),
    F_OBJECT(struct cron_job, spec, "spec", &cron_job_spec_schema, .required = true,
             .doc = "What should run, and when."),
    STATUS(struct cron_job),
};
static const struct schema cron_job_schema = SCHEMA("CronJob", struct cron_job, cron_job_fields);

const struct kind_desc cron_job_kind = {
    .group = "batch",
    .versions = v1,
    .kind = "CronJob",
    .plural = "cronjobs",
    .singular = "cronjob",
    .short_names = (const char *const[]){"cj", NULL},
    .categories = all,
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .has_status = true,
    .has_generation = true,
    .schema = &cron_job_schema,
    .doc = "Jobs by the clock.",
};
