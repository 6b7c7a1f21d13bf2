// SPDX-License-Identifier: Apache-2.0
// Gateways of the Gateway API -> listeners and the places where routes attach
// (docs/dataplane.md 4.1, 4.7).
#include "proxy/table_gateways.h"

#include "proxy/host.h"

#include <arpa/inet.h>
#include <string.h>

bool table_ip_address(struct arena *arena, struct str text, struct str *ret_address) {
  char in[INET6_ADDRSTRLEN + 1], out[INET6_ADDRSTRLEN];
  union {
    struct in_addr v4;
    struct in6_addr v6;
  } address;
  if (text.len == 0 || text.len >= sizeof in)
    return false;
  memcpy(in, text.ptr, text.len);
  in[text.len] = '\0';
  int family = str_find_char(text, ':') >= 0 ? AF_INET6 : AF_INET;
  if (inet_pton(family, in, &address) != 1 || !inet_ntop(family, &address, out, sizeof out))
    return false;
  *ret_address = arena_strz(arena, out);
  return true;
}

struct str table_default_address(const struct builder *builder) {
  const struct table_settings *settings = builder->input->settings;
  for (size_t i = 0; i < settings->listener_count; i++) {
    if (settings->listeners[i].persona == TABLE_GATEWAY)
      return settings->listeners[i].address;
  }
  return settings->listener_count ? settings->listeners[0].address : STR("127.0.0.1");
}

struct gateway_place *table_place_new(struct builder *builder, struct str hostname) {
  struct table_gateways *all = builder->gateway;
  struct gateway_place *place = ARENA_NEW(&builder->scratch, struct gateway_place);
  struct gateway_place **at = arena_push(&builder->scratch, (void **)&all->places,
                                         &all->place_count, &all->place_capacity, sizeof *at);
  *at = place;
  place->hostname = table_lower(builder->arena, hostname);
  return place;
}

static struct gateway_site *site_of(struct builder *builder, struct part_scope *scope,
                                    struct str hostname) {
  struct table_gateways *all = builder->gateway;
  for (size_t i = 0; i < all->site_count; i++) {
    if (all->sites[i]->scope == scope && str_eq(all->sites[i]->hostname, hostname))
      return all->sites[i];
  }
  struct gateway_site *site = ARENA_NEW(&builder->scratch, struct gateway_site);
  struct gateway_site **at = arena_push(&builder->scratch, (void **)&all->sites, &all->site_count,
                                        &all->site_capacity, sizeof *at);
  *at = site;
  site->scope = scope;
  site->hostname = hostname;
  map_init(&site->group_by_name);
  return site;
}

void table_place_add_scope(struct builder *builder, struct gateway_place *place,
                           struct part_scope *scope) {
  struct gateway_site **at = arena_push(&builder->scratch, (void **)&place->sites,
                                        &place->site_count, &place->site_capacity, sizeof *at);
  *at = site_of(builder, scope, place->hostname);
}

struct part_listener *table_claim_listener(struct builder *builder,
                                           const struct part_object *object, struct str address,
                                           uint16_t port) {
  struct part_listener *found = NULL;
  for (size_t i = 0; i < builder->listener_count && !found; i++) {
    struct part_listener *listener = &builder->listeners[i];
    if (listener->listener.port == port && str_eq(listener->listener.address, address))
      found = listener;
  }
  if (found && found->listener.persona == TABLE_MESH)
    return NULL;
  if (!found) {
    found = arena_push(&builder->scratch, (void **)&builder->listeners, &builder->listener_count,
                       &builder->listener_capacity, sizeof *found);
    found->listener = (struct table_listener){
        .address = arena_str(builder->arena, address), .port = port, .persona = TABLE_GATEWAY};
  }
  if (!found->is_claimed)
    found->scope = table_scope_new(builder, TABLE_GATEWAY);
  found->is_claimed = true;
  found->listener.source = table_join_source(builder->arena, found->listener.source,
                                             table_object_key(&builder->scratch, object));
  return found;
}

