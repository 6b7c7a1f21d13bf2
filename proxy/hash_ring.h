// SPDX-License-Identifier: Apache-2.0
// Consistent hashing: a ring (ketama) or a Maglev table over endpoints, exactly as Envoy makes them
// (docs/dataplane.md 3.4), so that a proxy of either kind sends a key to the same endpoint. Pure;
// immutable once made and counted, so tables, the health of endpoints and workers share it. Memory:
// 12 bytes for each place of a ring, 4 for each of a Maglev table.
#pragma once

#include "manifests/base/str.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define HASH_RING_MAX 1048576u // places: 12 MiB. Envoy stops at eight times as many
#define HASH_RING_DEFAULT 1024u
#define HASH_MAGLEV_DEFAULT 65537u

struct hash_host {
  struct str key; // "127.1.2.3:8080"
  uint32_t weight;
  uint32_t owner; // what a look-up yields
};

struct hash_ring {
  atomic_uint refs;
  bool is_maglev;
  uint64_t signature; // equal for equal input
  uint64_t *hashes;   // of a ring, ascending
  uint32_t *owners;
  uint32_t count; // of places; 0: no host
};

// One reference, the caller's. `size`: the least number of places of a ring, the number of those of
// a Maglev table (a prime). Hosts are taken in their order, which must be that of their keys.
struct hash_ring *hash_ring_new(bool is_maglev, uint32_t size, const struct hash_host *hosts,
                                size_t count);
// The signature that hash_ring_new would give it.
uint64_t hash_ring_signature(bool is_maglev, uint32_t size, const struct hash_host *hosts,
                             size_t count);
struct hash_ring *hash_ring_ref(struct hash_ring *ring);
void hash_ring_unref(struct hash_ring *ring); // NULL is fine

// The place of a hash. `attempt`: from 1 on when the owner found before is not wanted. The ring
// must have places.
uint32_t hash_ring_find(const struct hash_ring *ring, uint64_t hash, uint32_t attempt);

static inline uint32_t hash_ring_next(const struct hash_ring *ring, uint32_t place) {
  return place + 1 < ring->count ? place + 1 : 0;
}
