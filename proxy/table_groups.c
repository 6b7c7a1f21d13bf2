// SPDX-License-Identifier: Apache-2.0
// Attached HTTPRoutes -> virtual hosts. The routes of one host name on one listener are one group,
// in order of precedence; a host name's requests go through the groups that cover it, the most
// specific first (docs/dataplane.md 4.2, rule 1). A name answers only for the most specific
// listener that covers it (listener isolation, 4.1).
#include "proxy/host.h"
#include "proxy/table_gateways.h"

#include <stdlib.h>

static struct gateway_group *group_of(struct builder *builder, struct gateway_site *site,
                                      const struct part_object *object, struct str hostname) {
  struct gateway_group *group = map_get(&site->group_by_name, hostname);
  if (group)
    return group;
  group = ARENA_NEW(&builder->scratch, struct gateway_group);
  *group = (struct gateway_group){.hostname = hostname, .object = object, .source = STR("")};
  struct gateway_group **at = arena_push(&builder->scratch, (void **)&site->groups,
                                         &site->group_count, &site->group_capacity, sizeof *at);
  *at = group;
  (void)map_put(&site->group_by_name, hostname, group);
  return group;
}

static void site_attach(struct builder *builder, struct gateway_site *site,
                        const struct part_object *object, struct str hostname,
                        const struct http_made *made) {
  struct gateway_group *group = group_of(builder, site, object, hostname);
  if (group->last == made)
    return;
  group->last = made;
  group->source =
      table_join_source(builder->arena, group->source, table_object_key(&builder->scratch, object));
  for (size_t i = 0; i < made->count; i++) {
    const struct http_made_route **route =
        arena_push(&builder->scratch, (void **)&group->routes, &group->route_count,
                   &group->route_capacity, sizeof *route);
    *route = &made->items[i];
  }
}

void table_attach_routes(struct builder *builder, struct gateway_place *place,
                         const struct part_object *object, struct str hostname,
                         const struct http_made *made) {
  for (size_t i = 0; i < place->site_count; i++)
    site_attach(builder, place->sites[i], object, hostname, made);
}

static int group_order(const void *a, const void *b) {
  const struct http_made_route *const *x = a, *const *y = b;
  return route_rank_compare(&(*x)->rank, &(*y)->rank);
}

static struct table_route *group_routes(struct builder *builder, struct gateway_group *group) {
  struct table_route *routes = ARENA_ARRAY(builder->arena, struct table_route, group->route_count);
  if (group->route_count)
    qsort(group->routes, group->route_count, sizeof *group->routes, group_order);
  for (size_t i = 0; i < group->route_count; i++)
    routes[i] = group->routes[i]->route;
  return routes;
}

// The most specific group of a site that covers a name; `beyond`: other than the name's own.
static struct gateway_group *group_covering(struct builder *builder,
                                            const struct gateway_site *site, struct str name,
                                            bool beyond) {
  struct gateway_group *group = beyond ? NULL : map_get(&site->group_by_name, name);
  for (size_t i = 1; !group && i < name.len; i++) {
    if (name.ptr[i] != '.' || (i == 1 && name.ptr[0] == '*')) // "*.a" is its own pattern
      continue;
    group = map_get(&site->group_by_name,
                    TABLE_CONCAT(&builder->scratch, STR("*"), str_slice(name, i, name.len)));
  }
  return group ? group : map_get(&site->group_by_name, STR(""));
}

// ---- names ----

// Whether a listener of the same address that is more specific has all of this name.
static bool name_is_isolated(const struct builder *builder, const struct gateway_site *site,
                             struct str name) {
  const struct table_gateways *all = builder->gateway;
  for (size_t i = 0; i < all->site_count; i++) {
    const struct gateway_site *other = all->sites[i];
    if (other == site || other->scope != site->scope || !other->hostname.len)
      continue;
    bool is_narrower = !site->hostname.len || host_matches(site->hostname, other->hostname);
    if (is_narrower && host_matches(other->hostname, name))
      return true;
  }
  return false;
}

static void name_add(struct builder *builder, const struct gateway_site *site,
                     const struct gateway_group *group, struct str name) {
  if (name_is_isolated(builder, site, name))
    return;
  int64_t taken = table_host_find(site->scope, name);
  if (taken >= 0) {
    const struct part_host *owner = &builder->hosts[taken];
    if (!owner->is_route_group)
      table_finding(builder, FINDING_WARNING, group->object, STR("spec.hostnames"),
                    "duplicate-host", "%.*s already belongs to %.*s; %.*s is not in force for it",
                    STR_ARG(name), STR_ARG(owner->source), STR_ARG(group->source));
    return;
  }
  (void)table_host_take(builder, group->host, name);
  struct part_service *service =
      site->scope == builder->mesh ? map_get(&builder->service_by_name, name) : NULL;
  if (service) { // its short names and addresses follow
    builder->hosts[group->host].service = service;
    service->is_hosted = true;
    service->host_index = group->host;
  }
}

// ---- virtual hosts ----

static void site_make_hosts(struct builder *builder, const struct gateway_site *site,
                            struct str all) {
  for (size_t i = 0; i < site->group_count; i++) {
    struct gateway_group *group = site->groups[i];
    group->host = table_host_new(builder, site->scope, group->hostname.len ? group->hostname : all,
                                 group->source);
    struct part_host *host = &builder->hosts[group->host];
    host->routes = group_routes(builder, group);
    host->route_count = group->route_count;
    host->is_route_group = true;
  }
}

static void site_make(struct builder *builder, const struct gateway_site *site) {
  struct str all = site->hostname.len ? site->hostname : STR("*"), both;
  site_make_hosts(builder, site, all);
  for (size_t i = 0; i < site->group_count; i++) {
    const struct gateway_group *group = site->groups[i];
    struct str name = group->hostname.len ? group->hostname : all;
    const struct gateway_group *next =
        group->hostname.len ? group_covering(builder, site, name, true) : NULL;
    builder->hosts[group->host].next = next ? (int64_t)next->host : -1;
    if (host_intersect(all, name, &both))
      name_add(builder, site, group_covering(builder, site, both, false), both);
  }
  // Where nothing is attached, still no other listener answers.
  if (site->hostname.len && table_host_find(site->scope, site->hostname) < 0 &&
      !name_is_isolated(builder, site, site->hostname)) {
    uint32_t index = table_host_new(builder, site->scope, site->hostname, STR("-"));
    builder->hosts[index].is_route_group = true;
    (void)table_host_take(builder, index, site->hostname);
  }
}

void table_make_groups(struct builder *builder) {
  const struct table_gateways *all = builder->gateway;
  for (size_t i = 0; i < all->site_count; i++)
    site_make(builder, all->sites[i]);
}
