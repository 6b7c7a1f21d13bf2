// SPDX-License-Identifier: Apache-2.0
// How many requests are active at each endpoint, over all workers of the process: what
// LEAST_REQUEST compares. Atomic counters by endpoint slot, in blocks that never move.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define UPSTREAM_LOAD_BLOCK 1024u
#define UPSTREAM_LOAD_BLOCKS 1024u

struct upstream_load {
  _Atomic(atomic_uint *) blocks[UPSTREAM_LOAD_BLOCKS];
};

struct upstream_load *upstream_load_new(void);
void upstream_load_free(struct upstream_load *load);
// Makes room for slots [0, count); by the one thread that publishes tables, before it does.
void upstream_load_fit(struct upstream_load *load, uint32_t count);
// The counter of a slot that has room; NULL above the million that fit.
atomic_uint *upstream_load_at(struct upstream_load *load, uint32_t slot);
