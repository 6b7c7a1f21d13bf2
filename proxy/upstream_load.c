// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream_load.h"

#include "manifests/base/alloc.h"

#include <stddef.h>

struct upstream_load *upstream_load_new(void) {
  return XNEW(struct upstream_load);
}

void upstream_load_free(struct upstream_load *load) {
  if (!load)
    return;
  for (size_t i = 0; i < UPSTREAM_LOAD_BLOCKS; i++)
    xfree(atomic_load_explicit(&load->blocks[i], memory_order_relaxed));
  xfree(load);
}

void upstream_load_fit(struct upstream_load *load, uint32_t count) {
  for (size_t i = 0; i * UPSTREAM_LOAD_BLOCK < count && i < UPSTREAM_LOAD_BLOCKS; i++) {
    if (!atomic_load_explicit(&load->blocks[i], memory_order_relaxed))
      atomic_store_explicit(&load->blocks[i], xcalloc(UPSTREAM_LOAD_BLOCK, sizeof(atomic_uint)),
                            memory_order_release);
  }
}

atomic_uint *upstream_load_at(struct upstream_load *load, uint32_t slot) {
  uint32_t block = slot / UPSTREAM_LOAD_BLOCK;
  if (block >= UPSTREAM_LOAD_BLOCKS)
    return NULL;
  atomic_uint *counters = atomic_load_explicit(&load->blocks[block], memory_order_acquire);
  return counters ? counters + slot % UPSTREAM_LOAD_BLOCK : NULL;
}
