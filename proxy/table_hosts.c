// SPDX-License-Identifier: Apache-2.0
// Last step of table_build: which virtual host answers to which name (docs/dataplane.md 1.1
// and 1.4, mesh persona).
#include "proxy/host.h"
#include "proxy/table_parts.h"

static bool hosts_take_domain(struct builder *builder, uint32_t index, struct str domain) {
  if (domain.len == 0 || map_get(&builder->host_by_domain, domain))
    return false;
  (void)map_put(&builder->host_by_domain, domain, (void *)(uintptr_t)(index + 1));
  struct part_host *host = &builder->hosts[index];
  struct str *place = arena_push(builder->arena, (void **)&host->domains, &host->domain_count,
                                 &host->domain_capacity, sizeof *place);
  *place = domain;
  return true;
}

static uint32_t hosts_new(struct builder *builder, struct str name, struct str source) {
  struct part_host *host = arena_push(&builder->scratch, (void **)&builder->hosts,
                                      &builder->host_count, &builder->host_capacity, sizeof *host);
  host->name = name;
  host->source = source;
  return (uint32_t)(builder->host_count - 1);
}

// Index of the virtual host that has this very name or pattern; -1 when there is none.
static int64_t hosts_find(const struct builder *builder, struct str domain) {
  return (int64_t)(uintptr_t)map_get(&builder->host_by_domain, domain) - 1;
}

static bool hosts_in_mesh(const struct virtual_service *declared) {
  for (size_t i = 0; i < declared->spec.gateways_count; i++) {
    if (str_eq(declared->spec.gateways[i], STR("mesh")))
      return true;
  }
  return declared->spec.gateways_count == 0;
}

static void hosts_add_name(struct builder *builder, const struct part_object *object,
                           struct str host, struct str source, struct table_route *routes,
                           size_t route_count, bool *ret_in_force) {
  int64_t taken = hosts_find(builder, host);
  if (taken >= 0) {
    struct str owner = builder->hosts[taken].source;
    if (!str_eq(owner, source))
      table_finding(builder, FINDING_WARNING, object, STR("spec.hosts"), "duplicate-host",
                    "%.*s already belongs to %.*s, which is older; these routes are not in force",
                    STR_ARG(host), STR_ARG(owner));
    return;
  }
  uint32_t index = hosts_new(builder, host, source);
  (void)hosts_take_domain(builder, index, host);
  builder->hosts[index].routes = routes;
  builder->hosts[index].route_count = route_count;
  struct part_service *service = map_get(&builder->service_by_name, host);
  if (service) {
    builder->hosts[index].service = service;
    service->is_hosted = true;
    service->host_index = index;
  }
  *ret_in_force = true;
}

static void hosts_add_virtual_service(struct builder *builder, const struct part_object *object) {
  const struct virtual_service *declared = object->from->object;
  struct table_route *routes;
  size_t route_count;
  bool in_force = false;
  if (declared->spec.hosts_count == 0 || declared->spec.http_count == 0)
    return; // a delegate, or only tls and tcp routes: reported as not enforced
  if (!hosts_in_mesh(declared)) {
    table_finding(builder, FINDING_WARNING, object, STR("spec.gateways"), "not-enforced",
                  "only for gateways; this proxy opens none yet");
    return;
  }
  if (!table_make_routes(builder, object, &routes, &route_count)) {
    table_finding(builder, FINDING_ERROR, object, STR("spec.http"), "not-in-force",
                  "left out as a whole because of the errors above");
    return;
  }
  struct str source = table_object_key(builder->arena, object);
  for (size_t i = 0; i < declared->spec.hosts_count; i++) {
    struct str host = host_expand(builder->arena, declared->spec.hosts[i], object->meta->namespace_,
                                  builder->domain);
    hosts_add_name(builder, object, host, source, routes, route_count, &in_force);
  }
  if (in_force)
    table_add_source(builder, object);
}

static const struct table_route *hosts_default_route(struct builder *builder,
                                                     const struct part_service *service) {
  struct table_route *route = ARENA_NEW(builder->arena, struct table_route);
  struct table_destination *destination = ARENA_NEW(builder->arena, struct table_destination);
  destination->weight = 1;
  destination->host = service->service->fqdn;
  destination->subset = STR("");
  destination->service = service->service;
  destination->by_port = service->clusters;
  route->name = STR("default");
  route->destinations = destination;
  route->destination_count = 1;
  route->total_weight = 1;
  route->retry = retry_policy_default();
  return route;
}

