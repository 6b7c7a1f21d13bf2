// SPDX-License-Identifier: Apache-2.0
// Against vectors from an independent implementation (Python, written from the descriptions of
// xxHash64, of Envoy's ring hash and of the Maglev paper).
#include "proxy/hash_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <xxhash.h>

static const struct hash_host equal[] = {
    {STR("10.0.0.1:80"), 1, 0}, {STR("10.0.0.2:80"), 1, 1}, {STR("10.0.0.3:80"), 1, 2}};
static const struct hash_host unequal[] = {
    {STR("10.0.0.1:8080"), 1, 0}, {STR("10.0.0.2:8080"), 3, 1}, {STR("[fd00::1]:8080"), 2, 2}};

static const struct {
  const struct hash_host *hosts;
  bool is_maglev;
  uint32_t size, count;
  uint32_t shares[3];
  uint64_t folded; // of all owners
  uint32_t keys[6];
} vectors[] = {
    {equal, false, 8, 9, {3, 3, 3}, 0xda3786d4e0, {0, 2, 0, 1, 2, 0}},
    {equal, false, 1024, 1026, {342, 342, 342}, 0x897ea87f4a02bb16, {2, 0, 0, 1, 0, 0}},
    {equal, true, 13, 13, {5, 4, 4}, 0x212b3794e97b342b, {2, 0, 2, 0, 2, 1}},
    {equal, true, 65537, 65537, {21846, 21846, 21845}, 0x2c724f05280b644d, {2, 2, 1, 2, 1, 2}},
    {unequal, false, 8, 12, {2, 6, 4}, 0xbd77c3e947d646, {2, 1, 1, 2, 1, 1}},
    {unequal, false, 1024, 1026, {171, 513, 342}, 0x361a8bb5061ec6e9, {2, 2, 2, 1, 1, 1}},
    {unequal, true, 13, 13, {3, 6, 4}, 0xc03432b061289a1, {1, 1, 2, 2, 2, 0}},
    {unequal, true, 65537, 65537, {10923, 32768, 21846}, 0x686d4eee4f9f6a2b, {1, 1, 0, 1, 2, 1}},
};

static void rings_and_tables_are_envoys(void **state) {
  (void)state;
  static const char *const keys[] = {"ann", "bob", "carol", "dave", "eve", "frank"};
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
    struct hash_ring *ring =
        hash_ring_new(vectors[i].is_maglev, vectors[i].size, vectors[i].hosts, 3);
    uint64_t folded = 0;
    uint32_t shares[3] = {0};
    assert_int_equal(ring->count, vectors[i].count);
    for (uint32_t j = 0; j < ring->count; j++) {
      folded = folded * 31 + ring->owners[j] + 1;
      shares[ring->owners[j]]++;
      assert_true(ring->is_maglev || j == 0 || ring->hashes[j - 1] <= ring->hashes[j]);
    }
    assert_memory_equal(shares, vectors[i].shares, sizeof(shares));
    assert_true(folded == vectors[i].folded);
    for (size_t k = 0; k < 6; k++) {
      uint64_t hash = XXH64(keys[k], strlen(keys[k]), 0);
      assert_int_equal(ring->owners[hash_ring_find(ring, hash, 0)], vectors[i].keys[k]);
    }
    hash_ring_unref(ring);
  }
}

static void an_attempt_moves_on(void **state) {
  (void)state;
  struct hash_ring *ring = hash_ring_new(false, 8, equal, 3);
  assert_int_equal(hash_ring_find(ring, 0, 0), 0);
  assert_int_equal(hash_ring_find(ring, ring->hashes[4], 0), 4);
  assert_int_equal(hash_ring_find(ring, ring->hashes[4] + 1, 0), 5);
  assert_int_equal(hash_ring_find(ring, ring->hashes[4], 3), 7);
  assert_int_equal(hash_ring_find(ring, UINT64_MAX, 0), 0); // around
  assert_int_equal(hash_ring_find(ring, ring->hashes[8], 1), 0);
  hash_ring_unref(ring);
  ring = hash_ring_new(true, 13, equal, 3);
  assert_int_equal(hash_ring_find(ring, 27, 0), 1);
  assert_int_equal(hash_ring_find(ring, 27, 1), (27 ^ UINT64_MAX) % 13);
  hash_ring_unref(ring);
}

// What consistent hashing is for: a host that leaves takes only its own keys with it.
static void only_the_keys_of_a_host_move_with_it(void **state) {
  (void)state;
  struct hash_host hosts[10];
  char names[10][24];
  for (uint32_t i = 0; i < 10; i++) {
    (void)memcpy(names[i], "10.0.0.0:80", 12);
    names[i][7] = (char)('0' + i);
    hosts[i] = (struct hash_host){str_of(names[i]), 1, i};
  }
  for (int maglev = 0; maglev < 2; maglev++) {
    uint32_t size = maglev ? 65537 : 10240;
    struct hash_ring *all = hash_ring_new(maglev, size, hosts, 10);
    struct hash_ring *fewer = hash_ring_new(maglev, size, hosts, 9);
    size_t moved = 0, kept = 0;
    for (uint64_t i = 0; i < 20000; i++) {
      uint64_t hash = XXH64(&i, sizeof(i), 0);
      uint32_t before = all->owners[hash_ring_find(all, hash, 0)];
      uint32_t after = fewer->owners[hash_ring_find(fewer, hash, 0)];
      kept += before != 9;
      moved += before != 9 && before != after;
    }
    assert_true(kept > 17000);
    assert_true(moved * 100 < kept * 13); // the ring of fewer hosts has more places for each
    hash_ring_unref(all);
    hash_ring_unref(fewer);
  }
}

static void signatures_tell_rings_apart(void **state) {
  (void)state;
  uint64_t one = hash_ring_signature(false, 1024, equal, 3);
  assert_true(one == hash_ring_signature(false, 1024, equal, 3));
  assert_true(one != hash_ring_signature(true, 1024, equal, 3));
  assert_true(one != hash_ring_signature(false, 1023, equal, 3));
  assert_true(one != hash_ring_signature(false, 1024, equal, 2));
  assert_true(one != hash_ring_signature(false, 1024, unequal, 3));
  struct hash_ring *none = hash_ring_new(false, 1024, equal, 0);
  assert_int_equal(none->count, 0);
  hash_ring_unref(none);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rings_and_tables_are_envoys),
      cmocka_unit_test(an_attempt_moves_on),
      cmocka_unit_test(only_the_keys_of_a_host_move_with_it),
      cmocka_unit_test(signatures_tell_rings_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
