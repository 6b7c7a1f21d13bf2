// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/rate_limit.h"

#include <string.h>

void rate_limit_init(struct rate_limit *limit, int64_t per_second, int64_t burst) {
  memset(limit, 0, sizeof *limit);
  limit->per_second = per_second;
  limit->burst = burst;
}

static int64_t filled(const struct rate_limit *limit, const struct rate_bucket *bucket,
                      int64_t now_ms) {
  int64_t passed = now_ms > bucket->at_ms ? now_ms - bucket->at_ms : 0;
  int64_t full = limit->burst * 1000;
  if (passed > full / limit->per_second + 1)
    return full;
  int64_t left = bucket->left_milli + passed * limit->per_second;
  return left < full ? left : full;
}

// The client's own, else one that is free or full again, else the shared last one.
static struct rate_bucket *find(struct rate_limit *limit, uint64_t client, int64_t now_ms) {
  struct rate_bucket *spare = NULL;
  for (unsigned i = 0; i < RATE_LIMIT_CLIENTS; i++) {
    struct rate_bucket *bucket = &limit->buckets[i];
    if (bucket->client == client)
      return bucket;
    if (!spare && (!bucket->client || filled(limit, bucket, now_ms) == limit->burst * 1000))
      spare = bucket;
  }
  struct rate_bucket *shared = &limit->buckets[RATE_LIMIT_CLIENTS];
  if (spare || !shared->client) {
    struct rate_bucket *taken = spare ? spare : shared;
    *taken = (struct rate_bucket){client, limit->burst * 1000, now_ms};
    return taken;
  }
  return shared;
}

int64_t rate_limit_take(struct rate_limit *limit, uint64_t client, int64_t now_ms) {
  struct rate_bucket *bucket = find(limit, client, now_ms);
  bucket->left_milli = filled(limit, bucket, now_ms);
  bucket->at_ms = now_ms;
  if (bucket->left_milli >= 1000) {
    bucket->left_milli -= 1000;
    return 0;
  }
  return (1000 - bucket->left_milli + limit->per_second - 1) / limit->per_second;
}
