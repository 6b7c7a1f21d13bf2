// SPDX-License-Identifier: Apache-2.0
#include "proxy/hash_ring.h"

#include "manifests/base/alloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define KEY_ROOM 96 // of "address:port_number"; addresses are shorter

struct ring_entry {
  uint64_t hash;
  uint32_t owner;
};

static int entry_order(const void *a, const void *b) {
  const struct ring_entry *x = a, *y = b;
  if (x->hash != y->hash)
    return x->hash < y->hash ? -1 : 1;
  return x->owner < y->owner ? -1 : x->owner > y->owner;
}

static uint64_t hash_str(struct str text, uint64_t seed) {
  return XXH64(text.ptr, text.len, seed);
}

static double total_weight(const struct hash_host *hosts, size_t count) {
  double total = 0;
  for (size_t i = 0; i < count; i++)
    total += hosts[i].weight;
  return total;
}

// How many places make up the whole: the lightest host gets a whole number of them.
static double ring_scale(const struct hash_host *hosts, size_t count, double total, uint32_t size) {
  double least = 1;
  for (size_t i = 0; i < count; i++)
    least = fmin(least, hosts[i].weight / total);
  return fmin(ceil(least * size) / least, HASH_RING_MAX);
}

// Places of one host: hashes of "ip:port_0", "ip:port_1" ... until the running sum is reached.
static size_t ring_add(struct ring_entry *entries, size_t at, size_t room, double target,
                       const struct hash_host *host) {
  char text[KEY_ROOM];
  size_t len = host->key.len < KEY_ROOM - 24 ? host->key.len : KEY_ROOM - 24;
  memcpy(text, host->key.ptr, len);
  text[len++] = '_';
  for (uint64_t i = 0; (double)at < target && at < room; i++, at++) {
    char digits[20];
    size_t first = sizeof(digits);
    uint64_t rest = i;
    do
      digits[--first] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    memcpy(text + len, digits + first, sizeof(digits) - first);
    entries[at] = (struct ring_entry){XXH64(text, len + sizeof(digits) - first, 0), host->owner};
  }
  return at;
}

static void fill_ring(struct hash_ring *ring, uint32_t size, const struct hash_host *hosts,
                      size_t count) {
  double total = total_weight(hosts, count), target = 0;
  double scale = ring_scale(hosts, count, total, size);
  size_t room = (size_t)ceil(scale) + 1, at = 0;
  struct ring_entry *entries = xcalloc(room, sizeof(*entries));
  for (size_t i = 0; i < count; i++) {
    target += scale * (hosts[i].weight / total);
    at = ring_add(entries, at, room, target, &hosts[i]);
  }
  qsort(entries, at, sizeof(*entries), entry_order);
  ring->hashes = xcalloc(at, sizeof(*ring->hashes));
  ring->owners = xcalloc(at, sizeof(*ring->owners));
  ring->count = (uint32_t)at;
  for (size_t i = 0; i < at; i++) {
    ring->hashes[i] = entries[i].hash;
    ring->owners[i] = entries[i].owner;
  }
  xfree(entries);
}

struct maglev_entry {
  uint64_t place, skip;
  double weight, target;
  uint32_t owner;
};

// Listing 1 of the Maglev paper, with Envoy's weights: a host of a third of the largest weight has
// its turn in every third round.
static void fill_maglev(struct hash_ring *ring, uint32_t size, const struct hash_host *hosts,
                        size_t count) {
  struct maglev_entry *entries = xcalloc(count, sizeof(*entries));
  double total = total_weight(hosts, count), largest = 0;
  for (size_t i = 0; i < count; i++) {
    entries[i] = (struct maglev_entry){.place = hash_str(hosts[i].key, 0) % size,
                                       .skip = hash_str(hosts[i].key, 1) % (size - 1) + 1,
                                       .weight = hosts[i].weight / total,
                                       .owner = hosts[i].owner};
    largest = fmax(largest, entries[i].weight);
  }
  ring->owners = xmalloc(size * sizeof(*ring->owners));
  ring->count = size;
  memset(ring->owners, 0xff, size * sizeof(*ring->owners));
  uint32_t filled = 0;
  for (uint32_t round = 1; filled < size; round++) {
    for (size_t i = 0; i < count && filled < size; i++) {
      struct maglev_entry *entry = &entries[i];
      if (round * entry->weight < entry->target)
        continue;
      entry->target += largest;
      while (ring->owners[entry->place] != UINT32_MAX)
        entry->place = (entry->place + entry->skip) % size;
      ring->owners[entry->place] = entry->owner;
      entry->place = (entry->place + entry->skip) % size;
      filled++;
    }
  }
  xfree(entries);
}

uint64_t hash_ring_signature(bool is_maglev, uint32_t size, const struct hash_host *hosts,
                             size_t count) {
  uint64_t hash = XXH64(&size, sizeof(size), is_maglev);
  for (size_t i = 0; i < count; i++) {
    const uint32_t numbers[] = {(uint32_t)hosts[i].key.len, hosts[i].weight, hosts[i].owner};
    hash = XXH64(numbers, sizeof(numbers), hash);
    hash = hash_str(hosts[i].key, hash);
  }
  return hash;
}

struct hash_ring *hash_ring_new(bool is_maglev, uint32_t size, const struct hash_host *hosts,
                                size_t count) {
  struct hash_ring *ring = XNEW(struct hash_ring);
  atomic_init(&ring->refs, 1);
  ring->is_maglev = is_maglev;
  ring->signature = hash_ring_signature(is_maglev, size, hosts, count);
  if (count == 0 || size < 2)
    return ring;
  if (is_maglev)
    fill_maglev(ring, size, hosts, count);
  else
    fill_ring(ring, size, hosts, count);
  return ring;
}

struct hash_ring *hash_ring_ref(struct hash_ring *ring) {
  atomic_fetch_add_explicit(&ring->refs, 1, memory_order_relaxed);
  return ring;
}

void hash_ring_unref(struct hash_ring *ring) {
  if (!ring || atomic_fetch_sub_explicit(&ring->refs, 1, memory_order_acq_rel) != 1)
    return;
  xfree(ring->hashes);
  xfree(ring->owners);
  xfree(ring);
}

uint32_t hash_ring_find(const struct hash_ring *ring, uint64_t hash, uint32_t attempt) {
  if (ring->is_maglev) {
    if (attempt > 0)
      hash ^= UINT64_MAX - attempt + 1;
    return (uint32_t)(hash % ring->count);
  }
  uint32_t low = 0, high = ring->count; // the first place with a hash not below
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (ring->hashes[middle] < hash)
      low = middle + 1;
    else
      high = middle;
  }
  return (uint32_t)(((uint64_t)(low == ring->count ? 0 : low) + attempt) % ring->count);
}
