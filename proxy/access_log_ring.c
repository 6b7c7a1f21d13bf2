// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log_ring.h"

#include "manifests/base/alloc.h"

#include <string.h>

#define LINE_MAX_BYTES (512u << 10)

void access_log_ring_init(struct access_log_ring *ring, struct access_log *log) {
  *ring = (struct access_log_ring){.log = log, .bytes = xmalloc(ACCESS_LOG_RING)};
  buf_init(&ring->line, LINE_MAX_BYTES);
}

void access_log_ring_dispose(struct access_log_ring *ring) {
  buf_dispose(&ring->line);
  xfree(ring->bytes);
  ring->bytes = NULL;
}

void access_log_ring_put(struct access_log_ring *ring, struct str line) {
  uint64_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
  uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_acquire);
  if (line.len > ACCESS_LOG_RING - (put - taken)) {
    atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed);
    return;
  }
  size_t at = put % ACCESS_LOG_RING, first = ACCESS_LOG_RING - at;
  if (first > line.len)
    first = line.len;
  memcpy(ring->bytes + at, line.ptr, first);
  memcpy(ring->bytes, line.ptr + first, line.len - first);
  atomic_store_explicit(&ring->put, put + line.len, memory_order_release);
  // One writer: no read-modify-write.
  atomic_store_explicit(&ring->lines, atomic_load_explicit(&ring->lines, memory_order_relaxed) + 1,
                        memory_order_relaxed);
}

size_t access_log_ring_take(struct access_log_ring *ring, char *out) {
  uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
  uint64_t put = atomic_load_explicit(&ring->put, memory_order_acquire);
  size_t len = (size_t)(put - taken);
  size_t at = taken % ACCESS_LOG_RING, first = ACCESS_LOG_RING - at;
  if (first > len)
    first = len;
  memcpy(out, ring->bytes + at, first);
  memcpy(out + first, ring->bytes, len - first);
  atomic_store_explicit(&ring->taken, taken + len, memory_order_release);
  return len;
}
