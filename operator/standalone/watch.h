// SPDX-License-Identifier: Apache-2.0
// Watches of the API server. The hub collects what one loop turn wrote and, after the commit, hands
// it to the open watches. A watch holds a cursor into the store's history, not a queue: a slow
// reader falls behind and is fed from the history again, so nothing is lost and memory is bounded.
// Knows no sockets: the HTTP side reads bytes and is woken.
#pragma once

#include "operator/standalone/api_call.h"
#include "operator/standalone/api_object.h"
#include "operator/standalone/rest_path.h"
#include "operator/standalone/store.h"
#include "operator/standalone/table.h"

struct watch;
struct watch_hub;

#define WATCH_BUFFER_BYTES (256u << 10) // above it a watch is fed from the history instead
#define WATCH_TOTAL_BYTES (32u << 20)   // of all watches together: above it the same
#define WATCH_EVENT_BYTES (8u << 20)    // one event, beyond WATCH_BUFFER_BYTES
#define WATCH_HISTORY_PAGE 64u          // events taken from the history at once

struct watch_options {
  const struct kind_desc *kind;
  struct str version;
  struct api_filter filter;
  enum table_include include; // TABLE_OFF: plain objects
  bool bookmarks;
  bool from_start;       // current objects first
  bool initial_bookmark; // sendInitialEvents: end them with a marked bookmark
  int64_t revision;      // else: what comes after it
};

struct watch_hub *watch_hub_new(struct store *store);
void watch_hub_free(struct watch_hub *hub); // all watches must be closed

// One write of the turn; everything is copied. old: the state before (NULL for ADDED).
void watch_record(struct watch_hub *hub, enum store_event_type type, const struct kind_desc *kind,
                  int64_t revision, struct str body, struct str prev);
// Returns the number recorded, to be given to watch_forget when those after it are undone.
size_t watch_recorded(const struct watch_hub *hub);
void watch_forget(struct watch_hub *hub, size_t recorded);
// After a commit: feeds the watches and wakes their readers.
void watch_publish(struct watch_hub *hub);

// Refused with a fault: 410 and the like. Copies the options. `wake` is called (from watch_publish
// and watch_end) when watch_read has something to give; it must not read at once.
int watch_open(struct watch_hub *hub, struct api_call *call, const struct watch_options *options,
               void (*wake)(void *data), void *data, struct watch **ret_watch);
void watch_close(struct watch *watch);
// Up to `max` bytes of the stream. 0: nothing now, wake will be called. -1: the stream has ended.
ptrdiff_t watch_read(struct watch *watch, char *to, size_t max);
// The stream ends after what is buffered.
void watch_end(struct watch *watch);
// A bookmark for those that asked and have nothing else waiting; each minute.
void watch_bookmark_all(struct watch_hub *hub);
void watch_end_all(struct watch_hub *hub);
size_t watch_count(const struct watch_hub *hub);
size_t watch_bytes(const struct watch_hub *hub); // that wait to be read
// A definition's kinds change: whether any watch still has this description, and the end of those
// that do (their clients list again).
bool watch_uses(const struct watch_hub *hub, const struct kind_desc *kind);
void watch_end_kind(struct watch_hub *hub, const struct kind_desc *kind);
