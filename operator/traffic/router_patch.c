// SPDX-License-Identifier: Apache-2.0
// The JSON Patch that sets the weights.
#include "manifests/base/bug.h"
#include "operator/traffic/router.h"
#include "operator/traffic/router_row.h"
#include "operator/traffic/weights.h"

#include <string.h>

struct wanted {
  int64_t stable, canary;
  int64_t others[ROUTE_ITEMS_MAX];
  enum route_drop drop;
  bool keeps;     // the weights are right as they are
  bool alone;     // one destination stays, which no version is named in: as it was found
  ptrdiff_t bare; // the destination without a version that becomes the stable's; -1: none
  bool needs_stable, needs_canary; // a destination is added
};

struct writer {
  const struct route_target *target;
  const struct route *route;
  struct json *patch;
  struct arena *arena;
};

static void op(const struct writer *w, const char *what, struct str path, struct json *value) {
  struct json *json = json_new_object(w->arena);
  json_put_z(w->arena, json, "op", what);
  json_put_string(w->arena, json, "path", path);
  if (value)
    json_put(w->arena, json, "value", value);
  json_append(w->patch, json);
}

static struct str list_path(const struct writer *w) {
  return arena_printf(w->arena, "/spec/%s/%zu/%s", w->route->section, w->route->index,
                      w->target->ref.router->list);
}

// `field` is below the item, as "destination/host"; "" is the item itself.
static struct str item_path(const struct writer *w, size_t item, const char *field) {
  return arena_printf(w->arena, "%s/%zu%s%s", list_path(w).ptr, item, field[0] ? "/" : "", field);
}

static const struct json *item_field(const struct json *item, const char *field) {
  struct str rest = str_of(field), part;
  while (item && str_next(&rest, '/', &part))
    item = json_get_s(item, part);
  return item;
}

static void guard(const struct writer *w, size_t i) {
  for (const char *const *field = w->target->ref.router->guards; *field; field++) {
    const struct json *value = item_field(w->route->items[i].json, *field);
    if (value && !(json_is(value, JSON_STRING) && str_is_empty(value->string)))
      op(w, "test", item_path(w, i, *field), json_dup(w->arena, value));
  }
}

// --- what is wanted ---

static ptrdiff_t bare_for_stable(const struct route *route, enum route_drop drop) {
  if (route_find(route, SIDE_STABLE) || drop == ROUTE_DROP_STABLE)
    return -1;
  for (size_t i = 0; i < route->count; i++)
    if (route->items[i].side == SIDE_BARE)
      return (ptrdiff_t)i;
  return -1;
}

static bool goes(const struct route *route, size_t i, const struct wanted *wanted) {
  enum route_side side = route->items[i].side;
  return (side == SIDE_STABLE && wanted->drop == ROUTE_DROP_STABLE) ||
         (side == SIDE_CANARY && wanted->drop == ROUTE_DROP_CANARY) || side == SIDE_OLD ||
         (side == SIDE_BARE && (ptrdiff_t)i != wanted->bare);
}

static bool any_goes(const struct route *route, const struct wanted *wanted) {
  for (size_t i = 0; i < route->count; i++)
    if (goes(route, i, wanted))
      return true;
  return false;
}

static bool is_alone(const struct route_target *target, const struct route *route,
                     const struct wanted *wanted) {
  size_t stay = wanted->needs_stable;
  for (size_t i = 0; i < route->count; i++)
    stay += !goes(route, i, wanted);
  return target->takes_bare && str_is_empty(target->stable) && stay == 1 && !wanted->needs_canary;
}

static bool is_within(const struct wanted *wanted, size_t count, int64_t max) {
  for (size_t i = 0; i < count; i++)
    if (wanted->others[i] > max)
      return false;
  return wanted->stable <= max && wanted->canary <= max;
}

static void others_of(const struct route *route, int64_t *others) {
  size_t count = 0;
  for (size_t i = 0; i < route->count; i++)
    if (route->items[i].side == SIDE_OTHER)
      others[count++] = route->items[i].weight;
}

static int64_t largest(const int64_t *others, size_t count, int64_t share) {
  int64_t max = share > 0 ? share : 1;
  for (size_t i = 0; i < count; i++)
    max = others[i] > max ? others[i] : max;
  return max;
}

// All weights divided by `by`; what had some keeps some.
static int64_t lessen(int64_t *others, size_t count, int64_t share, int64_t by) {
  for (size_t i = 0; i < count; i++)
    others[i] = others[i] > 0 && others[i] < by ? 1 : others[i] / by;
  return share / by;
}

// Exact weights may be larger than a route takes. Then all are as large as may be, and the canary's
// is rounded down, so that it never has more than asked. Doing it twice changes nothing.
static void split(struct wanted *wanted, const struct route *route, int64_t parts, int64_t max) {
  int64_t share = route_share(route) > 0 ? route_share(route) : 100, by = 1;
  size_t count = route_count_of(route, SIDE_OTHER);
  while (share / by > max)
    by *= 2;
  for (int i = 0; i < 2; i++) { // as they are, and made smaller
    others_of(route, wanted->others);
    int64_t less = lessen(wanted->others, count, share, i == 0 ? 1 : by);
    weights_split(parts, less, wanted->others, count, &wanted->stable, &wanted->canary);
    if (is_within(wanted, count, max))
      return;
  }
  others_of(route, wanted->others);
  share = lessen(wanted->others, count, share, by);
  int64_t more = max / largest(wanted->others, count, share);
  for (size_t i = 0; i < count; i++)
    wanted->others[i] *= more;
  share *= more;
  wanted->canary = share * parts / 10000;
  wanted->stable = share - wanted->canary;
}

