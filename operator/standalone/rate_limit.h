// SPDX-License-Identifier: Apache-2.0
// Token buckets, one a client: so many requests at once, and so many a second from then on. Pure:
// the time is given. A client that was quiet long enough to be full is forgotten.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RATE_LIMIT_CLIENTS 256u // with a bucket of their own; further ones share one

struct rate_bucket {
  uint64_t client; // 0: free
  int64_t left_milli, at_ms;
};

struct rate_limit {
  int64_t per_second, burst;
  struct rate_bucket buckets[RATE_LIMIT_CLIENTS + 1];
};

void rate_limit_init(struct rate_limit *limit, int64_t per_second, int64_t burst);
// Takes one request of `client` (any number but 0). 0: go on; else how many milliseconds until one
// will be left. A clock that goes back takes nothing away.
int64_t rate_limit_take(struct rate_limit *limit, uint64_t client, int64_t now_ms);
