// SPDX-License-Identifier: Apache-2.0
// Step 1 of table_build: Services, their names and which of their ports speak HTTP.
#include "proxy/host.h"
#include "proxy/table_parts.h"

#include <stdlib.h>

// Istio's protocol selection: appProtocol, else what stands before the first '-' of the port's
// name.
static const struct {
  const char *name;
  bool is_http, is_http2;
} service_protocols[] = {
    {"http", true, false},
    {"http2", true, true},
    {"grpc", true, true},
    {"grpc-web", true, false},
    {"kubernetes.io/h2c", true, true},
    {"kubernetes.io/ws", true, false},
    {"kubernetes.io/wss", false, false},
    {"https", false, false},
    {"tls", false, false},
    {"tcp", false, false},
    {"mongo", false, false},
    {"mysql", false, false},
    {"redis", false, false},
    {"udp", false, false},
};

void table_port_protocol(struct str name, struct table_port *port) {
  port->is_http = true; // unknown names: HTTP is all this proxy speaks
  port->is_http2 = false;
  for (size_t i = 0; i < sizeof service_protocols / sizeof service_protocols[0]; i++) {
    if (str_eq_nocase(name, str_of(service_protocols[i].name))) {
      port->is_http = service_protocols[i].is_http;
      port->is_http2 = service_protocols[i].is_http2;
      return;
    }
  }
}

static void service_port_protocol(const struct service_port *port, struct table_port *ret_port) {
  struct str name = port->app_protocol;
  if (!name.len) {
    ptrdiff_t dash = str_find_char(port->name, '-');
    name = dash < 0 ? port->name : str_slice(port->name, 0, (size_t)dash);
  }
  table_port_protocol(name, ret_port);
}

static void service_add_ports(struct builder *builder, const struct part_object *object,
                              const struct service *declared, struct table_service *service) {
  struct table_port *ports =
      ARENA_ARRAY(builder->arena, struct table_port, declared->spec.ports_count);
  bool has_default = false;
  for (size_t i = 0; i < declared->spec.ports_count; i++) {
    const struct service_port *from = &declared->spec.ports[i];
    if (from->port < 1 || from->port > UINT16_MAX ||
        (from->protocol.len && !str_eq(from->protocol, STR("TCP"))))
      continue; // UDP and SCTP carry nothing for this proxy
    struct table_port *port = &ports[service->port_count];
    port->number = (uint16_t)from->port;
    port->name = arena_str(builder->arena, from->name);
    if (from->target_port.is_set && from->target_port.is_string)
      port->target_name = arena_str(builder->arena, from->target_port.text);
    else if (from->target_port.is_set && from->target_port.integer > 0 &&
             from->target_port.integer <= UINT16_MAX)
      port->target = (uint16_t)from->target_port.integer;
    service_port_protocol(from, port);
    if (port->is_http2)
      table_finding(builder, FINDING_WARNING, object,
                    arena_printf(builder->arena, "spec.ports[%zu]", i), "not-enforced",
                    "port %u asks for HTTP/2 to its endpoints; HTTP/1.1 is spoken", port->number);
    if (port->is_http && !has_default) {
      service->default_port = service->port_count;
      has_default = true;
    }
    service->port_count++;
  }
  service->ports = ports;
}

static int service_order(const void *a, const void *b) {
  return str_cmp(((const struct table_service *)a)->fqdn, ((const struct table_service *)b)->fqdn);
}

// Fills names first and sorts, so that pointers into the array are final afterwards.
static size_t services_fill(struct builder *builder, struct table_service *services) {
  size_t count = 0;
  for (size_t i = 0; i < builder->services.count; i++) {
    const struct part_object *object = &builder->services.items[i];
    struct table_service *service = &services[count];
    service->name = arena_str(builder->arena, object->meta->name);
    service->namespace_ = arena_str(builder->arena, object->meta->namespace_);
    service->fqdn = table_lower(builder->arena,
                                TABLE_CONCAT(&builder->scratch, service->name, STR("."),
                                             service->namespace_, STR(".svc."), builder->domain));
    if (map_get(&builder->service_by_name, service->fqdn)) {
      table_finding(builder, FINDING_WARNING, object, STR("metadata.name"), "duplicate-object",
                    "declared twice; the first one counts");
      continue;
    }
    (void)map_put(&builder->service_by_name, service->fqdn, builder->services.items + i);
    count++;
  }
  count = table_fill_entries(builder, services, count);
  if (count)
    qsort(services, count, sizeof *services, service_order);
  return count;
}

// What the later steps ask a Service for: its name and the addresses it answers to.
static const struct service *service_of_entry(struct builder *builder,
                                              const struct service_entry *entry) {
  struct service *service = ARENA_NEW(&builder->scratch, struct service);
  service->metadata = entry->metadata;
  service->spec.cluster_ips = entry->spec.addresses;
  service->spec.cluster_ips_count = entry->spec.addresses_count;
  return service;
}

void table_add_services(struct builder *builder) {
  size_t count = builder->services.count;
  for (size_t i = 0; i < builder->service_entries.count; i++)
    count += ((const struct service_entry *)builder->service_entries.items[i].from->object)
                 ->spec.hosts_count;
  struct table_service *services = ARENA_ARRAY(builder->arena, struct table_service, count);
  builder->parts = ARENA_ARRAY(&builder->scratch, struct part_service, count);
  builder->part_count = services_fill(builder, services);
  for (size_t i = 0; i < builder->part_count; i++) {
    struct part_service *part = &builder->parts[i];
    const struct part_object *object = map_get(&builder->service_by_name, services[i].fqdn);
    part->service = &services[i];
    part->from = object->from;
    if (object->from->kind == &service_entry_kind) {
      part->entry = object->from->object;
      part->declared = service_of_entry(builder, part->entry);
      table_add_entry_ports(builder, part->entry, &services[i]);
    } else {
      part->declared = object->from->object;
      service_add_ports(builder, object, part->declared, &services[i]);
    }
    (void)map_put(&builder->service_by_name, services[i].fqdn, part);
  }
  builder->table->services = services;
  builder->table->service_count = builder->part_count;
}
