// SPDX-License-Identifier: Apache-2.0
// Weights of a Rollout -> a guarded JSON Patch on the object that routes its traffic, and back; and
// what can be said of such an object before and after. One row per kind of object (router_row.h),
// one file each. Pure. Only destinations of the Rollout's own versions, in its own routes, are ever
// named in a patch.
#pragma once

#include "manifests/kinds/rollout.h"
#include "manifests/text/json.h"

struct router; // router_row.h

#define ROUTER_REFS_MAX ROLLOUT_VIRTUAL_SERVICES_MAX

// One object that spec.traffic names. Several are all written, each as if it were the only one.
struct route_ref {
  const struct router *router;
  struct str name;
  const struct str *routes; // names of routes or rules; none: router_read finds them
  size_t routes_count;
  const struct rollout_l4_ref *tls, *tcp; // VirtualService only
  size_t tls_count, tcp_count;
};

// Fills `refs` (ROUTER_REFS_MAX); how many. 0: spec.traffic is not valid.
size_t router_refs(const struct rollout_traffic *traffic, struct route_ref *refs);
const struct kind_desc *router_kind(const struct router *router);
// Whether routes name Services (Gateway API) rather than subsets of a DestinationRule.
bool router_names_services(const struct rollout_traffic *traffic);
// Its httpRoute or grpcRoute; NULL: it has VirtualServices.
const struct rollout_gateway_route_ref *router_gateway_ref(const struct rollout_traffic *traffic);
// What routes call the versions of a pair: a subset, or a Service. Empty: not given.
struct str router_stable_name(const struct rollout_spec *spec);
struct str router_canary_name(const struct rollout_spec *spec);

struct route_target {
  struct route_ref ref;
  const struct json *object; // the VirtualService, HTTPRoute or GRPCRoute
  struct str ns;             // of the Rollout, for short names
  struct str
      host; // what all versions answer to: host of the DestinationRule, or the user's Service
  // What routes call them. canary empty: there is none. stable empty: the destination `host` that
  // names no version is the stable's (with takes_bare).
  struct str stable, canary;
  const struct str *old; // further versions of ours, which go
  size_t old_count;
  bool takes_bare; // a destination `host` that names no version is ours, too (template form)
};

enum route_problem {
  ROUTE_FINE,
  ROUTE_MISSING,   // nothing of ours in it, or a named route is not there
  ROUTE_AMBIGUOUS, // a version twice in one route, or several rules and none is named
  ROUTE_WEIGHTLESS // our destinations have no share of the route, or a weight is out of range
};

struct route_split {
  enum route_problem problem;
  struct str message; // of the problem, for people
  size_t routes;      // that are ours
  int64_t canary_max; // parts of 10,000 of our share: the most of all routes
  int64_t canary_min;
  bool has_stable, has_canary; // in any route of ours
  int64_t timeout_ms;          // the longest timeout of our routes; 0: none is set
};

// Our routes: those named; else the only one with a destination of ours; else those that name the
// stable version (and, when there is none of them any more, the canary's: the stable's were taken
// out at the end of a release, or by somebody else). Where the router wants several rules named,
// several are ROUTE_AMBIGUOUS.
void router_read(const struct route_target *target, struct arena *arena,
                 struct route_split *ret_split);

enum route_drop {
  ROUTE_DROP_NONE,
  ROUTE_DROP_STABLE,
  ROUTE_DROP_CANARY
}; // take the destination out; it gets no weight

// The JSON Patch that gives the canary `parts` of 10,000 of our share in all our routes; NULL when
// it is so already, or when router_read finds a problem (several rules that are not told apart do
// not keep traffic from being taken away: parts 0). A missing destination is added. Each touched
// destination is guarded by `test` on its names; where one is added or taken out, the whole list
// is. The weights are exact, but where a router's largest weight does not allow it: then the canary
// has a little less than asked.
struct json *router_patch(const struct route_target *target, int64_t parts, enum route_drop drop,
                          struct arena *arena);

// The object that takes traffic of `target` before it does: older, or first by name. `others` is a
// list of objects of the same kind, which may have the target's own in it. NULL when there is none.
const struct json *router_shadow(const struct route_target *target,
                                 const struct json *const *others, size_t count,
                                 struct arena *arena);
// A machine-readable reason and words when the object itself says that it is not in force (a
// Gateway refuses the route); NULL: it does not say so.
const char *router_refusal(const struct route_target *target, struct arena *arena,
                           struct str *ret_message);

enum route_word { // what the object's own status says of its newest generation
  ROUTE_SAYS_NOTHING,
  ROUTE_NOT_YET, // some controller has not seen it
  ROUTE_IN_FORCE
};
// `ours_too`: words of Serin's own proxies count, too; they are told by their Leases otherwise.
enum route_word router_word(const struct route_target *target, bool ours_too);
