// SPDX-License-Identifier: Apache-2.0
#include "operator/traffic/virtual_service.h"
#include "manifests/base/bug.h"
#include "manifests/text/duration.h"
#include "operator/traffic/weights.h"

#define SIDES_MAX 64 // destinations of one route that we look at

enum side { SIDE_OTHER, SIDE_STABLE, SIDE_CANARY, SIDE_OLD, SIDE_BARE };

struct destination {
  enum side side;
  const struct json *json;
  int64_t weight;
};

#define WEIGHT_MAX 100000000 // far above what anybody writes, and within Istio's int32

struct route {
  bool has_bad_weight;
  const struct json *json;
  size_t index;
  struct destination items[SIDES_MAX];
  size_t count;
};

struct str vs_full_host(struct str host, struct str ns, struct arena *arena) {
  if (str_find_char(host, '.') >= 0 || str_is_empty(host) || str_eq_z(host, "*"))
    return host;
  return arena_printf(arena, "%.*s.%.*s.svc.cluster.local", STR_ARG(host), STR_ARG(ns));
}

static struct str namespace_of(const struct vs_target *target) {
  struct str ns = json_path_string(target->object, "metadata.namespace");
  return str_is_empty(ns) ? target->ns : ns;
}

static enum side side_of(const struct vs_target *target, const struct json *item,
                         struct arena *arena) {
  const struct json *destination = json_get(item, "destination");
  struct str host = vs_full_host(json_get_string(destination, "host"), namespace_of(target), arena);
  struct str subset = json_get_string(destination, "subset");
  if (!str_eq(host, vs_full_host(target->host, target->ns, arena)))
    return SIDE_OTHER;
  if (str_is_empty(subset))
    return target->takes_bare ? SIDE_BARE : SIDE_OTHER;
  if (str_eq(subset, target->stable))
    return SIDE_STABLE;
  if (!str_is_empty(target->canary) && str_eq(subset, target->canary))
    return SIDE_CANARY;
  for (size_t i = 0; i < target->old_count; i++)
    if (str_eq(subset, target->old[i]))
      return SIDE_OLD;
  return SIDE_OTHER;
}

static bool route_load(const struct vs_target *target, const struct json *json, size_t index,
                       struct arena *arena, struct route *route) {
  const struct json *list = json_get(json, "route");
  *route = (struct route){.json = json, .index = index};
  if (!list || list->type != JSON_ARRAY || list->count > SIDES_MAX)
    return false;
  JSON_EACH(item, list) {
    struct destination *d = &route->items[route->count++];
    d->json = item;
    d->side = side_of(target, item, arena);
    d->weight = json_int(json_get(item, "weight"), list->count == 1 ? 100 : 0);
    if (d->weight < 0 || d->weight > WEIGHT_MAX) {
      route->has_bad_weight = true;
      d->weight = 0;
    }
  }
  return true;
}

static const struct destination *route_find(const struct route *route, enum side side) {
  for (size_t i = 0; i < route->count; i++)
    if (route->items[i].side == side)
      return &route->items[i];
  return NULL;
}

static size_t route_count(const struct route *route, enum side side) {
  size_t n = 0;
  for (size_t i = 0; i < route->count; i++)
    n += route->items[i].side == side;
  return n;
}

static int64_t route_weight(const struct route *route, enum side side) {
  int64_t sum = 0;
  for (size_t i = 0; i < route->count; i++)
    if (route->items[i].side == side)
      sum += route->items[i].weight;
  return sum;
}

static int64_t route_share(const struct route *route) {
  return route_weight(route, SIDE_STABLE) + route_weight(route, SIDE_CANARY) +
         route_weight(route, SIDE_OLD) + route_weight(route, SIDE_BARE);
}

static bool route_is_ours(const struct route *route) {
  return route_count(route, SIDE_OTHER) < route->count;
}

// --- which routes ---

