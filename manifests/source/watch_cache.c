// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/watch_cache.h"
#include "manifests/base/alloc.h"
#include "manifests/base/limits.h"

#include <string.h>

static void entry_free(struct watch_entry *entry) {
  if (!entry)
    return;
  arena_dispose(&entry->arena);
  xfree(entry->block);
  xfree(entry);
}

void watch_cache_dispose(struct watch_cache *cache) {
  struct map_iter it = map_begin(&cache->entries);
  while (map_each(&it))
    entry_free(it.value);
  map_dispose(&cache->entries);
}

struct watch_entry *watch_cache_get(const struct watch_cache *cache, struct str key) {
  return map_get(&cache->entries, key);
}

// --- packed entries ---

static struct str put(char **at, struct str s) {
  struct str kept = {*at, s.len};
  if (s.len)
    memcpy(*at, s.ptr, s.len);
  *at += s.len;
  return kept;
}

static void pack(struct watch_entry *entry, const struct json *object) {
  struct arena arena = {0};
  struct str key = kube_key(&arena, object), revision = kube_revision(object);
  struct buf text;
  buf_init(&text, SIZE_MAX / 2);
  (void)json_write(&text, object);
  entry->block = xmalloc(key.len + revision.len + text.len + 1);
  char *at = entry->block;
  entry->key = put(&at, key);
  entry->revision = put(&at, revision);
  entry->text = put(&at, buf_str(&text));
  buf_dispose(&text);
  arena_dispose(&arena);
}

const struct json *watch_cache_tree(struct watch_cache *cache, struct watch_entry *entry) {
  if (entry->object)
    return entry->object;
  // It was written from a tree, so only its limits could be in the way: as if it were not there.
  if (json_parse(entry->text, &entry->arena, &entry->object, NULL) != RC_OK) {
    arena_dispose(&entry->arena);
    entry->object = NULL;
    return NULL;
  }
  entry->next_warm = cache->warm;
  cache->warm = entry;
  return entry->object;
}

static void cool(struct watch_entry *entry) {
  arena_dispose(&entry->arena);
  entry->object = NULL;
  entry->next_warm = NULL;
}

void watch_cache_cool(struct watch_cache *cache) {
  while (cache->warm) {
    struct watch_entry *entry = cache->warm;
    cache->warm = entry->next_warm;
    cool(entry);
  }
}

// An entry that goes leaves the warm ones; its tree stays with it.
static void unlink_warm(struct watch_cache *cache, struct watch_entry *entry) {
  for (struct watch_entry **at = &cache->warm; *at; at = &(*at)->next_warm)
    if (*at == entry) {
      *at = entry->next_warm;
      return;
    }
}

static const struct json *last_state(struct watch_cache *cache, struct watch_entry *entry) {
  const struct json *object = watch_cache_tree(cache, entry);
  if (cache->packed)
    unlink_warm(cache, entry);
  return object;
}

// --- changes ---

struct watch_change watch_cache_put(struct watch_cache *cache, const struct json *object) {
  struct arena arena = {0};
  struct watch_entry *old = map_get(&cache->entries, kube_key(&arena, object));
  struct str revision = kube_revision(object);
  arena_dispose(&arena);
  if (old && revision.len && str_eq(old->revision, revision)) {
    old->seen = true;
    return (struct watch_change){0};
  }
  struct watch_entry *entry = XNEW(struct watch_entry);
  if (cache->packed) {
    pack(entry, object);
  } else {
    entry->key = kube_key(&entry->arena, object);
    entry->object = json_dup(&entry->arena, object);
    entry->revision = kube_revision(entry->object);
  }
  entry->seen = true;
  struct watch_change change = {.happened = true,
                                .event = old ? KUBE_MODIFIED : KUBE_ADDED,
                                .key = entry->key,
                                .object = cache->packed ? object : entry->object,
                                .old = old ? last_state(cache, old) : NULL,
                                .gone = old};
  map_put(&cache->entries, entry->key, entry);
  return change;
}

struct watch_change watch_cache_del(struct watch_cache *cache, struct str key) {
  struct watch_entry *entry = map_del(&cache->entries, key);
  if (!entry)
    return (struct watch_change){0};
  const struct json *object = last_state(cache, entry);
  return (struct watch_change){
      .happened = true,
      .event = KUBE_DELETED,
      .key = entry->key,
      .object = object,
      .old = object,
      .gone = entry,
  };
}

void watch_change_dispose(struct watch_change *change) {
  entry_free(change->gone);
  change->gone = NULL;
}