// ---- one Gateway ----

static bool gateway_is_ours(struct builder *builder, const struct part_object *object) {
  const struct gateway *declared = object->from->object;
  struct str controller = builder->input->settings->controller;
  struct str name = declared->spec.gateway_class_name;
  if (controller.len == 0)
    controller = TABLE_CONTROLLER;
  for (size_t i = 0; i < builder->classes.count; i++) {
    const struct gateway_class *class = builder->classes.items[i].from->object;
    if (str_eq(class->metadata.name, name))
      return str_eq(class->spec.controller_name, controller);
  }
  return str_eq(name, GATEWAY_CLASS_OF_OURS);
}

static void gateway_add_classes(struct builder *builder) {
  struct gateway_report *report = builder->gateway->report;
  struct str controller = builder->input->settings->controller;
  if (controller.len == 0)
    controller = TABLE_CONTROLLER;
  report->controller = arena_str(builder->arena, controller);
  struct gateway_report_class *classes = NULL;
  for (size_t i = 0; i < builder->classes.count; i++) {
    const struct gateway_class *class = builder->classes.items[i].from->object;
    if (!str_eq(class->spec.controller_name, controller))
      continue;
    struct gateway_report_class *item =
        arena_push(builder->arena, (void **)&classes, &report->class_count, &report->class_capacity,
                   sizeof *item);
    item->name = arena_str(builder->arena, class->metadata.name);
    item->generation = class->metadata.generation;
  }
  report->classes = classes;
}

static bool listener_is_plain(const struct gateway_listener *listener) {
  return str_eq(listener->protocol, STR("HTTP"));
}

// Distinctness within a port: by hostname for HTTP; no other protocol beside it.
static const char *listener_conflict(const struct gateway *gateway, size_t index) {
  const struct gateway_listener *self = &gateway->spec.listeners[index];
  for (size_t i = 0; i < gateway->spec.listeners_count; i++) {
    const struct gateway_listener *other = &gateway->spec.listeners[i];
    if (i == index || other->port != self->port)
      continue;
    if (!str_eq(other->protocol, self->protocol))
      return "ProtocolConflict";
    if (str_eq_nocase(other->hostname, self->hostname))
      return "HostnameConflict";
  }
  return "NoConflicts";
}

static bool kind_is_http_route(const struct gateway_route_kind *kind) {
  return str_eq(kind->group, GATEWAY_API_GROUP) && str_eq(kind->kind, STR("HTTPRoute"));
}

static void listener_check_kinds(struct builder *builder, const struct gateway_listener *declared,
                                 struct gateway_report_listener *report) {
  report->resolved = "ResolvedRefs";
  report->takes_http_routes = declared->allowed_routes.kinds_count == 0;
  for (size_t i = 0; i < declared->allowed_routes.kinds_count; i++) {
    const struct gateway_route_kind *kind = &declared->allowed_routes.kinds[i];
    if (kind_is_http_route(kind)) {
      report->takes_http_routes = true;
      continue;
    }
    report->resolved = "InvalidRouteKinds";
    report->message =
        arena_printf(builder->arena, "routes of kind %.*s are not served", STR_ARG(kind->kind));
  }
}

static void listener_check(struct builder *builder, const struct gateway *gateway, size_t index,
                           struct gateway_report_listener *report) {
  const struct gateway_listener *declared = &gateway->spec.listeners[index];
  report->name = arena_str(builder->arena, declared->name);
  report->accepted = "Accepted";
  report->message = STR("");
  listener_check_kinds(builder, declared, report);
  report->conflicted = listener_conflict(gateway, index);
  if (strcmp(report->conflicted, "NoConflicts") != 0)
    report->message = arena_printf(
        builder->arena, "another listener has port %lld%s", (long long)declared->port,
        strcmp(report->conflicted, "HostnameConflict") == 0 ? " and the same hostname"
                                                            : " with another protocol");
  if (listener_is_plain(declared))
    return;
  report->accepted = "UnsupportedProtocol";
  report->takes_http_routes = false;
  report->message = arena_printf(builder->arena, "protocol %.*s is not enforced yet; HTTP is",
                                 STR_ARG(declared->protocol));
}

