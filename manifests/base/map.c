// SPDX-License-Identifier: Apache-2.0
// Slots in order of insertion, and an index into them with open addressing. A deleted entry leaves
// a hole, to which the index still points: a look-up passes over it. Holes go when the slots are
// used up.
#include "manifests/base/map.h"
#include "manifests/base/alloc.h"

#include <string.h>

#define CAPACITY_MIN 4u

struct map_slot {
  const char *key; // NULL: a hole
  void *value;
  uint32_t len, hash;
};

void map_init(struct map *map) {
  *map = (struct map){0};
}

static uint32_t hash_of(struct str key) {
  uint64_t hash = str_hash(key);
  return (uint32_t)(hash ^ hash >> 32);
}

static void free_key(const struct map *map, struct map_slot *slot) {
  if (!map->borrows_keys)
    xfree((void *)(uintptr_t)slot->key);
  slot->key = NULL;
}

static void take_key(const struct map *map, struct map_slot *slot, struct str key) {
  slot->len = (uint32_t)key.len;
  if (map->borrows_keys) {
    slot->key = key.ptr ? key.ptr : "";
    return;
  }
  char *copy = xmalloc(key.len + 1);
  if (key.len)
    memcpy(copy, key.ptr, key.len);
  copy[key.len] = '\0';
  slot->key = copy;
}

static struct map_slot *find(const struct map *map, struct str key, uint32_t hash) {
  if (!map->count)
    return NULL;
  for (uint32_t at = hash;; at++) {
    uint32_t number = map->index[at & (map->index_size - 1)];
    if (!number)
      return NULL;
    struct map_slot *slot = &map->slots[number - 1];
    if (slot->key && slot->hash == hash && slot->len == key.len &&
        (!key.len || memcmp(slot->key, key.ptr, key.len) == 0))
      return slot;
  }
}

static void enter(struct map *map, uint32_t slot) {
  uint32_t at = map->slots[slot].hash;
  while (map->index[at & (map->index_size - 1)])
    at++;
  map->index[at & (map->index_size - 1)] = slot + 1;
}

// Closes the holes, and makes room where there are few.
static void rebuild(struct map *map) {
  uint32_t kept = 0, wanted = map->capacity;
  for (uint32_t i = 0; i < map->used; i++)
    if (map->slots[i].key)
      map->slots[kept++] = map->slots[i];
  map->used = kept;
  if (kept >= wanted - wanted / 4)
    wanted = wanted ? wanted + wanted / 2 : CAPACITY_MIN;
  if (wanted != map->capacity) {
    map->slots = xrealloc(map->slots, wanted * sizeof *map->slots);
    map->capacity = wanted;
    uint32_t size = map->index_size ? map->index_size : 2 * CAPACITY_MIN;
    while (size < wanted + wanted / 3)
      size *= 2;
    if (size != map->index_size) {
      xfree(map->index);
      map->index = xmalloc(size * sizeof *map->index);
      map->index_size = size;
    }
  }
  memset(map->index, 0, map->index_size * sizeof *map->index);
  for (uint32_t i = 0; i < kept; i++)
    enter(map, i);
}

void *map_get(const struct map *map, struct str key) {
  struct map_slot *slot = find(map, key, hash_of(key));
  return slot ? slot->value : NULL;
}

void *map_put(struct map *map, struct str key, void *value) {
  uint32_t hash = hash_of(key);
  struct map_slot *slot = find(map, key, hash);
  if (slot) {
    void *old = slot->value;
    slot->value = value;
    if (map->borrows_keys)
      take_key(map, slot, key);
    return old;
  }
  if (map->used == map->capacity)
    rebuild(map);
  slot = &map->slots[map->used];
  *slot = (struct map_slot){.value = value, .hash = hash};
  take_key(map, slot, key);
  enter(map, map->used++);
  map->count++;
  return NULL;
}

static void free_all(struct map *map) {
  xfree(map->slots);
  xfree(map->index);
  *map = (struct map){.borrows_keys = map->borrows_keys};
}

void *map_del(struct map *map, struct str key) {
  struct map_slot *slot = find(map, key, hash_of(key));
  if (!slot)
    return NULL;
  void *value = slot->value;
  free_key(map, slot);
  if (--map->count == 0)
    free_all(map);
  return value;
}

void map_dispose(struct map *map) {
  for (uint32_t i = 0; i < map->used; i++)
    if (map->slots[i].key)
      free_key(map, &map->slots[i]);
  free_all(map);
}

size_t map_count(const struct map *map) {
  return map->count;
}

struct map_iter map_begin(const struct map *map) {
  return (struct map_iter){.map = map};
}

bool map_each(struct map_iter *iter) {
  const struct map *map = iter->map;
  while (iter->at < map->used) {
    const struct map_slot *slot = &map->slots[iter->at++];
    if (!slot->key)
      continue;
    iter->key = (struct str){slot->key, slot->len};
    iter->value = slot->value;
    return true;
  }
  return false;
}
