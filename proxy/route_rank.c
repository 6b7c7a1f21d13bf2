// SPDX-License-Identifier: Apache-2.0
#include "proxy/route_rank.h"

// More of it goes first.
static int rank_descending(size_t a, size_t b) {
  return a > b ? -1 : a < b;
}

static int rank_ascending(int64_t a, int64_t b) {
  return a < b ? -1 : a > b;
}

int route_rank_compare(const struct route_rank *a, const struct route_rank *b) {
  const int orders[] = {
      rank_descending(a->path, b->path),
      rank_descending(a->path_len, b->path_len),
      rank_descending(a->has_method, b->has_method),
      rank_descending(a->headers, b->headers),
      rank_descending(a->queries, b->queries),
      rank_ascending(a->created_ms, b->created_ms),
      str_cmp(a->route, b->route),
      rank_ascending(a->rule, b->rule),
      rank_ascending(a->match, b->match),
  };
  for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
    if (orders[i])
      return orders[i];
  }
  return 0;
}
