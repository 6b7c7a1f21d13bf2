// SPDX-License-Identifier: Apache-2.0
#include "operator/traffic/virtual_service.h"
#include "manifests/kinds/virtual_service.h"
#include "manifests/text/duration.h"
#include "operator/traffic/router_row.h"

struct str vs_full_host(struct str host, struct str ns, struct arena *arena) {
  if (str_find_char(host, '.') >= 0 || str_is_empty(host) || str_eq_z(host, "*"))
    return host;
  return arena_printf(arena, "%.*s.%.*s.svc.cluster.local", STR_ARG(host), STR_ARG(ns));
}

static struct str namespace_of(const struct json *object, struct str fallback) {
  struct str ns = json_path_string(object, "metadata.namespace");
  return str_is_empty(ns) ? fallback : ns;
}

static enum route_side side_of(const struct route_target *target, const struct json *item,
                               struct arena *arena) {
  const struct json *destination = json_get(item, "destination");
  struct str ns = namespace_of(target->object, target->ns);
  struct str host = vs_full_host(json_get_string(destination, "host"), ns, arena);
  struct str subset = json_get_string(destination, "subset");
  if (!str_eq(host, vs_full_host(target->host, target->ns, arena)))
    return SIDE_OTHER;
  if (str_is_empty(subset))
    return !target->takes_bare            ? SIDE_OTHER
           : str_is_empty(target->stable) ? SIDE_STABLE
                                          : SIDE_BARE;
  if (str_eq(subset, target->stable))
    return SIDE_STABLE;
  if (!str_is_empty(target->canary) && str_eq(subset, target->canary))
    return SIDE_CANARY;
  for (size_t i = 0; i < target->old_count; i++)
    if (str_eq(subset, target->old[i]))
      return SIDE_OLD;
  return SIDE_OTHER;
}

// --- names of routes ---

static bool has_string(const struct json *list, struct str wanted) {
  JSON_EACH(item, list) {
    if (str_eq(json_string(item), wanted))
      return true;
  }
  return false;
}

static bool has_hosts(const struct json *match, const struct rollout_l4_ref *ref) {
  for (size_t i = 0; i < ref->sni_hosts_count; i++)
    if (!has_string(json_get(match, "sniHosts"), ref->sni_hosts[i]))
      return false;
  return true;
}

// tls and tcp routes have no name: what they match tells them apart.
static bool is_l4(const struct json *route, const struct rollout_l4_ref *ref) {
  const struct json *matches = json_get(route, "match");
  if (!matches || matches->count == 0) // any port
    return ref->port == 0 && ref->sni_hosts_count == 0;
  JSON_EACH(match, matches) {
    bool same_port = ref->port == 0 || json_int(json_get(match, "port"), 0) == ref->port;
    if (same_port && has_hosts(match, ref))
      return true;
  }
  return false;
}

static bool is_named(const struct route_target *target, const struct route *route) {
  const struct route_ref *ref = &target->ref;
  if (str_eq_z(str_of(route->section), "http")) {
    for (size_t i = 0; i < ref->routes_count; i++)
      if (str_eq(ref->routes[i], json_get_string(route->json, "name")))
        return true;
    return false;
  }
  bool tls = str_eq_z(str_of(route->section), "tls");
  const struct rollout_l4_ref *refs = tls ? ref->tls : ref->tcp;
  for (size_t i = 0; i < (tls ? ref->tls_count : ref->tcp_count); i++)
    if (is_l4(route->json, &refs[i]))
      return true;
  return false;
}

// --- destinations ---

static struct json *make(const struct route_target *target, const struct json *like,
                         struct str name, struct arena *arena) {
  struct json *json = json_new_object(arena);
  struct json *destination = json_dup(arena, json_get(like, "destination"));
  json_remove(destination, STR("subset"));
  if (!str_is_empty(name))
    json_put_string(arena, destination, "subset", name);
  json_put(arena, json, "destination", destination);
  // Versions of one template are treated alike; a pair's headers may be what tells the two apart.
  if (target->takes_bare && json_get(like, "headers"))
    json_put(arena, json, "headers", json_dup(arena, json_get(like, "headers")));
  return json;
}

static struct str side_text(const struct route_target *target, struct arena *arena) {
  return str_is_empty(target->stable)
             ? arena_printf(arena, "destination %.*s", STR_ARG(target->host))
             : arena_printf(arena, "destination %.*s with subset %.*s", STR_ARG(target->host),
                            STR_ARG(target->stable));
}

static int64_t timeout_ms(const struct json *route) {
  int64_t ms = 0;
  return duration_parse(json_get_string(route, "timeout"), &ms) ? ms : 0;
}

// --- shadows: a mesh does not merge VirtualServices, the oldest takes the host ---

static bool is_mesh(const struct json *object) {
  const struct json *gateways = json_path(object, "spec.gateways");
  return !gateways || gateways->count == 0 || has_string(gateways, STR("mesh"));
}

static bool is_visible(const struct json *object, struct str ns) {
  const struct json *to = json_path(object, "spec.exportTo");
  if (str_eq(json_path_string(object, "metadata.namespace"), ns) || !to || to->count == 0)
    return true;
  return has_string(to, STR("*")) || has_string(to, ns);
}

static bool share_host(const struct json *a, const struct json *b, struct arena *arena) {
  JSON_EACH(x, json_path(a, "spec.hosts")) {
    JSON_EACH(y, json_path(b, "spec.hosts")) {
      if (str_eq(vs_full_host(json_string(x), json_path_string(a, "metadata.namespace"), arena),
                 vs_full_host(json_string(y), json_path_string(b, "metadata.namespace"), arena)))
        return true;
    }
  }
  return false;
}

static bool takes_first(const struct route_target *target, const struct json *other,
                        struct arena *arena) {
  const struct json *object = target->object;
  return is_mesh(object) && is_mesh(other) && // VirtualServices of one gateway are merged
         is_visible(other, json_path_string(object, "metadata.namespace")) &&
         share_host(other, object, arena);
}

static const char *const sections[] = {"http", "tls", "tcp", NULL};
static const char *const guards[] = {"destination/host", "destination/subset", NULL};

const struct router virtual_service_router = {
    .kind = &virtual_service_kind,
    .sections = sections,
    .list = "route",
    .weight_max = ROUTE_WEIGHT_MAX,
    .lone_weight = 100,
    .weight = 0,
    .side_of = side_of,
    .is_named = is_named,
    .guards = guards,
    .make = make,
    .name_field = "destination/subset",
    .side_text = side_text,
    .timeout_ms = timeout_ms,
    .takes_first = takes_first,
};
