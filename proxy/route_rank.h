// SPDX-License-Identifier: Apache-2.0
// Which of several HTTPRoute matches goes first (docs/dataplane.md 4.2): a total order over the
// matches of all routes of one listener and host. Pure; used by table_attach. It knows nothing of
// host names: a more specific one is another virtual host.
#pragma once

#include "manifests/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum route_rank_path { // ascending
  ROUTE_RANK_REGEX,    // implementation-specific; Istio puts it behind prefixes
  ROUTE_RANK_PREFIX,
  ROUTE_RANK_EXACT,
};

struct route_rank {
  enum route_rank_path path;
  size_t path_len; // characters
  bool has_method;
  size_t headers, queries; // number of matches
  int64_t created_ms;
  struct str route;     // "namespace/name"
  uint32_t rule, match; // place in the route
};

// Negative: `a` goes before `b`. 0 only for the same match of the same route.
int route_rank_compare(const struct route_rank *a, const struct route_rank *b);
