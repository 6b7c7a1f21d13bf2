// SPDX-License-Identifier: Apache-2.0
// value_rules.h for what makes Pods: Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs,
// CronJobs.
#include "operator/standalone/value_rules.h"
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/idle.h"
#include "manifests/kinds/pod.h"
#include "manifests/kinds/replica_set.h"
#include "operator/standalone/value_cron.h"

static struct str child(struct value_check *check, struct str path, const char *name) {
  return arena_printf(check->arena, "%.*s.%s", STR_ARG(path), name);
}

// Which Pods are its own, and whether it makes such.
static void check_match(struct value_check *check, const struct json *spec, struct str path) {
  const struct json *selector = json_get(spec, "selector");
  const struct json *labels = json_path(spec, "template.metadata.labels");
  value_check_labels(check, labels, child(check, path, "template.labels"));
  if (value_is_empty(selector) && selector) {
    value_invalid(check, path, "selector", selector, "empty selector is invalid");
    return;
  }
  value_check_selector(check, selector, child(check, path, "selector"));
  if (selector && !value_selector_is_well_formed(selector))
    value_invalid(check, path, "selector", selector, "invalid label selector");
  else if (!value_selector_matches(selector, labels))
    value_invalid(check, path, "template.metadata.labels", labels,
                  "`selector` does not match template `labels`");
}

static void check_always(struct value_check *check, const struct json *policy, struct str path) {
  struct str text = json_string(policy);
  if (str_eq_z(text, "OnFailure") || str_eq_z(text, "Never"))
    value_fault(check, path, NULL, VALUE_CHOICE_ID,
                "Unsupported value: \"%.*s\": supported values: \"Always\"", STR_ARG(text));
}

#define WORKLOAD                                                                                   \
  CHECKED("spec", check_match), WITH("spec.template", value_template_rules),                       \
      CHECKED("spec.template.spec.restartPolicy", check_always), AT_LEAST("spec.replicas", 0),     \
      AT_LEAST("spec.minReadySeconds", 0), AT_LEAST("spec.revisionHistoryLimit", 0)

// "150%": 150; another text or a number: -1.
static int64_t percent_of(const struct json *share) {
  struct str text = json_string(share);
  int64_t value = -1;
  if (text.len)
    (void)str_to_i64(str_slice(text, 0, text.len - 1), &value);
  return value;
}

static bool is_nothing(const struct json *share) {
  return json_int(share, percent_of(share)) == 0;
}

static void check_rolling(struct value_check *check, const struct json *rolling, struct str path) {
  static const struct value_rule rules[] = {SHARE("maxUnavailable"), SHARE("maxSurge"), RULES_END};
  const struct json *missing = json_get(rolling, "maxUnavailable");
  value_run(check, rules, rolling, NULL, path);
  if (missing && is_nothing(missing) && is_nothing(json_get(rolling, "maxSurge")))
    value_invalid(check, path, "maxUnavailable", missing, "may not be 0 when `maxSurge` is 0");
  if (percent_of(missing) > 100)
    value_invalid(check, path, "maxUnavailable", missing, "must not be greater than 100%");
}

static void check_strategy(struct value_check *check, const struct json *strategy,
                           struct str path) {
  struct str type = json_get_string(strategy, "type");
  const struct json *rolling = json_get(strategy, "rollingUpdate");
  if (str_eq_z(type, "Recreate") && rolling)
    value_fault(check, path, "rollingUpdate", VALUE_FORBIDDEN_ID,
                "Forbidden: may not be specified when strategy `type` is 'Recreate'");
  else if (str_eq_z(type, "RollingUpdate") && rolling)
    check_rolling(check, rolling, child(check, path, "rollingUpdate"));
  else if (type.len && !str_eq_z(type, "Recreate") && !str_eq_z(type, "RollingUpdate"))
    value_fault(check, path, NULL, VALUE_CHOICE_ID,
                "Unsupported value: \"%.*s\": supported values: \"Recreate\", \"RollingUpdate\"",
                STR_ARG(type));
}

