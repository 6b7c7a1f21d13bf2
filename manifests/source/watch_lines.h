// SPDX-License-Identifier: Apache-2.0
// The body of a watch: lines of JSON, cut anywhere by the network, to events. Pure. Used by
// kube_watch.c.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/base/err.h"
#include "manifests/text/json.h"

struct watch_lines {
  struct buf rest; // the start of a line whose end has not come
  size_t searched; // bytes of it that hold no newline
};

// Gets each whole line without its newline, empty ones left out. Non-zero stops the feeding.
typedef int (*watch_line_fn)(struct str line, void *data);

void watch_lines_init(struct watch_lines *lines);
void watch_lines_dispose(struct watch_lines *lines);
void watch_lines_reset(struct watch_lines *lines);
// RC_LIMIT when a line is over LIMIT_WATCH_LINE_BYTES, or what the callback returned.
int watch_lines_feed(struct watch_lines *lines, struct str bytes, watch_line_fn each, void *data);

enum watch_type { WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED, WATCH_BOOKMARK, WATCH_ERROR };

struct watch_event {
  enum watch_type type;
  struct json *object; // always an object; for WATCH_ERROR a Status
};

// RC_PARSE for anything but {"type": one of the five, "object": {...}}.
int watch_event_parse(struct str line, struct arena *arena, struct watch_event *ret_event,
                      struct err *err);
