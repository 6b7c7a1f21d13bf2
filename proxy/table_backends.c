// SPDX-License-Identifier: Apache-2.0
// backendRefs of an HTTPRoute rule -> weighted destinations (docs/dataplane.md 4.6). A reference
// that cannot be used keeps its share, and its share gets 500.
#include "proxy/host.h"
#include "proxy/table_gateways.h"

#include <string.h>

static bool grant_names(const struct reference_grant *grant, struct str from_namespace,
                        struct str name) {
  bool from = false, to = false;
  for (size_t i = 0; i < grant->spec.from_count; i++) {
    const struct reference_grant_from *item = &grant->spec.from[i];
    from =
        from || (str_eq(item->group, GATEWAY_API_GROUP) && str_eq(item->kind, STR("HTTPRoute")) &&
                 str_eq(item->namespace_, from_namespace));
  }
  for (size_t i = 0; i < grant->spec.to_count; i++) {
    const struct reference_grant_to *item = &grant->spec.to[i];
    to = to || (item->group.len == 0 && str_eq(item->kind, STR("Service")) &&
                (item->name.len == 0 || str_eq(item->name, name)));
  }
  return from && to;
}

static bool backend_is_granted(const struct builder *builder, struct str from, struct str to,
                               struct str name) {
  if (str_eq(from, to))
    return true;
  for (size_t i = 0; i < builder->grants.count; i++) {
    const struct part_object *object = &builder->grants.items[i];
    if (str_eq(object->meta->namespace_, to) && grant_names(object->from->object, from, name))
      return true;
  }
  return false;
}

static void backend_fault(struct builder *builder, const struct part_object *object,
                          struct str place, struct http_made *made, const char *reason,
                          struct str message) {
  // The first fault speaks for the route; each is a finding.
  if (strcmp(made->resolved, "ResolvedRefs") == 0) {
    made->resolved = reason;
    made->resolved_message = message;
  }
  table_finding(builder, FINDING_WARNING, object, place, reason,
                "%.*s; its share is answered with "
                "500",
                STR_ARG(message));
}

// What application protocol the Service's port declares that cannot be spoken; "" for none.
static struct str backend_protocol(const struct part_service *service, size_t port) {
  const struct table_port *declared = &service->service->ports[port];
  for (size_t i = 0; service->declared && i < service->declared->spec.ports_count; i++) {
    const struct service_port *from = &service->declared->spec.ports[i];
    if (from->port == declared->number && from->app_protocol.len && !declared->is_http)
      return from->app_protocol;
  }
  return STR("");
}

static bool backend_port(struct builder *builder, const struct part_object *object,
                         const struct part_service *service, struct str place,
                         struct table_destination *destination, struct http_made *made) {
  destination->fixed_port = SIZE_MAX;
  for (size_t i = 0; i < service->service->port_count; i++) {
    if (service->service->ports[i].number == destination->port)
      destination->fixed_port = i;
  }
  if (destination->fixed_port == SIZE_MAX) {
    backend_fault(builder, object, place, made, "BackendNotFound",
                  arena_printf(builder->arena, "Service %.*s has no port %u",
                               STR_ARG(destination->host), destination->port));
    return false;
  }
  struct str protocol = backend_protocol(service, destination->fixed_port);
  if (protocol.len == 0)
    return true;
  backend_fault(builder, object, place, made, "UnsupportedProtocol",
                arena_printf(builder->arena, "port %u of Service %.*s has appProtocol %.*s",
                             destination->port, STR_ARG(destination->host), STR_ARG(protocol)));
  return false;
}

void table_make_backend(struct builder *builder, const struct part_object *object,
                        const struct route_backend_object *ref, struct str place,
                        struct table_destination *destination, struct http_made *made) {
  struct str from = object->meta->namespace_;
  struct str namespace_ = ref->namespace_.len ? ref->namespace_ : from;
  // Istio's kind for hosts that are no Services of this cluster: a ServiceEntry's.
  bool is_host = str_eq(ref->group, STR("networking.istio.io")) &&
                 (str_eq(ref->kind, STR("Hostname")) || str_eq(ref->kind, STR("ServiceEntry")));
  destination->missing_status = 500;
  destination->port = (uint16_t)ref->port;
  destination->host = is_host ? table_lower(builder->arena, ref->name)
                              : host_expand(builder->arena,
                                            TABLE_CONCAT(&builder->scratch, ref->name, STR("."),
                                                         namespace_, STR(".svc."), builder->domain),
                                            namespace_, builder->domain);
  if (!is_host && (!str_eq(ref->kind, STR("Service")) || ref->group.len)) {
    backend_fault(
        builder, object, place, made, "InvalidKind",
        arena_printf(builder->arena, "backends of kind %.*s are not known", STR_ARG(ref->kind)));
    return;
  }
  if (!is_host && !backend_is_granted(builder, from, namespace_, ref->name)) {
    backend_fault(builder, object, place, made, "RefNotPermitted",
                  arena_printf(builder->arena,
                               "no ReferenceGrant of namespace %.*s admits HTTPRoutes of %.*s to "
                               "Service %.*s",
                               STR_ARG(namespace_), STR_ARG(from), STR_ARG(ref->name)));
    return;
  }
  const struct part_service *service = map_get(&builder->service_by_name, destination->host);
  if (!service) {
    backend_fault(
        builder, object, place, made, "BackendNotFound",
        arena_printf(builder->arena, "there is no Service %.*s", STR_ARG(destination->host)));
    return;
  }
  if (!backend_port(builder, object, service, place, destination, made))
    return;
  destination->service = service->service;
  destination->by_port = table_clusters_of(service, STR(""));
}

static void backend_filters(struct builder *builder, const struct route_backend_ref *ref,
                            struct table_destination *destination) {
  struct str ignored = STR("");
  for (size_t i = 0; i < ref->filters_count; i++) {
    const struct route_filter *filter = &ref->filters[i];
    if (filter->request_header_modifier)
      table_make_modifier(builder, filter->request_header_modifier, &destination->request_headers,
                          &destination->authority);
    if (filter->response_header_modifier)
      table_make_modifier(builder, filter->response_header_modifier, &destination->response_headers,
                          &ignored);
  }
}

void table_make_backends(struct builder *builder, const struct part_object *object, size_t rule,
                         const struct http_route_rule *declared, struct table_route *route,
                         struct http_made *made) {
  struct table_destination *destinations =
      ARENA_ARRAY(builder->arena, struct table_destination, declared->backend_refs_count);
  for (size_t i = 0; i < declared->backend_refs_count; i++) {
    const struct route_backend_ref *ref = &declared->backend_refs[i];
    struct table_destination destination = {.weight = (uint64_t)ref->weight, .subset = STR("")};
    struct str place = arena_printf(builder->arena, "spec.rules[%zu].backendRefs[%zu]", rule, i);
    table_make_backend(builder, object, &ref->ref, place, &destination, made);
    backend_filters(builder, ref, &destination);
    if (destination.weight == 0) // looked at for its faults only
      continue;
    route->total_weight += destination.weight;
    destinations[route->destination_count++] = destination;
  }
  route->destinations = destinations;
  route->is_weighted = declared->backend_refs_count > 1;
  if (route->destination_count > 1)
    route->split = builder->table->split_count++;
}
