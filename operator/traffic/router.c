// SPDX-License-Identifier: Apache-2.0
// Which routers there are, which routes of an object are ours, and what they say.
#include "operator/traffic/router.h"
#include "operator/traffic/router_row.h"
#include "operator/traffic/weights.h"

// --- what a Rollout names ---

const struct kind_desc *router_kind(const struct router *router) {
  return router->kind;
}

static void add_service(struct route_ref *ref, const struct rollout_virtual_service_ref *from) {
  *ref = (struct route_ref){.router = &virtual_service_router,
                            .name = from->name,
                            .routes = from->routes,
                            .routes_count = from->routes_count,
                            .tls = from->tls_routes,
                            .tls_count = from->tls_routes_count,
                            .tcp = from->tcp_routes,
                            .tcp_count = from->tcp_routes_count};
}

size_t router_refs(const struct rollout_traffic *traffic, struct route_ref *refs) {
  const struct rollout_gateway_route_ref *gateway = router_gateway_ref(traffic);
  size_t count = 0;
  if (gateway)
    refs[count++] =
        (struct route_ref){.router = traffic->http_route ? &http_route_router : &grpc_route_router,
                           .name = gateway->name,
                           .routes = gateway->rules,
                           .routes_count = gateway->rules_count};
  else if (traffic->virtual_service)
    add_service(&refs[count++], traffic->virtual_service);
  for (size_t i = 0; !gateway && i < traffic->virtual_services_count && count < ROUTER_REFS_MAX;
       i++)
    add_service(&refs[count++], &traffic->virtual_services[i]);
  return count;
}

const struct rollout_gateway_route_ref *router_gateway_ref(const struct rollout_traffic *traffic) {
  return traffic->http_route ? traffic->http_route : traffic->grpc_route;
}

bool router_names_services(const struct rollout_traffic *traffic) {
  return router_gateway_ref(traffic) != NULL;
}

struct str router_stable_name(const struct rollout_spec *spec) {
  const struct rollout_gateway_route_ref *gateway = router_gateway_ref(&spec->traffic);
  return gateway ? gateway->stable_service : spec->stable ? spec->stable->subset : STR_NULL;
}

struct str router_canary_name(const struct rollout_spec *spec) {
  const struct rollout_gateway_route_ref *gateway = router_gateway_ref(&spec->traffic);
  return gateway ? gateway->canary_service : spec->canary ? spec->canary->subset : STR_NULL;
}

// --- one route ---

static bool route_load(const struct route_target *target, const char *section,
                       const struct json *json, size_t index, struct arena *arena,
                       struct route *route) {
  const struct router *router = target->ref.router;
  const struct json *list = json_get(json, router->list);
  *route = (struct route){.section = section, .json = json, .index = index};
  if (!list || list->type != JSON_ARRAY || list->count > ROUTE_ITEMS_MAX)
    return false;
  JSON_EACH(json_item, list) {
    struct route_item *item = &route->items[route->count++];
    item->json = json_item;
    item->side = router->side_of(target, json_item, arena);
    item->weight = json_int(json_get(json_item, "weight"),
                            list->count == 1 ? router->lone_weight : router->weight);
    if (item->weight < 0 || item->weight > router->weight_max) {
      route->has_bad_weight = true;
      item->weight = 0;
    }
  }
  return true;
}

const struct route_item *route_find(const struct route *route, enum route_side side) {
  for (size_t i = 0; i < route->count; i++)
    if (route->items[i].side == side)
      return &route->items[i];
  return NULL;
}

size_t route_count_of(const struct route *route, enum route_side side) {
  size_t n = 0;
  for (size_t i = 0; i < route->count; i++)
    n += route->items[i].side == side;
  return n;
}

int64_t route_weight_of(const struct route *route, enum route_side side) {
  int64_t sum = 0;
  for (size_t i = 0; i < route->count; i++)
    if (route->items[i].side == side)
      sum += route->items[i].weight;
  return sum;
}

int64_t route_share(const struct route *route) {
  return route_weight_of(route, SIDE_STABLE) + route_weight_of(route, SIDE_CANARY) +
         route_weight_of(route, SIDE_OLD) + route_weight_of(route, SIDE_BARE);
}

static bool route_is_ours(const struct route *route) {
  return route_count_of(route, SIDE_OTHER) < route->count;
}

static bool route_serves(const struct route *route) {
  return route_find(route, SIDE_STABLE) || route_find(route, SIDE_BARE) ||
         route_find(route, SIDE_OLD);
}

// --- which routes ---

