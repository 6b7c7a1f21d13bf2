// SPDX-License-Identifier: Apache-2.0
#include "operator/traffic/gateway_route.h"

const char *const gateway_route_sections[] = {"rules", NULL};
const char *const gateway_route_guards[] = {"name", "namespace", "port", NULL};

static struct str or_else(struct str value, struct str fallback) {
  return str_is_empty(value) ? fallback : value;
}

static struct str field(const struct json *object, const char *name, const char *fallback) {
  return or_else(json_get_string(object, name), str_of(fallback));
}

// --- backends ---

enum route_side gateway_route_side_of(const struct route_target *target, const struct json *item,
                                      struct arena *arena) {
  (void)arena;
  struct str ns = or_else(json_path_string(target->object, "metadata.namespace"), target->ns);
  struct str name = json_get_string(item, "name");
  if (!str_is_empty(json_get_string(item, "group")) ||
      !str_eq_z(field(item, "kind", "Service"), "Service") ||
      !str_eq(or_else(json_get_string(item, "namespace"), ns), target->ns) || str_is_empty(name))
    return SIDE_OTHER;
  if (str_eq(name, target->stable))
    return SIDE_STABLE;
  if (str_eq(name, target->canary))
    return SIDE_CANARY;
  for (size_t i = 0; i < target->old_count; i++)
    if (str_eq(name, target->old[i]))
      return SIDE_OLD;
  if (!target->takes_bare || !str_eq(name, target->host))
    return SIDE_OTHER;
  return str_is_empty(target->stable) ? SIDE_STABLE : SIDE_BARE;
}

// By name; a rule without one also by its number, counted from 0.
bool gateway_route_is_named(const struct route_target *target, const struct route *route) {
  struct str name = json_get_string(route->json, "name");
  for (size_t i = 0; i < target->ref.routes_count; i++) {
    struct str wanted = target->ref.routes[i];
    uint64_t number;
    if (str_is_empty(name) ? str_to_u64(wanted, &number) && number == route->index
                           : str_eq(wanted, name))
      return true;
  }
  return false;
}

struct json *gateway_route_make(const struct route_target *target, const struct json *like,
                                struct str name, struct arena *arena) {
  struct json *json = json_dup(arena, like); // with its port and its filters
  json_put_string(arena, json, "name", or_else(name, target->host));
  return json;
}

struct str gateway_route_side_text(const struct route_target *target, struct arena *arena) {
  if (str_is_empty(target->stable))
    return arena_printf(arena, "backend Service %.*s", STR_ARG(target->host));
  return target->takes_bare ? arena_printf(arena, "backend Service %.*s or %.*s",
                                           STR_ARG(target->stable), STR_ARG(target->host))
                            : arena_printf(arena, "backend Service %.*s", STR_ARG(target->stable));
}

// --- what the parents say ---

static struct str parent_text(const struct json *parent, struct arena *arena) {
  const struct json *ref = json_get(parent, "parentRef");
  return arena_printf(arena, "%.*s %.*s (controller %.*s)", STR_ARG(field(ref, "kind", "Gateway")),
                      STR_ARG(field(ref, "name", "?")),
                      STR_ARG(field(parent, "controllerName", "unknown")));
}

static bool is_current(const struct route_target *target, const struct json *condition) {
  return json_int(json_get(condition, "observedGeneration"), 0) >=
         json_int(json_path(target->object, "metadata.generation"), 0);
}

// Only of the newest generation: an older word may be about what was put right since.
const char *gateway_route_refusal(const struct route_target *target, struct arena *arena,
                                  struct str *ret_message) {
  JSON_EACH(parent, json_path(target->object, "status.parents")) {
    JSON_EACH(condition, json_get(parent, "conditions")) {
      struct str type = json_get_string(condition, "type");
      bool accepted = str_eq_z(type, "Accepted");
      if ((!accepted && !str_eq_z(type, "ResolvedRefs")) || !is_current(target, condition) ||
          !str_eq_z(json_get_string(condition, "status"), "False"))
        continue;
      *ret_message =
          arena_printf(arena, "%s does not serve %s %.*s: %.*s is False, %.*s: %.*s",
                       parent_text(parent, arena).ptr, target->ref.router->kind->kind,
                       STR_ARG(json_path_string(target->object, "metadata.name")), STR_ARG(type),
                       STR_ARG(json_get_string(condition, "reason")),
                       STR_ARG(str_slice(json_get_string(condition, "message"), 0, 300)));
      return accepted ? "RouteNotAccepted" : "RouteRefsNotResolved";
    }
  }
  return NULL;
}

