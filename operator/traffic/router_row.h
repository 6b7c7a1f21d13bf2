// SPDX-License-Identifier: Apache-2.0
// What the files of routers share: a row for each kind of route object. Private to
// operator/traffic.
#pragma once

#include "operator/traffic/router.h"

#define ROUTE_ITEMS_MAX 64         // destinations of one route that we look at
#define ROUTE_WEIGHT_MAX 100000000 // far above what anybody writes, and within Istio's int32

enum route_side { SIDE_OTHER, SIDE_STABLE, SIDE_CANARY, SIDE_OLD, SIDE_BARE };

struct route_item {
  enum route_side side;
  const struct json *json;
  int64_t weight;
};

// One list of weighted destinations in the object.
struct route {
  const char *section; // "http", "tls", "tcp", "rules": of spec
  const struct json *json;
  size_t index; // in its section
  struct route_item items[ROUTE_ITEMS_MAX];
  size_t count;
  bool has_bad_weight;
};

struct router {
  const struct kind_desc *kind;
  const char *const *sections; // of spec; ends with NULL
  const char *list;            // in a route: "route", "backendRefs"
  int64_t weight_max;
  int64_t lone_weight, weight; // of a destination without one: alone, among several
  bool wants_names;            // several routes that name the stable must be named
  bool orders_by_namespace;    // equally old objects: by namespace and name, not by name first
  enum route_side (*side_of)(const struct route_target *target, const struct json *item,
                             struct arena *arena);
  // Whether the target's names mean this route. Called where it has names.
  bool (*is_named)(const struct route_target *target, const struct route *route);
  // The fields that tell an item from others: fields whose values a patch tests.
  const char *const *guards; // dotted below the item; ends with NULL
  // A new destination with this name, as `like` is otherwise (without its weight).
  struct json *(*make)(const struct route_target *target, const struct json *like, struct str name,
                       struct arena *arena);
  const char *name_field; // where an item names the version, dotted
  // For people: "subset v1 of host" or "Service x".
  struct str (*side_text)(const struct route_target *target, struct arena *arena);
  const char *route_text; // "http route", "rule": by section when NULL
  int64_t (*timeout_ms)(const struct json *route);
  bool (*takes_first)(const struct route_target *target, const struct json *other,
                      struct arena *arena); // of an older object
  const char *(*refusal)(const struct route_target *target, struct arena *arena,
                         struct str *ret_message);
  enum route_word (*word)(const struct route_target *target, bool ours_too);
};

extern const struct router virtual_service_router, http_route_router, grpc_route_router;

// Our routes of the target, in an array of the arena; how many.
size_t route_select(const struct route_target *target, struct arena *arena,
                    struct route **ret_routes);
size_t route_count_of(const struct route *route, enum route_side side);
int64_t route_weight_of(const struct route *route, enum route_side side);
int64_t route_share(const struct route *route); // of all that is ours
const struct route_item *route_find(const struct route *route, enum route_side side);
