// SPDX-License-Identifier: Apache-2.0
// events.k8s.io/v1: the same Events with newer names.
#include "manifests/kinds/event.h"
#include "manifests/text/json.h"

static const struct field source_fields[] = {
    F_STRING(struct event_source, component, "component"),
    F_STRING(struct event_source, host, "host"),
};
static const struct schema source_schema =
    SCHEMA("EventSource", struct event_source, source_fields);

static const struct field fields[] = {
    F_OBJECT(struct event, metadata, "metadata", &object_meta_schema),
    F_MICRO_TIME(struct event, event_time_ms, "eventTime", .doc = "When it happened first."),
    F_JSON(struct event, series, "series", .doc = "How often it happened, and when last."),
    F_STRING(struct event, reporting_component, "reportingController", .doc = "Who says so."),
    F_STRING(struct event, reporting_instance, "reportingInstance", .doc = "Which one of them."),
    F_STRING(struct event, action, "action", .doc = "What was done."),
    F_STRING(struct event, reason, "reason", .doc = "One word for programs."),
    F_OBJECT(struct event, involved_object, "regarding", &object_reference_schema,
             .doc = "What it happened to."),
    F_OPTIONAL(struct event, related, "related", &object_reference_schema,
               .doc = "Another object that has to do with it."),
    F_STRING(struct event, message, "note", .doc = "A sentence for people."),
    F_STRING(struct event, type, "type", .doc = "Normal or Warning."),
    F_OBJECT(struct event, source, "deprecatedSource", &source_schema, .doc = "Who says so."),
    F_TIME(struct event, first_timestamp_ms, "deprecatedFirstTimestamp",
           .doc = "When it happened first."),
    F_TIME(struct event, last_timestamp_ms, "deprecatedLastTimestamp",
           .doc = "When it happened last."),
    F_INT(struct event, count, "deprecatedCount", .doc = "How often it happened."),
};
static const struct schema schema = SCHEMA("Event", struct event, fields);

static const struct {
  const char *core, *alias;
} names[] = {
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
    {"reportingComponent", "reportingController"},
};

static void rename_field(struct json *object, const char *from, const char *to,
                         struct arena *arena) {
  const struct json *value = json_get(object, from);
  if (!value)
    return;
  json_put(arena, object, to, json_dup(arena, value));
  json_remove(object, str_of(from));
}

static void to_alias(struct json *object, struct arena *arena) {
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    rename_field(object, names[i].core, names[i].alias, arena);
}

static void from_alias(struct json *object, struct arena *arena) {
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    rename_field(object, names[i].alias, names[i].core, arena);
}

const struct kind_desc event_alias_kind = {
    .group = "events.k8s.io",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "Event",
    .plural = "events",
    .singular = "event",
    .short_names = (const char *const[]){"ev", NULL},
    .namespaced = true,
    .builtin = true,
    .schema = &schema,
    .alias_of = &event_kind,
    .to_alias = to_alias,
    .from_alias = from_alias,
    .doc = "Something that happened to an object.",
};