// Opens it at every address of the Gateway.
static void listener_open(struct builder *builder, const struct part_gateway *gateway,
                          const struct str *addresses, size_t address_count,
                          struct gateway_place *place) {
  for (size_t i = 0; i < address_count; i++) {
    struct part_listener *listener = table_claim_listener(builder, gateway->object, addresses[i],
                                                          (uint16_t)place->declared->port);
    if (listener) {
      table_place_add_scope(builder, place, listener->scope);
      continue;
    }
    place->report->accepted = "PortUnavailable";
    place->report->message =
        arena_printf(builder->arena, "%.*s:%lld is a mesh listener of the command line",
                     STR_ARG(addresses[i]), (long long)place->declared->port);
  }
  place->is_open = place->site_count > 0;
}

// False: one of them is none that can be bound.
static bool gateway_addresses(struct builder *builder, const struct part_gateway *gateway,
                              struct str **ret_addresses, size_t *ret_count) {
  const struct gateway_spec *spec = &gateway->declared->spec;
  size_t count = 0;
  struct str *addresses = ARENA_ARRAY(&builder->scratch, struct str, spec->addresses_count + 1);
  for (size_t i = 0; i < spec->addresses_count; i++) {
    const struct gateway_address *from = &spec->addresses[i];
    if (from->value.len == 0) {
      addresses[count++] = table_default_address(builder);
      continue;
    }
    if (!str_eq(from->type, STR("IPAddress")) ||
        !table_ip_address(builder->arena, from->value, &addresses[count])) {
      gateway->report->message =
          arena_printf(builder->arena, "address \"%.*s\" of type %.*s: only IPAddress can be bound",
                       STR_ARG(from->value), STR_ARG(from->type));
      return false;
    }
    count++;
  }
  if (count == 0)
    addresses[count++] = table_default_address(builder);
  *ret_addresses = addresses;
  *ret_count = count;
  return true;
}

static void gateway_say(struct builder *builder, const struct part_gateway *gateway) {
  const struct gateway_report_gateway *report = gateway->report;
  if (!report->is_accepted)
    table_finding(builder, FINDING_WARNING, gateway->object, STR("spec"), "not-accepted",
                  "%s%s%.*s", report->accepted, report->message.len ? ": " : "",
                  STR_ARG(report->message));
  for (size_t i = 0; i < report->listener_count; i++) {
    const struct gateway_report_listener *listener = &report->listeners[i];
    if (listener->message.len)
      table_finding(builder, FINDING_WARNING, gateway->object,
                    arena_printf(builder->arena, "spec.listeners[%zu]", i), "listener",
                    "%.*s: %.*s", STR_ARG(listener->name), STR_ARG(listener->message));
  }
}

static void gateway_add(struct builder *builder, struct part_gateway *gateway) {
  const struct gateway_spec *spec = &gateway->declared->spec;
  struct gateway_report_gateway *report = gateway->report;
  struct str *addresses = NULL;
  size_t address_count = 0, bad = 0;
  bool can_bind = gateway_addresses(builder, gateway, &addresses, &address_count);
  report->listener_count = spec->listeners_count;
  report->listeners =
      ARENA_ARRAY(builder->arena, struct gateway_report_listener, spec->listeners_count);
  gateway->places = ARENA_ARRAY(&builder->scratch, struct gateway_place *, spec->listeners_count);
  for (size_t i = 0; i < spec->listeners_count; i++) {
    struct gateway_place *place = table_place_new(builder, spec->listeners[i].hostname);
    gateway->places[i] = place;
    place->declared = &spec->listeners[i];
    place->report = &report->listeners[i];
    listener_check(builder, gateway->declared, i, place->report);
    if (can_bind && listener_is_plain(place->declared) &&
        strcmp(place->report->conflicted, "NoConflicts") == 0)
      listener_open(builder, gateway, addresses, address_count, place);
    bad += !place->is_open;
  }
  report->accepted = !can_bind ? "UnsupportedAddress" : bad ? "ListenersNotValid" : "Accepted";
  report->is_accepted = can_bind && bad < spec->listeners_count;
  gateway_say(builder, gateway);
  if (report->is_accepted)
    table_add_source(builder, gateway->object);
}

