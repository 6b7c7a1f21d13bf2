// SPDX-License-Identifier: Apache-2.0
#include "proxy/table_ids.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/map.h"

#include <pthread.h>

#define TABLE_IDS_NONE UINT32_MAX

struct table_id {
  char *key; // NULL: free
  size_t key_len;
  uint32_t index, generation;
  uint32_t uses;      // tables that hold it
  uint32_t next_free; // index of the next free one
  int64_t since_ms;
  bool has_since;
};

struct table_id_space {
  struct map by_key; // key -> struct table_id
  struct table_id **ids;
  uint32_t count, capacity;
  uint32_t first_free;
};

struct table_ids {
  atomic_uint refs;
  // Held for one look-up at a time, never while a table is built. Workers take it only when they
  // happen to free a table.
  pthread_mutex_t mutex;
  struct table_id_space spaces[TABLE_IDS_KINDS];
};

struct table_ids *table_ids_new(void) {
  struct table_ids *ids = XNEW(struct table_ids);
  atomic_init(&ids->refs, 1);
  BUG_ON(pthread_mutex_init(&ids->mutex, NULL) != 0);
  for (size_t i = 0; i < TABLE_IDS_KINDS; i++) {
    map_init(&ids->spaces[i].by_key);
    ids->spaces[i].first_free = TABLE_IDS_NONE;
  }
  return ids;
}

void table_ids_ref(struct table_ids *ids) {
  atomic_fetch_add_explicit(&ids->refs, 1, memory_order_relaxed);
}

void table_ids_unref(struct table_ids *ids) {
  if (!ids || atomic_fetch_sub_explicit(&ids->refs, 1, memory_order_acq_rel) != 1)
    return;
  for (size_t i = 0; i < TABLE_IDS_KINDS; i++) {
    struct table_id_space *space = &ids->spaces[i];
    for (uint32_t j = 0; j < space->count; j++) {
      xfree(space->ids[j]->key);
      xfree(space->ids[j]);
    }
    xfree(space->ids);
    map_dispose(&space->by_key);
  }
  (void)pthread_mutex_destroy(&ids->mutex);
  xfree(ids);
}

// A free id, with a new generation, or a new one.
static struct table_id *table_id_make(struct table_id_space *space, struct str key) {
  struct table_id *id;
  if (space->first_free != TABLE_IDS_NONE) {
    id = space->ids[space->first_free];
    space->first_free = id->next_free;
  } else {
    if (space->count == space->capacity) {
      space->capacity = space->capacity ? space->capacity * 2 : 64;
      space->ids = xrealloc(space->ids, space->capacity * sizeof(struct table_id *));
    }
    id = XNEW(struct table_id);
    id->index = space->count;
    space->ids[space->count++] = id;
  }
  id->generation++;
  id->has_since = false;
  id->key = xmemdup(key.ptr, key.len);
  id->key_len = key.len;
  (void)map_put(&space->by_key, key, id);
  return id;
}

struct table_slot table_ids_take(struct table_ids *ids, enum table_ids_kind kind, struct str key) {
  struct table_id_space *space = &ids->spaces[kind];
  pthread_mutex_lock(&ids->mutex);
  struct table_id *id = map_get(&space->by_key, key);
  if (!id)
    id = table_id_make(space, key);
  id->uses++;
  struct table_slot slot = {id->index, id->generation};
  pthread_mutex_unlock(&ids->mutex);
  return slot;
}

int64_t table_ids_since(struct table_ids *ids, enum table_ids_kind kind, struct table_slot slot,
                        int64_t now_ms) {
  pthread_mutex_lock(&ids->mutex);
  struct table_id *id = ids->spaces[kind].ids[slot.index];
  if (!id->has_since)
    id->since_ms = now_ms;
  id->has_since = true;
  int64_t since_ms = id->since_ms;
  pthread_mutex_unlock(&ids->mutex);
  return since_ms;
}

void table_ids_release(struct table_ids *ids, enum table_ids_kind kind, struct table_slot slot) {
  struct table_id_space *space = &ids->spaces[kind];
  pthread_mutex_lock(&ids->mutex);
  BUG_ON(slot.index >= space->count);
  struct table_id *id = space->ids[slot.index];
  BUG_ON(id->uses == 0 || id->generation != slot.generation);
  if (--id->uses == 0) {
    (void)map_del(&space->by_key, (struct str){id->key, id->key_len});
    xfree(id->key);
    id->key = NULL;
    id->next_free = space->first_free;
    space->first_free = id->index;
  }
  pthread_mutex_unlock(&ids->mutex);
}

uint32_t table_ids_count(struct table_ids *ids, enum table_ids_kind kind) {
  pthread_mutex_lock(&ids->mutex);
  uint32_t count = ids->spaces[kind].count;
  pthread_mutex_unlock(&ids->mutex);
  return count;
}

unsigned table_ids_tables(const struct table_ids *ids) {
  return atomic_load_explicit(&ids->refs, memory_order_relaxed) - 1; // the owner's own
}
