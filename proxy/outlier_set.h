// SPDX-License-Identifier: Apache-2.0
// The health of all endpoints of a process, by slot, shared by its workers (outlier.h decides). It
// outlives tables: a new configuration forgets no ejection. Where nothing fails nobody writes here:
// a success costs one relaxed load, a pick one more; failures take a mutex of their cluster.
// Effect: shared memory, the steady clock.
#pragma once

#include "proxy/outlier.h"
#include "proxy/table.h"

struct outlier_set;

// `changed` is told, on any thread and holding no lock, that the health of some endpoint changed.
struct outlier_set *outlier_set_new(void (*changed)(void *ctx), void *ctx);
void outlier_set_free(struct outlier_set *set); // NULL is fine

// Makes room for a table and counts again who of it is out; by the one thread that publishes
// tables, before it does.
void outlier_set_fit(struct outlier_set *set, const struct proxy_table *table, int64_t now_ms);
// Lets those return whose time is over. By the same thread, at the time it returned last; returns
// when to call next, 0 for never.
int64_t outlier_set_sweep(struct outlier_set *set, const struct proxy_table *table, int64_t now_ms);

// From any thread.

// Grows with each change of the cluster's health; its low half is the number of those that are out.
uint64_t outlier_set_health(const struct outlier_set *set, const struct table_cluster *cluster);
bool outlier_set_is_ejected(const struct outlier_set *set, const struct table_endpoint *endpoint);
// When its time is over (steady clock), 0 when it is not out.
int64_t outlier_set_until_ms(struct outlier_set *set, const struct table_cluster *cluster,
                             const struct table_endpoint *endpoint);

// The ring of a hashed cluster's healthy endpoints, a reference of the caller's; NULL while there
// is none for this health of this cluster.
struct hash_ring *outlier_set_ring(struct outlier_set *set, const struct table_cluster *cluster,
                                   uint64_t health);
// Makes those rings that are missing or outdated; by the thread that publishes tables, after
// `changed` was told.
void outlier_set_make_rings(struct outlier_set *set, const struct proxy_table *table);

static inline uint32_t outlier_health_ejected(uint64_t health) {
  return (uint32_t)health;
}
