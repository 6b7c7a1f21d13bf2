// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/rng.h"

static uint64_t rotl(uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

void rng_init(struct rng *rng, uint64_t seed) {
  for (int i = 0; i < 4; i++) { // splitmix64, as the authors advise for seeding
    seed += 0x9e3779b97f4a7c15u;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    rng->s[i] = z ^ (z >> 31);
  }
}

uint64_t rng_next(struct rng *rng) {
  uint64_t *s = rng->s;
  uint64_t result = rotl(s[1] * 5, 7) * 9;
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl(s[3], 45);
  return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound) {
  if (bound == 0)
    return 0;
  // Rejection keeps it exactly uniform.
  uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  uint64_t x;
  do {
    x = rng_next(rng);
  } while (x >= limit);
  return x % bound;
}

double rng_double(struct rng *rng) {
  return (double)(rng_next(rng) >> 11) * 0x1.0p-53;
}