static size_t names_count(const struct route_ref *ref) {
  return ref->routes_count + ref->tls_count + ref->tcp_count;
}

static size_t routes_load(const struct route_target *target, struct arena *arena,
                          struct route **ret_routes) {
  const struct json *spec = json_get(target->object, "spec");
  size_t room = 1, count = 0;
  for (const char *const *section = target->ref.router->sections; *section; section++)
    if (json_is(json_get(spec, *section), JSON_ARRAY))
      room += json_get(spec, *section)->count;
  struct route *routes = ARENA_ARRAY(arena, struct route, room);
  for (const char *const *section = target->ref.router->sections; *section; section++) {
    const struct json *list = json_get(spec, *section);
    size_t index = 0;
    if (!json_is(list, JSON_ARRAY))
      continue;
    JSON_EACH(json, list) {
      count += route_load(target, *section, json, index++, arena, &routes[count]);
    }
  }
  *ret_routes = routes;
  return count;
}

size_t route_select(const struct route_target *target, struct arena *arena,
                    struct route **ret_routes) {
  struct route *routes;
  size_t all = routes_load(target, arena, &routes), count = 0, serving = 0, kept = 0;
  bool named = names_count(&target->ref) > 0;
  *ret_routes = routes;
  for (size_t i = 0; i < all; i++)
    if (named ? target->ref.router->is_named(target, &routes[i]) : route_is_ours(&routes[i])) {
      if (count != i)
        routes[count] = routes[i];
      serving += route_serves(&routes[count++]);
    }
  if (named || serving == 0 || count <= 1)
    return count;
  // A route that sends somebody to the canary alone is left alone.
  for (size_t i = 0; i < count; i++)
    if (route_serves(&routes[i])) {
      if (kept != i)
        routes[kept] = routes[i];
      kept++;
    }
  return kept;
}

// --- what they say ---

static struct str target_name(const struct route_target *target) {
  return json_path_string(target->object, "metadata.name");
}

static void problem(struct route_split *split, enum route_problem what, struct str message) {
  if (split->problem == ROUTE_FINE) {
    split->problem = what;
    split->message = message;
  }
}

static const char *kind_name(const struct route_target *target) {
  return target->ref.router->kind->kind;
}

// "http route 1 of VirtualService vs", "rule 0 of HTTPRoute web"
static struct str route_words(const struct route_target *target, const struct route *route,
                              struct arena *arena) {
  const char *text = target->ref.router->route_text;
  struct str what = text ? str_of(text) : arena_printf(arena, "%s route", route->section);
  return arena_printf(arena, "%s %zu of %s %.*s", what.ptr, route->index, kind_name(target),
                      STR_ARG(target_name(target)));
}

static void check_route(const struct route_target *target, const struct route *route,
                        struct arena *arena, struct route_split *split) {
  const char *where = route_words(target, route, arena).ptr;
  if (!route_is_ours(route))
    problem(split, ROUTE_MISSING,
            arena_printf(arena, "%s has no %s", where,
                         target->ref.router->side_text(target, arena).ptr));
  else if (route_count_of(route, SIDE_STABLE) > 1 || route_count_of(route, SIDE_CANARY) > 1)
    problem(split, ROUTE_AMBIGUOUS,
            arena_printf(arena, "%s names a version twice; merge the two destinations", where));
  else if (route->has_bad_weight)
    problem(split, ROUTE_WEIGHTLESS,
            arena_printf(arena, "%s has a weight outside of 0 to %lld", where,
                         (long long)target->ref.router->weight_max));
  else if (route_share(route) <= 0 && route_weight_of(route, SIDE_OTHER) > 0)
    problem(split, ROUTE_WEIGHTLESS,
            arena_printf(arena, "%s gives no weight to any %s", where,
                         target->ref.router->side_text(target, arena).ptr));
}

static void read_route(const struct router *router, const struct route *route, bool first,
                       struct route_split *split) {
  int64_t canary = route_weight_of(route, SIDE_CANARY), rest = route_share(route) - canary;
  int64_t parts = weights_parts(rest, canary), timeout_ms = router->timeout_ms(route->json);
  split->canary_max = first || parts > split->canary_max ? parts : split->canary_max;
  split->canary_min = first || parts < split->canary_min ? parts : split->canary_min;
  split->has_stable |= route_find(route, SIDE_STABLE) != NULL;
  split->has_canary |= route_find(route, SIDE_CANARY) != NULL;
  if (timeout_ms > split->timeout_ms)
    split->timeout_ms = timeout_ms;
}

