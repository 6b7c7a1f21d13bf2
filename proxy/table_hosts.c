// SPDX-License-Identifier: Apache-2.0
// Step 6 of table_build: which virtual host of the mesh answers to which name, and which
// VirtualServices the gateways without a declared Gateway serve (docs/dataplane.md, "Listeners and
// personas").
#include "proxy/host.h"
#include "proxy/table_parts.h"

static const struct part_context hosts_mesh = {.persona = TABLE_MESH, .gateway = STR("")};

// A VirtualService with routes of its own that belongs to the mesh.
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
  int64_t taken = table_host_find(builder->mesh, host);
  if (taken >= 0) {
    struct str owner = builder->hosts[taken].source;
    if (!str_eq(owner, source))
      table_finding(builder, FINDING_WARNING, object, STR("spec.hosts"), "duplicate-host",
                    "%.*s already belongs to %.*s, which is older; these routes are not in force",
                    STR_ARG(host), STR_ARG(owner));
    return;
  }
  uint32_t index = table_host_new(builder, builder->mesh, host, source);
  (void)table_host_take(builder, index, host);
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

static void hosts_add_to_mesh(struct builder *builder, const struct part_object *object,
                              struct table_route *routes, size_t route_count, bool *ret_in_force) {
  const struct virtual_service *declared = object->from->object;
  struct str source = table_object_key(builder->arena, object);
  for (size_t i = 0; i < declared->spec.hosts_count; i++) {
    struct str host = host_expand(builder->arena, declared->spec.hosts[i], object->meta->namespace_,
                                  builder->domain);
    hosts_add_name(builder, object, host, source, routes, route_count, ret_in_force);
  }
}

void table_merge_host(struct builder *builder, struct part_scope *scope, struct str host,
                      struct str source, const struct table_route *routes, size_t count) {
  int64_t index = table_host_find(scope, host);
  if (index < 0) {
    index = table_host_new(builder, scope, host, source);
    (void)table_host_take(builder, (uint32_t)index, host);
  }
  struct part_host *merged = &builder->hosts[index];
  merged->source = table_join_source(builder->arena, merged->source, source);
  table_host_append(builder, (uint32_t)index, routes, count);
}

// "public" -> "team1/public".
static struct str hosts_gateway_name(struct arena *arena, struct str name, struct str namespace_) {
  return str_find_char(name, '/') >= 0 ? arena_str(arena, name)
                                       : TABLE_CONCAT(arena, namespace_, STR("/"), name);
}

// To the gateway listeners of the command line, for a Gateway that is not declared.
static void hosts_add_to_edge(struct builder *builder, const struct part_object *object,
                              const struct part_context *context, const struct table_route *routes,
                              size_t count, bool *ret_in_force) {
  const struct virtual_service *declared = object->from->object;
  struct str source = table_object_key(builder->arena, object);
  for (size_t i = 0; i < declared->spec.hosts_count; i++) {
    struct str host = host_expand(builder->arena, declared->spec.hosts[i], object->meta->namespace_,
                                  builder->domain);
    table_merge_host(builder, builder->edge, host, source, routes, count);
  }
  table_finding(builder, FINDING_INFO, object, STR("spec.gateways"), "assumed-gateway",
                "Gateway %.*s is not declared; served on the gateway listeners of the command line",
                STR_ARG(context->gateway));
  *ret_in_force = true;
}

static struct part_context hosts_context(struct builder *builder, const struct part_object *object,
                                         struct str gateway) {
  if (str_eq(gateway, STR("mesh")))
    return hosts_mesh;
  return (struct part_context){
      .persona = TABLE_GATEWAY,
      .gateway = hosts_gateway_name(&builder->scratch, gateway, object->meta->namespace_)};
}

static void hosts_add_to_gateway(struct builder *builder, const struct part_object *object,
                                 const struct part_context *context, bool *ret_in_force) {
  struct table_route *routes;
  size_t count;
  bool is_declared = table_istio_gateway_is_declared(builder, context->gateway);
  if (!is_declared && !builder->edge) {
    table_finding(builder, FINDING_WARNING, object, STR("spec.gateways"), "not-enforced",
                  "Gateway %.*s is not open here: it is not declared, and no listener of the "
                  "command line has persona=gateway",
                  STR_ARG(context->gateway));
    return;
  }
  builder->is_quiet = true; // all was said when it was made first
  bool ok = table_make_routes(builder, object, context, &routes, &count);
  builder->is_quiet = false;
  if (ok && is_declared)
    table_bind_virtual_service(builder, object, context, routes, count, ret_in_force);
  else if (ok)
    hosts_add_to_edge(builder, object, context, routes, count, ret_in_force);
}

