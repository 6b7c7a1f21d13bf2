// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/rollout_action.h"
#include "manifests/base/bug.h"
#include "manifests/schema/check.h"

const struct enum_value rollout_verb_values[] = {
    {.name = ""},
    {.name = "promote", .doc = "End the current step."},
    {.name = "promoteFull", .doc = "Go to 100 % at once, and bake."},
    {.name = "abort", .doc = "Put all traffic back to stable."},
    {.name = "retry", .doc = "Try a failed or aborted release again."},
    {.name = "pause", .doc = "Stay where it is. The judge goes on watching."},
    {.name = "resume", .doc = "Go on after pause."},
    {.name = "undo", .doc = "Release an earlier version."},
    {.name = NULL},
};

static const struct enum_value result_values[] = {
    {.name = ""},
    {.name = "Done", .doc = "It took effect."},
    {.name = "Refused", .doc = "It did not apply; the message says why."},
    {.name = NULL},
};

static const struct field spec_fields[] = {
    F_STRING(struct rollout_action_spec, rollout, "rollout", .required = true, .not_empty = true,
             F_RANGE(1, 253), .doc = "Name of the Rollout, in the same namespace."),
    F_ENUM(struct rollout_action_spec, verb, "verb", rollout_verb_values, .required = true,
           .doc = "What to do."),
    F_STRING(struct rollout_action_spec, reason, "reason", F_RANGE(0, 1024),
             .doc = "Why; kept in the history."),
    F_INT(struct rollout_action_spec, to_revision, "toRevision", F_AT_LEAST(0),
          .doc = "undo: the revision to go back to. Left out: the one before."),
};
static void check_spec(const void *object, struct check *check) {
  const struct rollout_action_spec *spec = object;
  if (spec->to_revision > 0 && spec->verb != ROLLOUT_UNDO)
    check_error(check, "unused", "toRevision", "is for the verb undo only");
}
static const struct schema_rule spec_rules[] = {
    {"!has(self.toRevision) || self.toRevision == 0 || self.verb == 'undo'",
     "toRevision is for the verb undo only"},
};
static const struct schema spec_schema =
    SCHEMA("RolloutActionSpec", struct rollout_action_spec, spec_fields, .check = check_spec,
           S_RULES(spec_rules));

static const struct field status_fields[] = {
    F_TIME(struct rollout_action_status, handled_at, "handledAt"),
    F_ENUM(struct rollout_action_status, result, "result", result_values),
    F_STRING(struct rollout_action_status, message, "message"),
};
static const struct schema status_schema =
    SCHEMA("RolloutActionStatus", struct rollout_action_status, status_fields);

static const struct field fields[] = {
    F_OBJECT(struct rollout_action, metadata, "metadata", &object_meta_schema, .required = true),
    F_OBJECT(struct rollout_action, spec, "spec", &spec_schema, .required = true),
    F_OBJECT(struct rollout_action, status, "status", &status_schema, .read_only = true),
};
static const struct schema schema = SCHEMA("RolloutAction", struct rollout_action, fields);

static const char *const versions[] = {"v1alpha1", NULL};
static const char *const short_names[] = {"sra", NULL};
static const char *const categories[] = {"serin", NULL};
static const struct printer_column columns[] = {
    {.name = "Rollout", .type = "string", .path = ".spec.rollout"},
    {.name = "Verb", .type = "string", .path = ".spec.verb"},
    {.name = "Result", .type = "string", .path = ".status.result"},
    {.name = "Message", .type = "string", .path = ".status.message"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc rollout_action_kind = {
    .group = "serin.dev",
    .versions = versions,
    .kind = "RolloutAction",
    .plural = "rolloutactions",
    .singular = "rolloutaction",
    .short_names = short_names,
    .categories = categories,
    .namespaced = true,
    .ours = true,
    .has_status = true,
    .has_generation = true,
    .immutable_spec = true,
    .columns = columns,
    .column_count = ARRAY_LEN(columns),
    .schema = &schema,
    .doc = "A RolloutAction is one manual verb on one Rollout. It is immutable, handled exactly "
           "once, answered in its "
           "status and kept as the audit trail.",
};

const char *rollout_verb_name(enum rollout_verb verb) {
  return enum_name(rollout_verb_values, (int)verb);
}

struct str rollout_action_who(const struct rollout_action *action, bool stamped,
                              struct arena *arena) {
  struct str user = string_map_get_z(&action->metadata.annotations, ROLLOUT_ACTION_USER);
  struct str claimed = string_map_get_z(&action->metadata.annotations, ROLLOUT_ACTION_CLAIMED);
  if (stamped && !str_is_empty(user))
    return user;
  if (!stamped && !str_is_empty(user))
    claimed = user;
  return str_is_empty(claimed) ? STR("unknown")
                               : arena_printf(arena, "%.*s (claimed)", STR_ARG(claimed));
}
