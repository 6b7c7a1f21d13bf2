// SPDX-License-Identifier: Apache-2.0
#include "proxy/table.h"

#include "manifests/base/alloc.h"
#include "proxy/hash_ring.h"
#include "manifests/kinds/regex.h"
#include "proxy/table_ids.h"

struct proxy_table *table_ref(struct proxy_table *table) {
  atomic_fetch_add_explicit(&table->refs, 1, memory_order_relaxed);
  return table;
}

void table_unref(struct proxy_table *table) {
  if (!table)
    return;
  // Release: what this thread read happens before the free; acquire: the freeing thread sees all of
  // it done.
  if (atomic_fetch_sub_explicit(&table->refs, 1, memory_order_acq_rel) != 1)
    return;
  for (size_t i = 0; i < table->cluster_count; i++) {
    const struct table_cluster *cluster = &table->clusters[i];
    for (size_t j = 0; j < cluster->endpoint_count; j++)
      table_ids_release(table->ids, TABLE_IDS_ENDPOINT, cluster->endpoints[j].slot);
    table_ids_release(table->ids, TABLE_IDS_CLUSTER, cluster->slot);
    hash_ring_unref(cluster->ring);
  }
  for (size_t i = 0; i < table->listener_count; i++)
    table_ids_release(table->ids, TABLE_IDS_LISTENER, table->listeners[i].slot);
  table_ids_unref(table->ids);
  regex_free_list(table->regexes);
  arena_dispose(&table->arena);
  xfree(table);
}

const char *table_persona_name(enum table_persona persona) {
  switch (persona) {
  case TABLE_MESH: return "mesh";
  case TABLE_GATEWAY: return "gateway";
  }
  return "";
}

struct str table_persona_server(enum table_persona persona) {
  return persona == TABLE_GATEWAY ? STR("istio-envoy") : STR("envoy");
}

const struct table_listener *table_listener_at(const struct proxy_table *table,
                                               struct table_slot slot) {
  static const struct table_listener gone = {.address = STR("-"), .persona = TABLE_GATEWAY};
  if (slot.generation == 0)
    return NULL;
  const struct table_listener *listener =
      slot.index < table->listener_slots ? table->listener_at[slot.index] : NULL;
  return listener && listener->slot.generation == slot.generation ? listener : &gone;
}

const struct table_listener *table_find_listener(const struct proxy_table *table,
                                                 struct str address, uint16_t port) {
  for (size_t i = 0; i < table->listener_count; i++) {
    if (table->listeners[i].port == port && str_eq(table->listeners[i].address, address))
      return &table->listeners[i];
  }
  return NULL;
}

const struct table_cluster *table_find_cluster(const struct proxy_table *table, struct str id) {
  size_t low = 0, high = table->cluster_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = str_cmp(table->clusters[middle].id, id);
    if (order == 0)
      return &table->clusters[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}