static bool is_only_this(const struct route_target *target, const struct route *routes,
                         size_t count, size_t ref) {
  struct route_target one = *target;
  one.ref.routes_count = one.ref.tls_count = one.ref.tcp_count = 0;
  if (ref < target->ref.routes_count) {
    one.ref.routes = target->ref.routes + ref;
    one.ref.routes_count = 1;
  } else if (ref - target->ref.routes_count < target->ref.tls_count) {
    one.ref.tls = target->ref.tls + (ref - target->ref.routes_count);
    one.ref.tls_count = 1;
  } else {
    one.ref.tcp = target->ref.tcp + (ref - target->ref.routes_count - target->ref.tls_count);
    one.ref.tcp_count = 1;
  }
  for (size_t i = 0; i < count; i++)
    if (target->ref.router->is_named(&one, &routes[i]))
      return true;
  return false;
}

static void check_names(const struct route_target *target, const struct route *routes, size_t count,
                        struct arena *arena, struct route_split *split) {
  size_t wanted = names_count(&target->ref), found = 0;
  for (size_t i = 0; i < wanted; i++)
    found += is_only_this(target, routes, count, i);
  if (found < wanted)
    problem(split, ROUTE_MISSING,
            arena_printf(arena, "%s %.*s has %zu of the %zu routes that spec.traffic names",
                         kind_name(target), STR_ARG(target_name(target)), found, wanted));
}

// Several rules that nobody named: which of them the release is about cannot be told.
static void check_several(const struct route_target *target, const struct route *routes,
                          size_t count, struct arena *arena, struct route_split *split) {
  size_t serving[2] = {0}, found = 0;
  for (size_t i = 0; i < count; i++)
    if (route_serves(&routes[i]) && found < 2)
      serving[found++] = routes[i].index;
  if (target->ref.router->wants_names && names_count(&target->ref) == 0 && found > 1)
    problem(split, ROUTE_AMBIGUOUS,
            arena_printf(arena,
                         "rules %zu and %zu of %s %.*s both have a %s: say in spec.traffic which "
                         "rules are meant",
                         serving[0], serving[1], kind_name(target), STR_ARG(target_name(target)),
                         target->ref.router->side_text(target, arena).ptr));
}

void router_read(const struct route_target *target, struct arena *arena,
                 struct route_split *ret_split) {
  struct route *routes;
  size_t count = route_select(target, arena, &routes);
  *ret_split = (struct route_split){.routes = count};
  check_names(target, routes, count, arena, ret_split);
  if (count == 0)
    problem(ret_split, ROUTE_MISSING,
            arena_printf(arena, "no route of %s %.*s has a %s", kind_name(target),
                         STR_ARG(target_name(target)),
                         target->ref.router->side_text(target, arena).ptr));
  for (size_t i = 0; i < count; i++) {
    check_route(target, &routes[i], arena, ret_split);
    read_route(target->ref.router, &routes[i], i == 0, ret_split);
  }
  check_several(target, routes, count, arena, ret_split);
}

// --- before and after ---

const char *router_refusal(const struct route_target *target, struct arena *arena,
                           struct str *ret_message) {
  const struct router *router = target->ref.router;
  return router->refusal ? router->refusal(target, arena, ret_message) : NULL;
}

enum route_word router_word(const struct route_target *target, bool ours_too) {
  const struct router *router = target->ref.router;
  return router->word ? router->word(target, ours_too) : ROUTE_SAYS_NOTHING;
}

static bool comes_first(const struct router *router, const struct json *a, const struct json *b) {
  static const char *const by_name[] = {"metadata.creationTimestamp", "metadata.name",
                                        "metadata.namespace"},
                           *const by_namespace[] = {"metadata.creationTimestamp",
                                                    "metadata.namespace", "metadata.name"};
  const char *const *keys = router->orders_by_namespace ? by_namespace : by_name;
  int order = 0;
  for (size_t i = 0; i < 3 && order == 0; i++)
    order = str_cmp(json_path_string(a, keys[i]), json_path_string(b, keys[i]));
  return order < 0;
}

const struct json *router_shadow(const struct route_target *target,
                                 const struct json *const *others, size_t count,
                                 struct arena *arena) {
  const struct router *router = target->ref.router;
  const struct json *first = NULL;
  for (size_t i = 0; i < count; i++)
    if (comes_first(router, others[i], target->object) &&
        (!first || comes_first(router, others[i], first)) &&
        router->takes_first(target, others[i], arena))
      first = others[i];
  return first;
}