static void check_deadline(struct value_check *check, const struct json *spec, struct str path) {
  const struct json *deadline = json_get(spec, "progressDeadlineSeconds");
  if (deadline && json_int(deadline, 0) >= 0 &&
      json_int(deadline, 0) <= json_int(json_get(spec, "minReadySeconds"), 0))
    value_invalid(check, path, "progressDeadlineSeconds", deadline,
                  "must be greater than minReadySeconds");
}

static const struct value_rule deployment_rules[] = {
    REQUIRED("spec.selector"),
    WORKLOAD,
    CHECKED("spec.strategy", check_strategy),
    AT_LEAST("spec.progressDeadlineSeconds", 0),
    CHECKED("spec", check_deadline),
    FIXED("spec.selector"),
    RULES_END,
};

static const struct value_rule replica_set_rules[] = {
    REQUIRED("spec.selector"),
    WORKLOAD,
    FIXED("spec.selector"),
    RULES_END,
};

// --- StatefulSet, DaemonSet

static void check_stateful_strategy(struct value_check *check, const struct json *strategy,
                                    struct str path) {
  struct str type = json_get_string(strategy, "type");
  if (type.len && !str_eq_z(type, "OnDelete") && !str_eq_z(type, "RollingUpdate"))
    value_invalid(check, path, NULL, strategy, "must be 'RollingUpdate' or 'OnDelete'");
}

static void check_management(struct value_check *check, const struct json *policy,
                             struct str path) {
  struct str text = json_string(policy);
  if (text.len && !str_eq_z(text, "OrderedReady") && !str_eq_z(text, "Parallel"))
    value_invalid(check, path, NULL, policy, "must be 'OrderedReady' or 'Parallel'");
}

