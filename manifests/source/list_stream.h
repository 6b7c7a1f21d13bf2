// SPDX-License-Identifier: Apache-2.0
// A List of the Kubernetes API, cut anywhere by the network, to its items one by one: however long
// it is, one item at a time is held. Pure.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/base/err.h"
#include "manifests/text/json.h"

#define LIST_ENVELOPE_MAX (1u << 20) // all but the items

// Gets the text of each item, an object. Non-zero ends the feeding.
typedef int (*list_item_fn)(struct str text, void *data);

struct list_stream {
  struct buf envelope, item;
  list_item_fn each;
  void *data;
  unsigned depth; // open brackets
  bool in_string, escaped;
  bool key_is_next, at_items; // at depth 1: the last string was "items"
  bool in_items, needs_comma;
  size_t string_at; // in the envelope, where the last string of depth 1 begins
};

void list_stream_init(struct list_stream *stream, list_item_fn each, void *data);
void list_stream_dispose(struct list_stream *stream);
void list_stream_reset(struct list_stream *stream); // for the next page
// RC_PARSE, RC_LIMIT (an item over LIMIT_WATCH_LINE_BYTES, too much beside the items), or what the
// callback returned.
int list_stream_feed(struct list_stream *stream, struct str bytes, struct err *err);
// After the last byte: the List without its items.
int list_stream_end(struct list_stream *stream, struct arena *arena, struct json **ret_list,
                    struct err *err);
