// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/event.h"

static const struct field source_fields[] = {
    F_STRING(struct event_source, component, "component"),
    F_STRING(struct event_source, host, "host"),
};
static const struct schema source_schema =
    SCHEMA("EventSource", struct event_source, source_fields);

static const struct field event_fields[] = {
    F_OBJECT(struct event, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct event, involved_object, "involvedObject", &object_reference_schema,
             .doc = "What it happened to."),
    F_STRING(struct event, reason, "reason", .doc = "One word for programs."),
    F_STRING(struct event, message, "message", .doc = "A sentence for people."),
    F_OBJECT(struct event, source, "source", &source_schema, .doc = "Who says so."),
    F_TIME(struct event, first_timestamp_ms, "firstTimestamp"),
    F_TIME(struct event, last_timestamp_ms, "lastTimestamp"),
    F_INT(struct event, count, "count", .doc = "How often it happened."),
    F_STRING(struct event, type, "type", .doc = "Normal or Warning."),
    F_MICRO_TIME(struct event, event_time_ms, "eventTime"),
    F_JSON(struct event, series, "series"),
    F_STRING(struct event, action, "action"),
    F_OPTIONAL(struct event, related, "related", &object_reference_schema),
    F_STRING(struct event, reporting_component, "reportingComponent"),
    F_STRING(struct event, reporting_instance, "reportingInstance"),
};
static const struct schema event_schema = SCHEMA("Event", struct event, event_fields);

static const struct printer_column columns[] = {
    {.name = "Last Seen", .type = "date", .path = ".lastTimestamp"},
    {.name = "Type", .type = "string", .path = ".type"},
    {.name = "Reason", .type = "string", .path = ".reason"},
    {.name = "Object", .type = "string", .path = ".involvedObject.name"},
    {.name = "Message", .type = "string", .path = ".message"},
};

const struct kind_desc event_kind = {
    .group = "",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "Event",
    .plural = "events",
    .singular = "event",
    .short_names = (const char *const[]){"ev", NULL},
    .namespaced = true,
    .builtin = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &event_schema,
    .doc = "Something that happened to an object.",
};
