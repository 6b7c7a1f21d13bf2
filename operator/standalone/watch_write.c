// SPDX-License-Identifier: Apache-2.0
// Events as the bytes that a watch reads.
#include "manifests/base/clock.h"
#include "operator/standalone/watch_state.h"

static void event_parse(struct event *event, struct arena *arena) {
  if (!event->object)
    (void)json_parse(event->body, arena, &event->object, NULL);
  if (!event->before && event->prev.len)
    (void)json_parse(event->prev, arena, &event->before, NULL);
}

static const char *const type_names[] = {
    [STORE_ADDED] = "ADDED", [STORE_MODIFIED] = "MODIFIED", [STORE_DELETED] = "DELETED"};

static void write_table(struct watch *watch, struct json *object, struct arena *arena) {
  const struct watch_options *o = &watch->options;
  api_set_version(arena, object, o->kind, o->version);
  if (o->include == TABLE_PARTIAL) {
    json_write(&watch->out, table_partial(object, arena));
    return;
  }
  struct json *table = table_new(o->kind, "meta.k8s.io/v1", !watch->columns_sent, arena);
  watch->columns_sent = true;
  struct json *meta = json_need_object(arena, table, "metadata");
  json_put_string(arena, meta, "resourceVersion", api_meta_string(object, "resourceVersion"));
  table_add(table, o->kind, object, o->include, clock_wall_ms(), arena);
  json_write(&watch->out, table);
}

// `object` is used for tables and may be NULL else.
static void write_event(struct watch *watch, enum store_event_type type, struct str body,
                        struct json *object, struct arena *arena) {
  buf_addf(&watch->out, "{\"type\":\"%s\",\"object\":", type_names[type]);
  if (watch->options.include == TABLE_OFF)
    api_write_body(&watch->out, body, watch->options.kind, watch->options.version);
  else
    write_table(watch, json_dup(arena, object), arena);
  buf_add_z(&watch->out, "}\n");
}

// What the watch's selectors make of an event.
void watch_feed(struct watch *watch, struct event *event, struct arena *arena) {
  const struct watch_options *o = &watch->options;
  if (!kind_is_same(event->kind, o->kind))
    return;
  bool plain = o->include == TABLE_OFF && api_filter_is_empty(&o->filter) && o->filter.ns.len == 0;
  if (plain) {
    write_event(watch, event->type, event->body, NULL, arena);
    return;
  }
  event_parse(event, arena);
  bool now = api_filter_match(&o->filter, event->object);
  // Without a kept state before, no selector can tell the two apart.
  bool before = event->before ? api_filter_match(&o->filter, event->before) : now;
  if (event->type == STORE_ADDED)
    before = false;
  if (event->type == STORE_DELETED) {
    before = before || now;
    now = false;
  }
  if (now) {
    write_event(watch, before ? STORE_MODIFIED : STORE_ADDED, event->body, event->object, arena);
  } else if (before && event->type == STORE_DELETED) {
    write_event(watch, STORE_DELETED, event->body, event->object, arena);
  } else if (before) {
    // It left the selection: its old state, with the revision of the change.
    struct json *old = json_dup(arena, event->before ? event->before : event->object);
    api_set_revision(arena, old, event->revision);
    write_event(watch, STORE_DELETED, json_text(arena, old), old, arena);
  }
}

void watch_write_error(struct watch *watch, int code, const char *reason, const char *message) {
  buf_addf(
      &watch->out,
      "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
      "\"status\":\"Failure\",\"message\":\"%s\",\"reason\":\"%s\",\"code\":%d}}\n",
      message, reason, code);
  watch->ended = true;
}

void watch_write_bookmark(struct watch *watch, bool initial_end) {
  const struct kind_desc *kind = watch->options.kind;
  struct arena arena;
  arena_init(&arena);
  struct str api_version = kind_api_version(kind, watch->options.version, &arena);
  buf_addf(
      &watch->out,
      "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%.*s\",\"metadata\":{"
      "\"resourceVersion\":\"%lld\",\"creationTimestamp\":null%s}}}\n",
      kind->kind, STR_ARG(api_version), (long long)watch->cursor,
      initial_end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
  arena_dispose(&arena);
}