static bool is_named(const struct vs_target *target, struct str name) {
  for (size_t i = 0; i < target->routes_count; i++)
    if (str_eq(target->routes[i], name))
      return true;
  return false;
}

static bool route_serves(const struct route *route) {
  return route_find(route, SIDE_STABLE) || route_find(route, SIDE_BARE) ||
         route_find(route, SIDE_OLD);
}

// Fills `routes` (room for all http routes) with ours; the number, or 0.
static size_t routes_select(const struct vs_target *target, struct arena *arena,
                            struct route *routes) {
  const struct json *http = json_path(target->object, "spec.http");
  size_t count = 0, index = 0, serving = 0;
  JSON_EACH(json, http) {
    struct route *route = &routes[count];
    bool loaded = route_load(target, json, index++, arena, route);
    bool wanted = target->routes_count > 0 ? is_named(target, json_get_string(json, "name"))
                                           : route_is_ours(route);
    if (loaded && wanted) {
      count++;
      serving += route_serves(route);
    }
  }
  if (target->routes_count > 0 || serving == 0 || count <= 1)
    return count;
  // A route that sends somebody to the canary alone is left alone.
  size_t kept = 0;
  for (size_t i = 0; i < count; i++)
    if (route_serves(&routes[i]))
      routes[kept++] = routes[i];
  return kept;
}

static struct str target_name(const struct vs_target *target) {
  return json_path_string(target->object, "metadata.name");
}

static void problem(struct vs_split *split, enum vs_problem what, struct str message) {
  if (split->problem == VS_FINE) {
    split->problem = what;
    split->message = message;
  }
}

static void check_route(const struct vs_target *target, const struct route *route,
                        struct arena *arena, struct vs_split *split) {
  struct str name = target_name(target);
  if (!route_is_ours(route))
    problem(split, VS_NO_ROUTE,
            arena_printf(
                arena,
                "http route %zu of VirtualService %.*s has no destination %.*s with subset %.*s",
                route->index, STR_ARG(name), STR_ARG(target->host), STR_ARG(target->stable)));
  else if (route_count(route, SIDE_STABLE) > 1 || route_count(route, SIDE_CANARY) > 1)
    problem(split, VS_AMBIGUOUS,
            arena_printf(arena,
                         "http route %zu of VirtualService %.*s names a subset twice; merge the "
                         "two destinations",
                         route->index, STR_ARG(name)));
  else if (route->has_bad_weight)
    problem(split, VS_NO_WEIGHT,
            arena_printf(arena,
                         "http route %zu of VirtualService %.*s has a weight outside of 0 to %d",
                         route->index, STR_ARG(name), WEIGHT_MAX));
  else if (route_share(route) <= 0 && route_weight(route, SIDE_OTHER) > 0)
    problem(split, VS_NO_WEIGHT,
            arena_printf(arena, "http route %zu of VirtualService %.*s gives %.*s no weight",
                         route->index, STR_ARG(name), STR_ARG(target->host)));
}

static void read_route(const struct route *route, bool first, struct vs_split *split) {
  int64_t rest = route_share(route) - route_weight(route, SIDE_CANARY), timeout;
  int64_t parts = weights_parts(rest, route_weight(route, SIDE_CANARY));
  split->canary_max = first || parts > split->canary_max ? parts : split->canary_max;
  split->canary_min = first || parts < split->canary_min ? parts : split->canary_min;
  split->has_stable |= route_find(route, SIDE_STABLE) != NULL;
  split->has_canary |= route_find(route, SIDE_CANARY) != NULL;
  if (duration_parse(json_get_string(route->json, "timeout"), &timeout) &&
      timeout > split->timeout_ms)
    split->timeout_ms = timeout;
}

static struct route *routes_room(const struct vs_target *target, struct arena *arena) {
  const struct json *http = json_path(target->object, "spec.http");
  return ARENA_ARRAY(arena, struct route, (http ? http->count : 0) + 1);
}

