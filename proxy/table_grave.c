// SPDX-License-Identifier: Apache-2.0
#include "proxy/table_grave.h"

void table_unref_to(struct proxy_table *table, struct table_grave *grave) {
  if (!grave) {
    table_unref(table);
    return;
  }
  // Not the last one: nobody but the holder of the last can see 1.
  unsigned refs = atomic_load_explicit(&table->refs, memory_order_relaxed);
  while (refs > 1) {
    if (atomic_compare_exchange_weak_explicit(&table->refs, &refs, refs - 1, memory_order_release,
                                              memory_order_relaxed))
      return;
  }
  table->next_dead = atomic_load_explicit(&grave->dead, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(&grave->dead, &table->next_dead, table,
                                                memory_order_release, memory_order_relaxed))
    ;
  grave->wake(grave->ctx);
}

void table_grave_clear(struct table_grave *grave) {
  struct proxy_table *table = atomic_exchange_explicit(&grave->dead, NULL, memory_order_acquire);
  while (table) {
    struct proxy_table *next = table->next_dead;
    table_unref(table);
    table = next;
  }
}
