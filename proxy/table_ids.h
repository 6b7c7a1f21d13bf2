// SPDX-License-Identifier: Apache-2.0
// Gives clusters, endpoints and listeners their slots (the rule is in table.h, struct table_slot).
// Used by table_build and by the end of a table; nobody else takes or gives back slots.
// Thread-safe: the last reference to a table may be a worker's.
#pragma once

#include "proxy/table.h"

enum table_ids_kind { TABLE_IDS_CLUSTER, TABLE_IDS_ENDPOINT, TABLE_IDS_LISTENER };
#define TABLE_IDS_KINDS 3

void table_ids_ref(struct table_ids *ids);
// The slot of a key, counted: each call needs one release.
struct table_slot table_ids_take(struct table_ids *ids, enum table_ids_kind kind, struct str key);
// When this slot was first given to its present key: `now_ms` where this is the first question.
int64_t table_ids_since(struct table_ids *ids, enum table_ids_kind kind, struct table_slot slot,
                        int64_t now_ms);
void table_ids_release(struct table_ids *ids, enum table_ids_kind kind, struct table_slot slot);
// How many tables (of those that are alive) use them.
unsigned table_ids_tables(const struct table_ids *ids);
// One above the highest index ever given.
uint32_t table_ids_count(struct table_ids *ids, enum table_ids_kind kind);