static struct wanted wanted_of(const struct route_target *target, const struct route *route,
                               int64_t parts, enum route_drop drop) {
  struct wanted wanted = {.drop = drop, .bare = bare_for_stable(route, drop)};
  int64_t share = route_share(route), canary = route_weight_of(route, SIDE_CANARY);
  wanted.needs_stable =
      !route_find(route, SIDE_STABLE) && wanted.bare < 0 && drop != ROUTE_DROP_STABLE;
  wanted.needs_canary = !route_find(route, SIDE_CANARY) && parts > 0;
  split(&wanted, route, parts, target->ref.router->weight_max);
  wanted.alone = is_alone(target, route, &wanted);
  // Other numbers with the same share (9 and 1 for 10 %) stay as somebody wrote them.
  wanted.keeps = share > 0 && !wanted.needs_stable && !wanted.needs_canary &&
                 !any_goes(route, &wanted) && canary * 10000 == parts * share;
  return wanted;
}

// --- the patch ---

// As the stable's is, or else any of ours.
static const struct json *like(const struct route *route) {
  static const enum route_side order[] = {SIDE_STABLE, SIDE_BARE, SIDE_OLD, SIDE_CANARY};
  for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
    if (route_find(route, order[i]))
      return route_find(route, order[i])->json;
  return NULL; // never of a route that is ours
}

static void add_item(const struct writer *w, struct str name, bool alone, int64_t weight) {
  struct json *json = w->target->ref.router->make(w->target, like(w->route), name, w->arena);
  (void)json_remove(json, STR("weight"));
  if (!alone)
    json_put_int(w->arena, json, "weight", weight);
  op(w, "add", arena_printf(w->arena, "%s/-", list_path(w).ptr), json);
}

static void set_weight(const struct writer *w, size_t i, const struct wanted *wanted,
                       int64_t weight) {
  const struct json *old = json_get(w->route->items[i].json, "weight");
  // One that is alone means all whatever its weight, also without; not so any more when another
  // comes. Some servers fill a weight in, so one that does no harm stays.
  if (wanted->alone) {
    if (!old || w->route->items[i].weight > 0)
      return;
    guard(w, i);
    op(w, "remove", item_path(w, i, "weight"), NULL);
    return;
  }
  bool stands = old || (w->route->count == 1 && !wanted->needs_stable && !wanted->needs_canary);
  if (wanted->keeps || (w->route->items[i].weight == weight && stands))
    return;
  guard(w, i);
  op(w, old ? "replace" : "add", item_path(w, i, "weight"), json_new_int(w->arena, weight));
}

static void patch_kept(const struct writer *w, const struct wanted *wanted) {
  const char *name_field = w->target->ref.router->name_field;
  size_t other = 0;
  for (size_t i = 0; i < w->route->count; i++) {
    enum route_side side = w->route->items[i].side;
    if (side == SIDE_OTHER)
      set_weight(w, i, wanted, wanted->others[other++]);
    else if (!goes(w->route, i, wanted))
      set_weight(w, i, wanted, side == SIDE_CANARY ? wanted->canary : wanted->stable);
    if ((ptrdiff_t)i == wanted->bare) {
      guard(w, i); // `add` of a member that is there replaces it
      op(w, "add", item_path(w, i, name_field), json_new_string(w->arena, w->target->stable));
    }
  }
}

static void patch_route(const struct writer *w, int64_t parts, enum route_drop drop) {
  struct wanted wanted = wanted_of(w->target, w->route, parts, drop);
  if (wanted.needs_stable || wanted.needs_canary || any_goes(w->route, &wanted))
    op(w, "test", list_path(w),
       json_dup(w->arena, json_get(w->route->json, w->target->ref.router->list)));
  patch_kept(w, &wanted);
  for (size_t i = w->route->count; i-- > 0;)
    if (goes(w->route, i, &wanted))
      op(w, "remove", item_path(w, i, ""), NULL);
  if (wanted.needs_stable)
    add_item(w, w->target->stable, wanted.alone, wanted.stable);
  if (wanted.needs_canary)
    add_item(w, w->target->canary, false, wanted.canary);
}

// Traffic is taken away also where it cannot be told which of several rules are meant.
static bool may_patch(const struct route_target *target, const struct route *routes, size_t count,
                      int64_t parts, struct arena *arena) {
  struct route_split split;
  router_read(target, arena, &split);
  if (split.problem == ROUTE_FINE)
    return true;
  for (size_t i = 0; i < count; i++)
    if (route_count_of(&routes[i], SIDE_STABLE) > 1 || route_count_of(&routes[i], SIDE_CANARY) > 1)
      return false;
  return split.problem == ROUTE_AMBIGUOUS && parts == 0;
}

struct json *router_patch(const struct route_target *target, int64_t parts, enum route_drop drop,
                          struct arena *arena) {
  BUG_ON(drop == ROUTE_DROP_STABLE && parts != 10000);
  BUG_ON((drop == ROUTE_DROP_CANARY || str_is_empty(target->canary)) && parts != 0);
  struct route *routes;
  size_t count = route_select(target, arena, &routes);
  if (!may_patch(target, routes, count, parts, arena))
    return NULL;
  struct json *patch = json_new_array(arena);
  for (size_t i = 0; i < count; i++) {
    const struct writer writer = {target, &routes[i], patch, arena};
    patch_route(&writer, parts, drop);
  }
  return patch->count > 0 ? patch : NULL;
}
