// SPDX-License-Identifier: Apache-2.0
// A map from strings to pointers, in order of insertion. Keys are copied; values are the caller's.
#pragma once

#include "manifests/base/str.h"

struct map_entry; // uthash inside map.c

struct map {
  struct map_entry *head;
};

struct map_iter {
  struct map_entry *next;
  struct str key;
  void *value;
};

void map_init(struct map *map);
void map_dispose(struct map *map);                    // values are not freed
void *map_get(const struct map *map, struct str key); // NULL when absent
void *map_put(struct map *map, struct str key,
              void *value);                     // the old value, NULL when there was none
void *map_del(struct map *map, struct str key); // the value, NULL when absent
size_t map_count(const struct map *map);
// struct map_iter it = map_begin(map); while (map_each(&it)) use(it.key, it.value);
// The current entry may be deleted inside the loop; nothing may be added.
struct map_iter map_begin(const struct map *map);
bool map_each(struct map_iter *iter);