// The routes of a Service no VirtualService names: those of the most specific pattern that covers
// it, else its own.
static uint32_t hosts_add_service(struct builder *builder, const struct part_service *service) {
  struct str fqdn = service->service->fqdn;
  int64_t pattern = -1;
  for (size_t i = 1; pattern < 0 && i < fqdn.len; i++) {
    if (fqdn.ptr[i] == '.')
      pattern = hosts_find(builder,
                           TABLE_CONCAT(&builder->scratch, STR("*"), str_slice(fqdn, i, fqdn.len)));
  }
  if (pattern < 0)
    pattern = hosts_find(builder, STR("*"));
  struct str source = TABLE_CONCAT(builder->arena, STR("Service/"), service->service->namespace_,
                                   STR("/"), service->service->name);
  uint32_t index = hosts_new(builder, fqdn, source);
  struct part_host *host = &builder->hosts[index];
  host->service = service;
  if (pattern >= 0) {
    host->source = builder->hosts[pattern].source;
    host->routes = builder->hosts[pattern].routes;
    host->route_count = builder->hosts[pattern].route_count;
  } else {
    host->routes = hosts_default_route(builder, service);
    host->route_count = 1;
  }
  (void)hosts_take_domain(builder, index, fqdn);
  return index;
}

static void hosts_add_aliases(struct builder *builder, uint32_t index,
                              const struct part_service *service) {
  struct arena *arena = builder->arena;
  const struct table_service *s = service->service;
  (void)hosts_take_domain(builder, index,
                          table_lower(arena, TABLE_CONCAT(&builder->scratch, s->name, STR("."),
                                                          s->namespace_, STR(".svc"))));
  (void)hosts_take_domain(
      builder, index,
      table_lower(arena, TABLE_CONCAT(&builder->scratch, s->name, STR("."), s->namespace_)));
  const struct service_spec *spec = &service->declared->spec;
  if (!str_eq(spec->cluster_ip, STR("None")))
    (void)hosts_take_domain(builder, index, table_lower(arena, spec->cluster_ip));
  for (size_t i = 0; i < spec->cluster_ips_count; i++) {
    if (!str_eq(spec->cluster_ips[i], STR("None")))
      (void)hosts_take_domain(builder, index, table_lower(arena, spec->cluster_ips[i]));
  }
}

// "reviews" alone is the Service of the proxy's own namespace, else that of the only namespace that
// has one.
static void hosts_add_short_names(struct builder *builder) {
  struct map by_name;
  static char several; // its address marks a name that many namespaces have
  map_init(&by_name);
  for (size_t i = 0; i < builder->part_count; i++) {
    struct part_service *service = &builder->parts[i];
    struct str name = table_lower(&builder->scratch, service->service->name);
    if (str_eq(service->service->namespace_, builder->input->settings->namespace_))
      (void)hosts_take_domain(builder, service->host_index, arena_str(builder->arena, name));
    (void)map_put(&by_name, name, map_get(&by_name, name) ? (void *)&several : (void *)service);
  }
  struct map_iter it = map_begin(&by_name);
  while (map_each(&it)) {
    const struct part_service *service = it.value;
    if (it.value != &several)
      (void)hosts_take_domain(builder, service->host_index, arena_str(builder->arena, it.key));
  }
  map_dispose(&by_name);
}

static void hosts_finish(struct builder *builder) {
  struct table_host *hosts = ARENA_ARRAY(builder->arena, struct table_host, builder->host_count);
  size_t entry_count = 0;
  for (size_t i = 0; i < builder->host_count; i++)
    entry_count += builder->hosts[i].domain_count;
  struct host_entry *entries = ARENA_ARRAY(builder->arena, struct host_entry, entry_count);
  size_t at = 0;
  for (uint32_t i = 0; i < builder->host_count; i++) {
    const struct part_host *from = &builder->hosts[i];
    hosts[i] = (struct table_host){
        .name = from->name,
        .domains = from->domains,
        .domain_count = from->domain_count,
        .source = from->source,
        .service = from->service ? from->service->service : NULL,
        .routes = from->routes,
        .route_count = from->route_count,
    };
    for (size_t j = 0; j < from->domain_count; j++)
      entries[at++] = (struct host_entry){from->domains[j], i};
  }
  builder->table->hosts = hosts;
  builder->table->host_count = builder->host_count;
  builder->table->index = host_index_new(builder->arena, entries, entry_count);
}

void table_add_hosts(struct builder *builder) {
  for (size_t i = 0; i < builder->virtual_services.count; i++)
    hosts_add_virtual_service(builder, &builder->virtual_services.items[i]);
  for (size_t i = 0; i < builder->part_count; i++) {
    struct part_service *service = &builder->parts[i];
    if (!service->is_hosted)
      service->host_index = hosts_add_service(builder, service);
    hosts_add_aliases(builder, service->host_index, service);
  }
  hosts_add_short_names(builder);
  hosts_finish(builder);
}