void table_add_gateways(struct builder *builder) {
  struct table_gateways *all = builder->gateway =
      ARENA_NEW(&builder->scratch, struct table_gateways);
  struct map *maps[] = {&all->gateway_by_name, &all->namespace_by_name, &all->istio_by_name,
                        &all->service_places};
  for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
    map_init(maps[i]);
  struct gateway_report *report = all->report = ARENA_NEW(builder->arena, struct gateway_report);
  for (size_t i = 0; i < builder->namespaces.count; i++)
    (void)map_put(&all->namespace_by_name, builder->namespaces.items[i].meta->name,
                  (void *)(uintptr_t)builder->namespaces.items[i].from->object);
  gateway_add_classes(builder);
  report->gateways =
      ARENA_ARRAY(builder->arena, struct gateway_report_gateway, builder->gateways.count);
  for (size_t i = 0; i < builder->gateways.count; i++) {
    const struct part_object *object = &builder->gateways.items[i];
    struct part_gateway *gateway = ARENA_NEW(&builder->scratch, struct part_gateway);
    gateway->object = object;
    gateway->declared = object->from->object;
    gateway->is_ours = gateway_is_ours(builder, object);
    struct str key =
        TABLE_CONCAT(&builder->scratch, object->meta->namespace_, STR("/"), object->meta->name);
    (void)map_put(&all->gateway_by_name, key, gateway);
    if (!gateway->is_ours) {
      table_finding(builder, FINDING_INFO, object, STR("spec.gatewayClassName"),
                    "not-for-this-proxy", "its class %.*s is not this proxy's",
                    STR_ARG(gateway->declared->spec.gateway_class_name));
      continue;
    }
    gateway->report = &report->gateways[report->gateway_count++];
    gateway->report->namespace_ = arena_str(builder->arena, object->meta->namespace_);
    gateway->report->name = arena_str(builder->arena, object->meta->name);
    gateway->report->generation = object->meta->generation;
    gateway_add(builder, gateway);
  }
  builder->table->gateways = report;
}

void table_report_gateways(struct builder *builder) {
  struct table_gateways *all = builder->gateway;
  for (size_t i = 0; i < all->place_count; i++) {
    const struct gateway_place *place = all->places[i];
    if (!place->report || !place->is_open)
      continue;
    uint32_t *listeners = ARENA_ARRAY(builder->arena, uint32_t, place->site_count);
    size_t count = 0;
    for (uint32_t j = 0; j < builder->listener_count; j++) {
      for (size_t k = 0; k < place->site_count; k++) {
        // The scope of a declared Gateway's listener is that of one address and port.
        if (builder->listeners[j].scope == place->sites[k]->scope)
          listeners[count++] = j;
      }
    }
    place->report->listeners = listeners;
    place->report->listener_count = count;
  }
}

void table_gateways_dispose(struct builder *builder) {
  struct table_gateways *all = builder->gateway;
  map_dispose(&all->gateway_by_name);
  map_dispose(&all->namespace_by_name);
  map_dispose(&all->istio_by_name);
  map_dispose(&all->service_places);
  for (size_t i = 0; i < all->site_count; i++)
    map_dispose(&all->sites[i]->group_by_name);
}
