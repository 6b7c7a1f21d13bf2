// SPDX-License-Identifier: Apache-2.0
// The objects of one watch, each in its own arena, by "ns/name"; or packed, as text, from which a
// tree is made when somebody looks. Pure but for the memory. Used by kube_watch.c.
#pragma once

#include "manifests/base/map.h"
#include "manifests/source/kube_watch.h"

struct watch_entry {
  struct arena arena;  // of the tree, and when it is not packed of all else
  struct json *object; // NULL: packed, and nobody has looked lately
  struct str key, revision;
  struct str text; // packed; these three are in one block then
  char *block;
  bool seen; // by the list that is being compared
  struct watch_entry *next_warm;
};

struct watch_cache {
  struct map entries; // key -> struct watch_entry
  bool packed;
  struct watch_entry *warm; // packed ones that have a tree
};

// What a change did; all but the key lives until watch_change_dispose.
struct watch_change {
  bool happened; // false: that state was there already
  enum kube_event event;
  struct str key;
  const struct json *object, *old;
  struct watch_entry *gone; // freed by dispose
};

void watch_cache_dispose(struct watch_cache *cache);
struct watch_entry *watch_cache_get(const struct watch_cache *cache, struct str key);
// The entry's tree, made when there is none: valid until watch_cache_cool.
const struct json *watch_cache_tree(struct watch_cache *cache, struct watch_entry *entry);
// Drops the trees of packed entries.
void watch_cache_cool(struct watch_cache *cache);
// Copies the object; the change's object is the copy, or when packed the one that was given.
// Nothing happens when the entry has the same resourceVersion already.
struct watch_change watch_cache_put(struct watch_cache *cache, const struct json *object);
struct watch_change watch_cache_del(struct watch_cache *cache, struct str key);
void watch_change_dispose(struct watch_change *change);
