// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/watch_lines.h"
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"

#include <string.h>

#define REST_KEPT 4096 // a watch is silent most of the time, and one object may be large

void watch_lines_init(struct watch_lines *lines) {
  buf_init(&lines->rest, LIMIT_WATCH_LINE_BYTES);
  lines->searched = 0;
}

void watch_lines_dispose(struct watch_lines *lines) {
  buf_dispose(&lines->rest);
  lines->searched = 0;
}

void watch_lines_reset(struct watch_lines *lines) {
  buf_reset(&lines->rest);
  lines->searched = 0;
}

int watch_lines_feed(struct watch_lines *lines, struct str bytes, watch_line_fn each, void *data) {
  struct buf *rest = &lines->rest;
  if (buf_add_str(rest, bytes) != RC_OK)
    return RC_LIMIT;
  size_t start = 0;
  int rc = RC_OK;
  while (rc == RC_OK) {
    size_t from = lines->searched > start ? lines->searched : start;
    const char *newline =
        rest->len > from ? memchr(rest->ptr + from, '\n', rest->len - from) : NULL;
    if (!newline)
      break;
    size_t end = (size_t)(newline - rest->ptr);
    struct str line = str_trim((struct str){rest->ptr + start, end - start});
    start = end + 1;
    if (line.len)
      rc = each(line, data);
  }
  if (start)
    buf_consume(rest, start);
  if (!rest->len && rest->cap > REST_KEPT)
    buf_dispose(rest);
  lines->searched = rc == RC_OK ? rest->len : 0;
  return rc;
}

static const char *const type_names[] = {
    [WATCH_ADDED] = "ADDED",       [WATCH_MODIFIED] = "MODIFIED", [WATCH_DELETED] = "DELETED",
    [WATCH_BOOKMARK] = "BOOKMARK", [WATCH_ERROR] = "ERROR",
};

int watch_event_parse(struct str line, struct arena *arena, struct watch_event *ret_event,
                      struct err *err) {
  struct json *event;
  int rc = json_parse(line, arena, &event, err);
  if (rc)
    return err_wrap(err, RC_PARSE, "watch event");
  struct json *object = json_get(event, "object");
  struct str type = json_get_string(event, "type");
  if (!json_is(object, JSON_OBJECT))
    return err_set(err, RC_PARSE, "watch event: it has no object");
  for (size_t i = 0; i < ARRAY_LEN(type_names); i++)
    if (str_eq_z(type, type_names[i])) {
      *ret_event = (struct watch_event){(enum watch_type)i, object};
      return RC_OK;
    }
  return err_set(err, RC_PARSE, "watch event: unknown type \"%.*s\"", STR_ARG(type));
}
