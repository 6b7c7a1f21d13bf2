// SPDX-License-Identifier: Apache-2.0
// Which endpoints a table has and which of them traffic can reach, by slot: so that a worker that
// takes a table looks up what it holds, instead of walking through all there is.
#pragma once

#include "proxy/table.h"

struct table_live {
  uint32_t generation; // 0: no endpoint of the table has this slot
  uint32_t cluster;    // index
  bool in_use;         // a route sends traffic to its cluster
};

// Fills table->live; the last step of building.
void table_mark_live(struct proxy_table *table);
// NULL: the table does not have this endpoint.
const struct table_live *table_live_at(const struct proxy_table *table, struct table_slot slot);
