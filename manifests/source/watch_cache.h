// SPDX-License-Identifier: Apache-2.0
// The objects of one watch, each in its own arena, by "ns/name". Pure but for the memory. Used by
// kube_watch.c.
#pragma once

#include "manifests/base/map.h"
#include "manifests/source/kube_watch.h"

struct watch_entry {
  struct arena arena; // holds all of it
  struct str key;
  struct json *object;
  bool seen; // by the list that is being compared
};

struct watch_cache {
  struct map entries; // key -> struct watch_entry
};

// What a change did; `old` lives until watch_change_dispose.
struct watch_change {
  bool happened; // false: that state was there already
  enum kube_event event;
  struct str key;
  const struct json *object, *old;
  struct watch_entry *gone; // freed by dispose
};

void watch_cache_dispose(struct watch_cache *cache);
struct watch_entry *watch_cache_get(const struct watch_cache *cache, struct str key);
// Copies the object. Nothing happens when the entry has the same resourceVersion already.
struct watch_change watch_cache_put(struct watch_cache *cache, const struct json *object);
struct watch_change watch_cache_del(struct watch_cache *cache, struct str key);
void watch_change_dispose(struct watch_change *change);
