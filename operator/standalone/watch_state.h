// SPDX-License-Identifier: Apache-2.0
// Private to watch.c and watch_write.c.
#pragma once

#include "operator/standalone/watch.h"

struct watch_hub {
  struct store *store;
  struct watch *watches;
  size_t watch_count;
  int64_t published;    // revision that all caught-up watches have seen
  size_t bytes;         // in the buffers of all watches
  struct arena arena;   // of the turn's events
  struct event *events; // of this turn
  size_t count, capacity;
};

// One event on its way to the watches; the json trees are made when a watch needs them.
struct event {
  enum store_event_type type;
  const struct kind_desc *kind;
  int64_t revision;
  struct str body, prev;
  struct json *object, *before;
};

struct watch {
  struct watch_hub *hub;
  struct watch *next, **link;
  struct arena arena; // of the options
  struct watch_options options;
  struct str resource;
  int64_t cursor;         // all up to this revision is in `out` or was not for us
  bool initial;           // the objects as of `cursor` are not all in `out` yet
  struct arena place;     // of `after`
  struct store_key after; // the last of them that is
  struct buf out;
  size_t sent, counted; // of `out`: already read; part of the hub's sum
  bool columns_sent, ended;
  void (*wake)(void *data);
  void *data;
};

// watch_write.c: an event that the watch is for, an ERROR that ends it, a BOOKMARK at its cursor.
void watch_feed(struct watch *watch, struct event *event, struct arena *arena);
void watch_write_error(struct watch *watch, int code, const char *reason, const char *message);
void watch_write_bookmark(struct watch *watch, bool initial_end);
