// SPDX-License-Identifier: Apache-2.0
// Weights of a Rollout -> a guarded JSON Patch on its VirtualService, and back. Pure. Only the
// destinations of the Rollout's own subsets, in its own routes, are ever named in a patch.
#pragma once

#include "manifests/text/json.h"

struct vs_target {
  const struct json *object; // the VirtualService
  struct str ns;             // of the Rollout, for short host names
  struct str host;           // of the DestinationRule
  struct str stable, canary; // subsets; canary empty: there is none
  const struct str *old;     // further subsets of ours, which go
  size_t old_count;
  bool takes_bare;          // a destination of the host without subset is ours, too (template form)
  const struct str *routes; // names; none: see vs_read
  size_t routes_count;
};

enum vs_problem {
  VS_FINE,
  VS_NO_ROUTE,  // nothing of ours in it, or a named route is missing
  VS_AMBIGUOUS, // a destination twice
  VS_NO_WEIGHT, // our destinations have no share of the route
};

struct vs_split {
  enum vs_problem problem;
  struct str message; // of the problem, for people
  size_t routes;      // that are ours
  int64_t canary_max; // parts of 10,000 of our share: the most of all routes
  int64_t canary_min;
  bool has_stable, has_canary; // in any route of ours
  int64_t timeout_ms;          // the longest timeout of our routes; 0: none is set
};

// Our routes: those named; else the only http route; else those that name the stable subset (and,
// when there is none of them any more, the canary's: the stable's were taken out at the end of a
// release, or by somebody else).
void vs_read(const struct vs_target *target, struct arena *arena, struct vs_split *ret_split);

enum vs_drop {
  VS_DROP_NONE,
  VS_DROP_STABLE,
  VS_DROP_CANARY
}; // take the destination out; it gets no weight

// The JSON Patch that gives the canary `parts` of 10,000 of our share in all our routes; NULL when
// it is so already, or when vs_read finds a problem. A missing destination is added. Each touched
// destination is guarded by `test` on host and subset; where one is added or taken out, the whole
// list is.
struct json *vs_patch(const struct vs_target *target, int64_t parts, enum vs_drop drop,
                      struct arena *arena);

// "research-agent" in namespace team1 -> "research-agent.team1.svc.cluster.local"; names with a dot
// stay.
struct str vs_full_host(struct str host, struct str ns, struct arena *arena);
