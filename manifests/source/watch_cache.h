// SPDX-License-Identifier: Apache-2.0
// The objects of one watch, by "ns/name": as trees, or packed (text_pack.h), from which a tree is
// made when somebody looks, or only their revisions. Pure but for the memory. Used by kube_watch.c.
#pragma once

#include "manifests/base/map.h"
#include "manifests/source/kube_watch.h"
#include "manifests/source/text_pack.h"

struct watch_tree {
  struct arena arena;
  struct json *object;
  struct watch_entry *entry;
  struct watch_tree *next_warm;
};

struct watch_entry {        // one block
  struct watch_tree *tree;  // NULL: packed, and nobody has looked lately
  struct text_words *words; // that the text was packed with
  uint32_t key_len, revision_len;
  uint32_t packed_len, text_len; // 0: not packed
  bool seen;                     // by the list that is being compared
  char bytes[];                  // key, revision, packed text
};

struct watch_cache {
  struct map entries; // key -> struct watch_entry; borrows the entries' keys
  enum kube_keep keep;
  bool without_old;        // changes of packed objects do not tell the state before
  struct text_pack pack;   // the newest words
  struct watch_tree *warm; // of packed entries
};

// What a change did; all but the key lives until watch_change_dispose.
struct watch_change {
  bool happened; // false: that state was there already
  enum kube_event event;
  struct str key;
  const struct json *object, *old; // as kube_event_fn says
  struct watch_entry *gone;        // freed by dispose
};

void watch_cache_init(struct watch_cache *cache, enum kube_keep keep, bool without_old);
void watch_cache_dispose(struct watch_cache *cache);
struct str watch_entry_key(const struct watch_entry *entry);
struct watch_entry *watch_cache_get(const struct watch_cache *cache, struct str key);
// The entry's tree, made when there is none: valid until watch_cache_cool. NULL when it is not
// kept.
const struct json *watch_cache_tree(struct watch_cache *cache, struct watch_entry *entry);
// Drops the trees of packed entries.
void watch_cache_cool(struct watch_cache *cache);
// Keeps the object; the change's object is the kept tree, else the one that was given.
// Nothing happens when the entry has the same resourceVersion already.
struct watch_change watch_cache_put(struct watch_cache *cache, const struct json *object);
struct watch_change watch_cache_del(struct watch_cache *cache, struct str key);
void watch_change_dispose(struct watch_change *change);
