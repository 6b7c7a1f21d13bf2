// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/describe_text.h"
#include "manifests/schema/decode.h"
#include "manifests/text/duration.h"
#include "manifests/text/time.h"
#include "manifests/text/yaml.h"
#include "operator/cli/apply_merge.h"
#include "operator/cli/original_text.h"
#include "operator/cli/table_text.h"

#include <stdlib.h>

#define LABEL "%-13s "

static void line(struct buf *out, const char *name, struct str value) {
  buf_addf(out, LABEL "%.*s\n", name, STR_ARG(value.len ? value : STR("<none>")));
}

static void map_lines(struct buf *out, const char *name, const struct json *map) {
  bool any = false;
  JSON_EACH(item, map) {
    if (str_eq_z(item->key, APPLY_ANNOTATION))
      continue;
    buf_addf(out, LABEL "%.*s=%.*s\n", any ? "" : name, STR_ARG(item->key),
             STR_ARG(json_string(item)));
    any = true;
  }
  if (!any)
    line(out, name, STR_NULL);
}

static void section(struct buf *out, const char *name, const struct json *value) {
  struct buf yaml;
  struct str rest, text;
  if (!value)
    return;
  buf_init(&yaml, 16u << 20);
  yaml_write(&yaml, value);
  buf_addf(out, "%s:\n", name);
  rest = buf_str(&yaml);
  while (str_next(&rest, '\n', &text))
    if (text.len)
      buf_addf(out, "  %.*s\n", STR_ARG(text));
  buf_dispose(&yaml);
}

static int64_t event_ms(const struct json *event) {
  static const char *const fields[] = {"series.lastObservedTime", "lastTimestamp", "eventTime",
                                       "firstTimestamp", "metadata.creationTimestamp"};
  int64_t ms;
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    if (time_parse(json_path_string(event, fields[i]), &ms))
      return ms;
  return 0;
}

static int by_time(const void *a, const void *b) {
  int64_t left = event_ms(*(const struct json *const *)a);
  int64_t right = event_ms(*(const struct json *const *)b);
  return left < right ? -1 : left > right;
}

static void add_event(struct table_text *table, const struct json *event, int64_t now_ms,
                      struct arena *arena) {
  int64_t count = json_int(json_get(event, "count"), json_int(json_path(event, "series.count"), 1));
  int64_t ms = event_ms(event);
  struct str age = ms ? duration_words(arena, now_ms > ms ? now_ms - ms : 0) : STR("-");
  struct str from = json_path_string(event, "source.component");
  struct str note = json_get_string(event, "message");
  if (!from.len)
    from = json_get_string(event, "reportingComponent");
  if (!from.len)
    from = json_get_string(event, "reportingController");
  if (!note.len)
    note = json_get_string(event, "note");
  table_text_add(table, arena_printf(arena, "  %.*s", STR_ARG(json_get_string(event, "type"))));
  table_text_add(table, json_get_string(event, "reason"));
  table_text_add(
      table, count > 1 ? arena_printf(arena, "%.*s (x%lld)", STR_ARG(age), (long long)count) : age);
  table_text_add(table, from);
  table_text_add(table, note);
}

static void write_events(const struct json *events, int64_t now_ms, struct arena *arena,
                         struct buf *out) {
  static const char *const titles[] = {"  Type", "Reason", "Age", "From", "Message"};
  struct table_text table;
  if (!events || events->count == 0) {
    line(out, "Events:", STR_NULL);
    return;
  }
  const struct json **sorted = ARENA_ARRAY(arena, const struct json *, events->count);
  size_t count = 0;
  JSON_EACH(event, events)
    sorted[count++] = event;
  qsort(sorted, count, sizeof *sorted, by_time);
  buf_add_z(out, "Events:\n");
  table_text_init(&table, arena, sizeof titles / sizeof titles[0]);
  for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
    table_text_addz(&table, titles[i]);
  for (size_t i = 0; i < count; i++)
    add_event(&table, sorted[i], now_ms, arena);
  table_text_write(&table, out);
}

// Values of Secrets are not for the screen: only their sizes, as kubectl does.
static void secret_sizes(const struct json *data, struct buf *out) {
  buf_add_z(out, "Data:\n");
  JSON_EACH(item, data) {
    struct str text = json_string(item);
    size_t padding = str_ends(text, STR("==")) ? 2 : str_ends(text, STR("=")) ? 1 : 0;
    buf_addf(out, "  %.*s: %zu bytes\n", STR_ARG(item->key), text.len / 4 * 3 - padding);
  }
}

// A Rollout with workloadRef: what becomes of its Deployment.
static void original_lines(const struct json *object, struct arena *arena, struct buf *out) {
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
  void *rollout = NULL;
  if (!json_path(object, "spec.workloadRef") ||
      !str_eq_z(json_get_string(object, "kind"), "Rollout"))
    return;
  (void)kind_decode(&rollout_kind, object, &options, arena, NULL, &rollout);
  if (!rollout)
    return;
  struct original_text text = original_text(rollout, arena);
  line(out, "Deployment:", text.now);
  line(out, "Next:", text.next);
  if (text.todo.len)
    line(out, "For a person:", text.todo);
}

void describe_text(const struct json *object, const struct json *events, int64_t now_ms,
                   struct arena *arena, struct buf *out) {
  const struct json *metadata = json_get(object, "metadata");
  struct str kind = json_get_string(object, "kind");
  line(out, "Name:", json_get_string(metadata, "name"));
  if (json_get_string(metadata, "namespace").len)
    line(out, "Namespace:", json_get_string(metadata, "namespace"));
  line(out, "Kind:",
       arena_printf(arena, "%.*s (%.*s)", STR_ARG(kind),
                    STR_ARG(json_get_string(object, "apiVersion"))));
  map_lines(out, "Labels:", json_get(metadata, "labels"));
  map_lines(out, "Annotations:", json_get(metadata, "annotations"));
  line(out, "Created:", json_get_string(metadata, "creationTimestamp"));
  if (json_get_string(metadata, "deletionTimestamp").len)
    line(out, "Deleted:", json_get_string(metadata, "deletionTimestamp"));
  JSON_EACH(owner, json_get(metadata, "ownerReferences"))
    line(out, "Owned by:",
         arena_printf(arena, "%.*s/%.*s", STR_ARG(json_get_string(owner, "kind")),
                      STR_ARG(json_get_string(owner, "name"))));
  original_lines(object, arena, out);
  JSON_EACH(part, object) {
    static const char *const own[] = {"metadata", "kind", "apiVersion"};
    bool skip = false;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
      skip |= str_eq_z(part->key, own[i]);
    if (skip)
      continue;
    if (str_eq_z(kind, "Secret") &&
        (str_eq_z(part->key, "data") || str_eq_z(part->key, "stringData")))
      secret_sizes(part, out);
    else if (part->type == JSON_OBJECT || part->type == JSON_ARRAY)
      section(out, arena_str(arena, part->key).ptr, part);
    else
      line(out, arena_printf(arena, "%.*s:", STR_ARG(part->key)).ptr,
           part->type == JSON_STRING ? part->string : json_text(arena, part));
  }
  write_events(events, now_ms, arena, out);
}