enum route_word gateway_route_word(const struct route_target *target, bool ours_too) {
  size_t parents = 0;
  JSON_EACH(parent, json_path(target->object, "status.parents")) {
    bool seen = false;
    if (!ours_too && str_starts(json_get_string(parent, "controllerName"), STR("serin.dev/")))
      continue;
    parents++;
    JSON_EACH(condition, json_get(parent, "conditions")) {
      seen |= str_eq_z(json_get_string(condition, "type"), "Accepted") &&
              str_eq_z(json_get_string(condition, "status"), "True") &&
              is_current(target, condition);
    }
    if (!seen)
      return ROUTE_NOT_YET;
  }
  return parents > 0 ? ROUTE_IN_FORCE : ROUTE_SAYS_NOTHING;
}

// --- shadows: of two equal matches the older route's counts ---

static bool same_parent(const struct json *a, const struct json *b, struct str ns_a,
                        struct str ns_b) {
  struct str section_a = json_get_string(a, "sectionName"),
             section_b = json_get_string(b, "sectionName");
  int64_t port_a = json_int(json_get(a, "port"), 0), port_b = json_int(json_get(b, "port"), 0);
  return str_eq(field(a, "group", "gateway.networking.k8s.io"),
                field(b, "group", "gateway.networking.k8s.io")) &&
         str_eq(field(a, "kind", "Gateway"), field(b, "kind", "Gateway")) &&
         str_eq(json_get_string(a, "name"), json_get_string(b, "name")) &&
         str_eq(or_else(json_get_string(a, "namespace"), ns_a),
                or_else(json_get_string(b, "namespace"), ns_b)) &&
         (str_is_empty(section_a) || str_is_empty(section_b) || str_eq(section_a, section_b)) &&
         (port_a == 0 || port_b == 0 || port_a == port_b);
}

static bool share_parent(const struct json *a, const struct json *b) {
  JSON_EACH(x, json_path(a, "spec.parentRefs")) {
    JSON_EACH(y, json_path(b, "spec.parentRefs")) {
      if (same_parent(x, y, json_path_string(a, "metadata.namespace"),
                      json_path_string(b, "metadata.namespace")))
        return true;
    }
  }
  return false;
}

// The more specific hostname wins whatever its age: only equal ones compete.
static bool share_hostname(const struct json *a, const struct json *b) {
  const struct json *of_a = json_path(a, "spec.hostnames"), *of_b = json_path(b, "spec.hostnames");
  bool any_a = !of_a || of_a->count == 0, any_b = !of_b || of_b->count == 0;
  if (any_a || any_b)
    return any_a && any_b;
  JSON_EACH(x, of_a) {
    JSON_EACH(y, of_b) {
      if (str_eq_nocase(json_string(x), json_string(y)))
        return true;
    }
  }
  return false;
}

static bool has_equal(const struct json *list, const struct json *value, bool any_case) {
  struct str name = json_get_string(value, "name");
  JSON_EACH(item, list) {
    struct str other = json_get_string(item, "name");
    if ((any_case ? str_eq_nocase(name, other) : str_eq(name, other)) &&
        str_eq(json_get_string(value, "value"), json_get_string(item, "value")) &&
        str_eq(field(value, "type", "Exact"), field(item, "type", "Exact")))
      return true;
  }
  return false;
}

bool gateway_route_same_values(const struct json *a, const struct json *b, bool names_any_case) {
  if ((a ? a->count : 0) != (b ? b->count : 0))
    return false;
  JSON_EACH(value, a) {
    if (!has_equal(b, value, names_any_case))
      return false;
  }
  return true;
}

static bool rule_has(const struct json *rule, const struct json *match,
                     bool (*same_match)(const struct json *, const struct json *)) {
  const struct json *matches = json_get(rule, "matches");
  if (!matches || matches->count == 0)
    return same_match(match, NULL);
  JSON_EACH(item, matches) {
    if (same_match(match, item))
      return true;
  }
  return false;
}

static bool any_rule_has(const struct json *object, const struct json *match,
                         bool (*same_match)(const struct json *, const struct json *)) {
  JSON_EACH(rule, json_path(object, "spec.rules")) {
    if (rule_has(rule, match, same_match))
      return true;
  }
  return false;
}

bool gateway_route_takes_first(const struct route_target *target, const struct json *other,
                               bool (*same_match)(const struct json *a, const struct json *b),
                               struct arena *arena) {
  struct route *routes;
  if (!share_parent(target->object, other) || !share_hostname(target->object, other))
    return false;
  size_t count = route_select(target, arena, &routes);
  for (size_t i = 0; i < count; i++) {
    const struct json *matches = json_get(routes[i].json, "matches");
    if ((!matches || matches->count == 0) && any_rule_has(other, NULL, same_match))
      return true;
    JSON_EACH(match, matches) {
      if (any_rule_has(other, match, same_match))
        return true;
    }
  }
  return false;
}