static void hosts_add_to_gateways(struct builder *builder, const struct part_object *object,
                                  bool *ret_in_force) {
  const struct virtual_service *declared = object->from->object;
  for (size_t i = 0; i < declared->spec.gateways_count; i++) {
    struct part_context context = hosts_context(builder, object, declared->spec.gateways[i]);
    if (context.persona == TABLE_GATEWAY)
      hosts_add_to_gateway(builder, object, &context, ret_in_force);
  }
}

static void hosts_add_virtual_service(struct builder *builder, const struct part_object *object) {
  const struct virtual_service *declared = object->from->object;
  struct table_route *routes;
  size_t route_count;
  bool in_force = false, in_mesh = hosts_in_mesh(declared);
  if (declared->spec.hosts_count == 0 || declared->spec.http_count == 0)
    return; // a delegate, or only tls and tcp routes: reported as not enforced
  struct part_context first =
      in_mesh ? hosts_mesh : hosts_context(builder, object, declared->spec.gateways[0]);
  if (!table_make_routes(builder, object, &first, &routes, &route_count)) {
    table_finding(builder, FINDING_ERROR, object, STR("spec.http"), "not-in-force",
                  "left out as a whole because of the errors above");
    return;
  }
  if (in_mesh)
    hosts_add_to_mesh(builder, object, routes, route_count, &in_force);
  hosts_add_to_gateways(builder, object, &in_force);
  if (in_force)
    table_add_source(builder, object);
}

static struct table_route *hosts_default_route(struct builder *builder,
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
      pattern = table_host_find(
          builder->mesh, TABLE_CONCAT(&builder->scratch, STR("*"), str_slice(fqdn, i, fqdn.len)));
  }
  if (pattern < 0)
    pattern = table_host_find(builder->mesh, STR("*"));
  if (pattern >= 0 && builder->hosts[pattern].is_route_group)
    pattern = -1; // HTTPRoutes of a gateway are not for the mesh's own names
  struct str source =
      TABLE_CONCAT(builder->arena, service->entry ? STR("ServiceEntry/") : STR("Service/"),
                   service->service->namespace_, STR("/"),
                   service->entry ? service->entry->metadata.name : service->service->name);
  uint32_t index = table_host_new(builder, builder->mesh, fqdn, source);
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
  (void)table_host_take(builder, index, fqdn);
  return index;
}

static void hosts_add_aliases(struct builder *builder, uint32_t index,
                              const struct part_service *service) {
  struct arena *arena = builder->arena;
  const struct table_service *s = service->service;
  if (!service->entry) {
    (void)table_host_take(builder, index,
                          table_lower(arena, TABLE_CONCAT(&builder->scratch, s->name, STR("."),
                                                          s->namespace_, STR(".svc"))));
    (void)table_host_take(
        builder, index,
        table_lower(arena, TABLE_CONCAT(&builder->scratch, s->name, STR("."), s->namespace_)));
  }
  const struct service_spec *spec = &service->declared->spec;
  if (!str_eq(spec->cluster_ip, STR("None")))
    (void)table_host_take(builder, index, table_lower(arena, spec->cluster_ip));
  for (size_t i = 0; i < spec->cluster_ips_count; i++) {
    if (!str_eq(spec->cluster_ips[i], STR("None")))
      (void)table_host_take(builder, index, table_lower(arena, spec->cluster_ips[i]));
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
    if (service->entry) // its name is whole
      continue;
    struct str name = table_lower(&builder->scratch, service->service->name);
    if (str_eq(service->service->namespace_, builder->input->settings->namespace_))
      (void)table_host_take(builder, service->host_index, arena_str(builder->arena, name));
    (void)map_put(&by_name, name, map_get(&by_name, name) ? (void *)&several : (void *)service);
  }
  struct map_iter it = map_begin(&by_name);
  while (map_each(&it)) {
    const struct part_service *service = it.value;
    if (it.value != &several)
      (void)table_host_take(builder, service->host_index, arena_str(builder->arena, it.key));
  }
  map_dispose(&by_name);
}

void table_add_hosts(struct builder *builder) {
  for (size_t i = 0; i < builder->virtual_services.count; i++)
    hosts_add_virtual_service(builder, &builder->virtual_services.items[i]);
  table_add_http_routes(builder);
  for (size_t i = 0; i < builder->part_count; i++) {
    struct part_service *service = &builder->parts[i];
    if (!service->is_hosted)
      service->host_index = hosts_add_service(builder, service);
    hosts_add_aliases(builder, service->host_index, service);
  }
  hosts_add_short_names(builder);
}