void vs_read(const struct vs_target *target, struct arena *arena, struct vs_split *ret_split) {
  struct route *routes = routes_room(target, arena);
  size_t count = routes_select(target, arena, routes);
  *ret_split = (struct vs_split){.routes = count};
  if (count == 0)
    problem(
        ret_split, VS_NO_ROUTE,
        arena_printf(arena,
                     "no http route of VirtualService %.*s has a destination %.*s with subset %.*s",
                     STR_ARG(target_name(target)), STR_ARG(target->host), STR_ARG(target->stable)));
  if (target->routes_count > count)
    problem(ret_split, VS_NO_ROUTE,
            arena_printf(arena,
                         "VirtualService %.*s has %zu of the %zu http routes that "
                         "traffic.virtualService.routes names",
                         STR_ARG(target_name(target)), count, target->routes_count));
  for (size_t i = 0; i < count; i++) {
    check_route(target, &routes[i], arena, ret_split);
    read_route(&routes[i], i == 0, ret_split);
  }
}

// --- the patch ---

static struct json *op(struct json *patch, const char *what, struct str path, struct json *value,
                       struct arena *arena) {
  struct json *json = json_new_object(arena);
  json_put_z(arena, json, "op", what);
  json_put_string(arena, json, "path", path);
  if (value)
    json_put(arena, json, "value", value);
  json_append(patch, json);
  return json;
}

static struct str at(const struct route *route, size_t item, const char *rest,
                     struct arena *arena) {
  return arena_printf(arena, "/spec/http/%zu/route/%zu%s", route->index, item, rest);
}

static void guard(struct json *patch, const struct route *route, size_t i, struct arena *arena) {
  const struct json *destination = json_get(route->items[i].json, "destination");
  struct str subset = json_get_string(destination, "subset");
  op(patch, "test", at(route, i, "/destination/host", arena),
     json_new_string(arena, json_get_string(destination, "host")), arena);
  if (!str_is_empty(subset))
    op(patch, "test", at(route, i, "/destination/subset", arena), json_new_string(arena, subset),
       arena);
}

static struct json *new_destination(const struct route *route, struct str subset, int64_t weight,
                                    struct arena *arena) {
  const struct destination *like = NULL;
  for (size_t i = 0; i < route->count && !like; i++)
    if (route->items[i].side != SIDE_OTHER)
      like = &route->items[i];
  struct json *json = json_new_object(arena);
  struct json *destination = json_dup(arena, json_get(like->json, "destination"));
  json_put_string(arena, destination, "subset", subset);
  json_put(arena, json, "destination", destination);
  json_put_int(arena, json, "weight", weight);
  return json;
}

struct wanted {
  int64_t stable, canary;
  int64_t others[SIDES_MAX];
  enum vs_drop drop;
  bool grows; // a destination is added: a weight left out does not mean all any more
};

static struct wanted wanted_of(const struct route *route, int64_t parts, enum vs_drop drop) {
  struct wanted wanted = {.drop = drop};
  size_t count = 0;
  for (size_t i = 0; i < route->count; i++)
    if (route->items[i].side == SIDE_OTHER)
      wanted.others[count++] = route->items[i].weight;
  int64_t share = route_share(route);
  weights_split(parts, share > 0 ? share : 100, wanted.others, count, &wanted.stable,
                &wanted.canary);
  return wanted;
}

static void set_weight(struct json *patch, const struct route *route, size_t i, bool grows,
                       int64_t weight, struct arena *arena) {
  const struct json *old = json_get(route->items[i].json, "weight");
  if (route->items[i].weight == weight && (old || (route->count == 1 && !grows)))
    return;
  guard(patch, route, i, arena);
  op(patch, old ? "replace" : "add", at(route, i, "/weight", arena), json_new_int(arena, weight),
     arena);
}

