// SPDX-License-Identifier: Apache-2.0
// Which routes of a virtual host a path may meet, so that ten thousand routes cost a request about
// what ten do. It only leaves out: the routes it gives come in their own order, and each must still
// be matched as a whole; so the first that holds is the same with the index as without. Exact and
// prefix paths are looked up; routes without a path, with a pattern or without case are always
// given. Pure; made once with the table.
#pragma once

#include "manifests/base/arena.h"
#include "proxy/table.h"

#define ROUTE_INDEX_LISTS 34u // of one walk: the exact path, 32 prefixes of it, all others

struct route_index;

// Lives in the arena. NULL when there are so few that looking at each is as fast.
const struct route_index *route_index_new(struct arena *arena, const struct table_route *routes,
                                          size_t count);

struct route_walk {
  const uint32_t *at[ROUTE_INDEX_LISTS], *end[ROUTE_INDEX_LISTS];
  size_t lists;
  size_t linear_at, linear_end; // without an index, or for a path with too many prefixes
};

// `index` NULL: all of them.
void route_walk_begin(struct route_walk *walk, const struct route_index *index, struct str path,
                      size_t route_count);
// The next candidate in the routes' order; false at the end.
bool route_walk_next(struct route_walk *walk, size_t *ret_route);
