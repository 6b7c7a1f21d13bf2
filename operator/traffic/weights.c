// SPDX-License-Identifier: Apache-2.0
#include "operator/traffic/weights.h"

#include <math.h>

typedef __int128 wide; // products of three weights do not fit into 64 bits

#define FULL ((wide)10000)

static wide gcd(wide a, wide b) {
  while (b != 0) {
    wide rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

// Writes the weights scaled so that they sum to `total`; false when that is not exact.
static bool scale_to(int64_t total, int64_t parts, int64_t share, int64_t sum, int64_t *others,
                     size_t count, int64_t *ret_stable, int64_t *ret_canary) {
  wide canary = (wide)parts * share * total, stable = (FULL - parts) * share * total,
       whole = FULL * sum;
  if (canary % whole != 0 || stable % whole != 0)
    return false;
  for (size_t i = 0; i < count; i++)
    if ((wide)others[i] * total % sum != 0)
      return false;
  *ret_canary = (int64_t)(canary / whole);
  *ret_stable = (int64_t)(stable / whole);
  for (size_t i = 0; i < count; i++)
    others[i] = (int64_t)((wide)others[i] * total / sum);
  return true;
}

// The least whole numbers of all: always exact.
static void reduce(int64_t parts, int64_t share, int64_t *others, size_t count, int64_t *ret_stable,
                   int64_t *ret_canary) {
  wide canary = (wide)parts * share, stable = (FULL - parts) * share;
  wide common = gcd(canary, stable);
  for (size_t i = 0; i < count; i++)
    common = gcd(common, others[i] * FULL);
  for (size_t i = 0; i < count; i++)
    others[i] = (int64_t)(others[i] * FULL / common);
  *ret_canary = (int64_t)(canary / common);
  *ret_stable = (int64_t)(stable / common);
}

void weights_split(int64_t parts, int64_t share, int64_t *others, size_t others_count,
                   int64_t *ret_stable, int64_t *ret_canary) {
  int64_t sum = share;
  for (size_t i = 0; i < others_count; i++)
    sum += others[i];
  // With others of no weight, or none, the sum is free. Otherwise what is written stays, unless it
  // is a scaled-up form of ours that is not needed any more.
  int64_t keep = sum == share || sum == 1000 || sum == 10000 ? 100 : sum;
  const int64_t totals[] = {keep, 100, sum, 1000, 10000};
  for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++)
    if (!(i == 2 && sum == share) &&
        scale_to(totals[i], parts, share, sum, others, others_count, ret_stable, ret_canary))
      return;
  reduce(parts, share, others, others_count, ret_stable, ret_canary);
}

int64_t weights_parts(int64_t stable, int64_t canary) {
  int64_t sum = stable + canary;
  return sum <= 0 ? 0 : (int64_t)((canary * FULL * 2 + sum) / ((wide)sum * 2));
}

#define AGREE_REQUESTS 100.0 // fewer say nothing
#define AGREE_EACH 10.0      // expected of either version, or none of it could be chance

bool weights_agree(int64_t parts, double canary, double all) {
  double share = (double)parts / 10000.0, expected = all * share;
  if (all < AGREE_REQUESTS)
    return false;
  if (parts == 0 || parts == 10000)
    return fabs(canary - expected) <= all / 200;
  if (expected < AGREE_EACH || all - expected < AGREE_EACH)
    return false;
  return fabs(canary - expected) <= 3 * sqrt(expected * (1 - share)) + 0.5;
}
