// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/map.h"
#include "manifests/base/alloc.h"

#include <string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion" // uthash narrows lengths itself
#pragma GCC diagnostic ignored "-Wcast-qual"
#define uthash_malloc(size) xmalloc(size)
#define uthash_free(ptr, size) xfree(ptr)
#include <uthash.h>

struct map_entry {
  UT_hash_handle hh;
  void *value;
  size_t len;
  char key[];
};

void map_init(struct map *map) {
  map->head = NULL;
}

static struct map_entry *find(const struct map *map, struct str key) {
  struct map_entry *entry = NULL;
  HASH_FIND(hh, map->head, key.ptr ? key.ptr : "", key.len, entry);
  return entry;
}

void *map_get(const struct map *map, struct str key) {
  struct map_entry *entry = find(map, key);
  return entry ? entry->value : NULL;
}

void *map_put(struct map *map, struct str key, void *value) {
  struct map_entry *entry = find(map, key);
  if (entry) {
    void *old = entry->value;
    entry->value = value;
    return old;
  }
  entry = xcalloc(1, sizeof *entry + key.len + 1);
  if (key.len)
    memcpy(entry->key, key.ptr, key.len);
  entry->len = key.len;
  entry->value = value;
  HASH_ADD_KEYPTR(hh, map->head, entry->key, entry->len, entry);
  return NULL;
}

void *map_del(struct map *map, struct str key) {
  struct map_entry *entry = find(map, key);
  if (!entry)
    return NULL;
  void *value = entry->value;
  HASH_DEL(map->head, entry);
  xfree(entry);
  return value;
}

void map_dispose(struct map *map) {
  struct map_entry *entry, *next;
  HASH_ITER(hh, map->head, entry, next) {
    HASH_DEL(map->head, entry);
    xfree(entry);
  }
}

size_t map_count(const struct map *map) {
  return HASH_COUNT(map->head);
}

struct map_iter map_begin(const struct map *map) {
  return (struct map_iter){.next = map->head};
}

bool map_each(struct map_iter *iter) {
  struct map_entry *entry = iter->next;
  if (!entry)
    return false;
  iter->next = entry->hh.next;
  iter->key = (struct str){entry->key, entry->len};
  iter->value = entry->value;
  return true;
}
#pragma GCC diagnostic pop
