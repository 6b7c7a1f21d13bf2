// SPDX-License-Identifier: Apache-2.0
// A small fast random number generator (xoshiro256**, Blackman and Vigna 2018, public domain
// algorithm). Not for secrets: those come from getrandom(2). Pure: the seed is an argument.
#pragma once

#include <stdint.h>

struct rng {
  uint64_t s[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); // uniform in [0, bound); 0 for bound 0
double rng_double(struct rng *rng);                  // uniform in [0, 1)
