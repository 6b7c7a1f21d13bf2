// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/watch_cache.h"
#include "manifests/base/alloc.h"

static void entry_free(struct watch_entry *entry) {
  if (!entry)
    return;
  arena_dispose(&entry->arena);
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

struct watch_change watch_cache_put(struct watch_cache *cache, const struct json *object) {
  struct watch_entry *entry = XNEW(struct watch_entry);
  entry->key = kube_key(&entry->arena, object);
  struct watch_entry *old = map_get(&cache->entries, entry->key);
  struct str revision = kube_revision(object);
  if (old && revision.len && str_eq(kube_revision(old->object), revision)) {
    old->seen = true;
    entry_free(entry);
    return (struct watch_change){0};
  }
  entry->object = json_dup(&entry->arena, object);
  entry->seen = true;
  map_put(&cache->entries, entry->key, entry);
  return (struct watch_change){
      .happened = true,
      .event = old ? KUBE_MODIFIED : KUBE_ADDED,
      .key = entry->key,
      .object = entry->object,
      .old = old ? old->object : NULL,
      .gone = old,
  };
}

struct watch_change watch_cache_del(struct watch_cache *cache, struct str key) {
  struct watch_entry *entry = map_del(&cache->entries, key);
  if (!entry)
    return (struct watch_change){0};
  return (struct watch_change){
      .happened = true,
      .event = KUBE_DELETED,
      .key = entry->key,
      .object = entry->object,
      .old = entry->object,
      .gone = entry,
  };
}

void watch_change_dispose(struct watch_change *change) {
  entry_free(change->gone);
  change->gone = NULL;
}