// The destination without subset that becomes the stable's; -1: none.
static ptrdiff_t bare_for_stable(const struct route *route, const struct wanted *wanted) {
  if (route_find(route, SIDE_STABLE) || wanted->drop == VS_DROP_STABLE)
    return -1;
  for (size_t i = 0; i < route->count; i++)
    if (route->items[i].side == SIDE_BARE)
      return (ptrdiff_t)i;
  return -1;
}

static bool goes(const struct route *route, size_t i, const struct wanted *wanted, ptrdiff_t bare) {
  enum side side = route->items[i].side;
  return (side == SIDE_STABLE && wanted->drop == VS_DROP_STABLE) ||
         (side == SIDE_CANARY && wanted->drop == VS_DROP_CANARY) || side == SIDE_OLD ||
         (side == SIDE_BARE && (ptrdiff_t)i != bare);
}

static void patch_kept(struct json *patch, const struct vs_target *target,
                       const struct route *route, const struct wanted *wanted, ptrdiff_t bare,
                       struct arena *arena) {
  size_t other = 0;
  for (size_t i = 0; i < route->count; i++) {
    enum side side = route->items[i].side;
    if (side == SIDE_OTHER)
      set_weight(patch, route, i, wanted->grows, wanted->others[other++], arena);
    else if (!goes(route, i, wanted, bare))
      set_weight(patch, route, i, wanted->grows,
                 side == SIDE_CANARY ? wanted->canary : wanted->stable, arena);
    if ((ptrdiff_t)i == bare) {
      guard(patch, route, i, arena);
      op(patch, "add", at(route, i, "/destination/subset", arena),
         json_new_string(arena, target->stable), arena);
    }
  }
}

static void patch_route(struct json *patch, const struct vs_target *target,
                        const struct route *route, int64_t parts, enum vs_drop drop,
                        struct arena *arena) {
  struct wanted wanted = wanted_of(route, parts, drop);
  ptrdiff_t bare = bare_for_stable(route, &wanted);
  bool needs_stable = !route_find(route, SIDE_STABLE) && bare < 0 && drop != VS_DROP_STABLE;
  bool needs_canary = !route_find(route, SIDE_CANARY) && parts > 0;
  wanted.grows = needs_stable || needs_canary;
  bool removes = false;
  for (size_t i = 0; i < route->count; i++)
    removes |= goes(route, i, &wanted, bare);
  if (needs_stable || needs_canary || removes)
    op(patch, "test", arena_printf(arena, "/spec/http/%zu/route", route->index),
       json_dup(arena, json_get(route->json, "route")), arena);
  patch_kept(patch, target, route, &wanted, bare, arena);
  for (size_t i = route->count; i-- > 0;)
    if (goes(route, i, &wanted, bare))
      op(patch, "remove", at(route, i, "", arena), NULL, arena);
  struct str end = arena_printf(arena, "/spec/http/%zu/route/-", route->index);
  if (needs_stable)
    op(patch, "add", end, new_destination(route, target->stable, wanted.stable, arena), arena);
  if (needs_canary)
    op(patch, "add", end, new_destination(route, target->canary, wanted.canary, arena), arena);
}

struct json *vs_patch(const struct vs_target *target, int64_t parts, enum vs_drop drop,
                      struct arena *arena) {
  BUG_ON(drop == VS_DROP_STABLE && parts != 10000);
  BUG_ON((drop == VS_DROP_CANARY || str_is_empty(target->canary)) && parts != 0);
  struct vs_split split;
  vs_read(target, arena, &split);
  if (split.problem != VS_FINE)
    return NULL;
  struct route *routes = routes_room(target, arena);
  size_t count = routes_select(target, arena, routes);
  struct json *patch = json_new_array(arena);
  for (size_t i = 0; i < count; i++)
    patch_route(patch, target, &routes[i], parts, drop, arena);
  return patch->count > 0 ? patch : NULL;
}
