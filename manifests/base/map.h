// SPDX-License-Identifier: Apache-2.0
// A map from strings to pointers, in order of insertion. Keys are copied, or borrowed; values are
// the caller's. Zeroed memory is an empty map that copies keys. About 40 bytes an entry.
#pragma once

#include "manifests/base/str.h"

struct map_slot;

struct map {
  struct map_slot *slots; // in order of insertion, with holes where one was deleted
  uint32_t *index;        // by hash, to the number of a slot and 1; 0: none
  uint32_t count, used, capacity, index_size;
  // Keys are the caller's, and stay where they are until their entry is deleted or put anew (with
  // the key of that call then). To be set while the map is empty.
  bool borrows_keys;
};

struct map_iter {
  const struct map *map;
  uint32_t at;
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