static void check_stateful_change(struct value_check *check, const struct json *spec,
                                  struct str path) {
  static const char *const free[] = {"replicas",
                                     "ordinals",
                                     "template",
                                     "updateStrategy",
                                     "revisionHistoryLimit",
                                     "persistentVolumeClaimRetentionPolicy",
                                     "minReadySeconds"};
  if (!check->old)
    return;
  struct json *now = json_dup(check->arena, spec),
              *old = json_dup(check->arena, json_get(check->old, "spec"));
  for (size_t i = 0; i < sizeof(free) / sizeof(free[0]); i++) {
    json_remove(now, str_of(free[i]));
    json_remove(old, str_of(free[i]));
  }
  if (!json_equal(now, old))
    value_fault(check, path, NULL, VALUE_FORBIDDEN_ID,
                "Forbidden: updates to statefulset spec for fields other than 'replicas', "
                "'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
                "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
}

static void check_claim(struct value_check *check, const struct json *claim, struct str path) {
  value_run(check, value_claim_rules, json_get(claim, "spec"), NULL, child(check, path, "spec"));
}

static const struct value_rule stateful_rules[] = {
    FORM("metadata.name", &value_dns_label),
    REQUIRED("spec.selector"),
    WORKLOAD,
    CHECKED("spec.podManagementPolicy", check_management),
    CHECKED("spec.updateStrategy?", check_stateful_strategy),
    AT_LEAST("spec.updateStrategy?.rollingUpdate?.partition", 0),
    ONE_OF("spec.persistentVolumeClaimRetentionPolicy?.whenDeleted", "Delete,Retain"),
    ONE_OF("spec.persistentVolumeClaimRetentionPolicy?.whenScaled", "Delete,Retain"),
    AT_LEAST("spec.ordinals?.start", 0),
    CHECKED("spec.volumeClaimTemplates[]", check_claim),
    CHECKED("spec", check_stateful_change),
    RULES_END,
};

static void check_daemon_rolling(struct value_check *check, const struct json *rolling,
                                 struct str path) {
  static const struct value_rule rules[] = {SHARE("maxUnavailable"), SHARE("maxSurge"), RULES_END};
  const struct json *missing = json_get(rolling, "maxUnavailable");
  value_run(check, rules, rolling, NULL, path);
  if (missing && is_nothing(missing) && is_nothing(json_get(rolling, "maxSurge")))
    value_fault(check, path, "maxUnavailable", VALUE_REQUIRED_ID,
                "Required value: cannot be 0 when maxSurge is 0");
}

static void check_daemon_strategy(struct value_check *check, const struct json *strategy,
                                  struct str path) {
  const struct value_rule rules[] = {ONE_OF("", "RollingUpdate,OnDelete"), RULES_END};
  value_run(check, rules, json_get(strategy, "type"), NULL, path);
}

static const struct value_rule daemon_rules[] = {
    WORKLOAD,
    CHECKED("spec.updateStrategy", check_daemon_strategy),
    CHECKED("spec.updateStrategy?.rollingUpdate?", check_daemon_rolling),
    FIXED("spec.selector"),
    RULES_END,
};

// --- Job, CronJob

static void check_ends(struct value_check *check, const struct json *policy, struct str path) {
  struct str text = json_string(policy);
  if (!text.len || str_eq_z(text, "Always"))
    value_fault(check, path, NULL, VALUE_REQUIRED_ID,
                "Required value: valid values: \"OnFailure\", \"Never\"");
}

static const struct value_rule job_spec_rules[] = {
    AT_LEAST("parallelism", 0),
    AT_LEAST("completions", 0),
    AT_LEAST("backoffLimit", 0),
    AT_LEAST("activeDeadlineSeconds", 0),
    AT_LEAST("ttlSecondsAfterFinished", 0),
    ONE_OF("completionMode", "NonIndexed,Indexed"),
    WITH("template", value_template_rules),
    CHECKED("template.spec.restartPolicy", check_ends),
    RULES_END,
};

static void check_job(struct value_check *check, const struct json *spec, struct str path) {
  const struct json *selector = json_get(spec, "selector");
  const struct json *labels = json_path(spec, "template.metadata.labels");
  bool manual = json_is_true(json_get(spec, "manualSelector"));
  const struct json *name = json_path(check->object, "metadata.name");
  if (!check->old && json_string(name).len > 63) // Pods carry it as a label
    value_invalid(check, path, "template.labels", name, "must be no more than 63 bytes");
  value_check_labels(check, labels, child(check, path, "template.labels"));
  if (!check->old && selector && !manual)
    value_invalid(check, path, "selector", selector, "field not generated by system");
  if (manual && !selector)
    value_fault(check, path, "selector", VALUE_REQUIRED_ID, "Required value");
  if ((manual || (!check->old && selector)) && !value_selector_matches(selector, labels))
    value_invalid(check, path, "template.metadata.labels", labels,
                  "`selector` does not match template `labels`");
}

static const struct value_rule job_rules[] = {
    WITH("spec", job_spec_rules),
    CHECKED("spec", check_job),
    FIXED("spec.selector"),
    FIXED("spec.template"),
    FIXED("spec.completions"),
    FIXED("spec.completionMode"),
    FIXED("spec.podFailurePolicy"),
    FIXED("spec.backoffLimitPerIndex"),
    RULES_END,
};

static void check_schedule(struct value_check *check, const struct json *schedule,
                           struct str path) {
  struct str text = json_string(schedule), why;
  if (text.len && !value_cron_is_valid(text, check->arena, &why))
    value_invalid(check, path, NULL, schedule, why.ptr);
}

static void check_cron_name(struct value_check *check, const struct json *name, struct str path) {
  if (!check->old && json_string(name).len > 52)
    value_invalid(check, path, NULL, name, "must be no more than 52 characters");
}

static const struct value_rule cron_rules[] = {
    CHECKED("metadata.name", check_cron_name),
    REQUIRED("spec.schedule"),
    CHECKED("spec.schedule", check_schedule),
    ONE_OF("spec.concurrencyPolicy", "Allow,Forbid,Replace"),
    AT_LEAST("spec.startingDeadlineSeconds", 0),
    AT_LEAST("spec.successfulJobsHistoryLimit", 0),
    AT_LEAST("spec.failedJobsHistoryLimit", 0),
    WITH("spec.jobTemplate.spec", job_spec_rules),
    RULES_END,
};

const struct value_kind value_workload_kinds[] = {{&deployment_kind, deployment_rules},
                                                  {&replica_set_kind, replica_set_rules},
                                                  {&stateful_set_kind, stateful_rules},
                                                  {&daemon_set_kind, daemon_rules},
                                                  {&job_kind, job_rules},
                                                  {&cron_job_kind, cron_rules},
                                                  {&pod_kind, value_pod_rules},
                                                  {NULL, NULL}};
