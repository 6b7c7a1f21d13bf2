// SPDX-License-Identifier: Apache-2.0
#include "proxy/table_live.h"

#include "manifests/base/alloc.h"

static void use(const struct proxy_table *table, bool *used, const struct table_cluster *cluster) {
  if (cluster)
    used[cluster - table->clusters] = true;
}

static void use_destination(const struct proxy_table *table, bool *used,
                            const struct table_destination *to) {
  if (!to->by_port)
    return;
  if (to->port != 0 && to->fixed_port < to->service->port_count) // a port it does not have: nowhere
    use(table, used, to->by_port[to->fixed_port]);
  for (size_t i = 0; to->port == 0 && i < to->service->port_count; i++)
    use(table, used, to->by_port[i]);
}

// Destinations of weight 0 are not in the table.
static void use_routes(const struct proxy_table *table, bool *used) {
  for (size_t h = 0; h < table->host_count; h++) {
    for (size_t r = 0; r < table->hosts[h].route_count; r++) {
      const struct table_route *route = &table->hosts[h].routes[r];
      for (size_t i = 0; i < route->destination_count; i++)
        use_destination(table, used, &route->destinations[i]);
    }
  }
}

void table_mark_live(struct proxy_table *table) {
  bool *used = xcalloc(table->cluster_count + 1, sizeof(*used));
  struct table_live *live =
      ARENA_ARRAY(&table->arena, struct table_live, table->endpoint_slots + 1);
  use_routes(table, used);
  for (size_t i = 0; i < table->cluster_count; i++) {
    const struct table_cluster *cluster = &table->clusters[i];
    for (size_t k = 0; k < cluster->endpoint_count; k++) {
      struct table_slot slot = cluster->endpoints[k].slot;
      live[slot.index] = (struct table_live){slot.generation, (uint32_t)i, used[i]};
    }
  }
  table->live = live;
  table->live_count = table->endpoint_slots;
  xfree(used);
}

const struct table_live *table_live_at(const struct proxy_table *table, struct table_slot slot) {
  if (slot.index >= table->live_count || table->live[slot.index].generation != slot.generation)
    return NULL;
  return &table->live[slot.index];
}
