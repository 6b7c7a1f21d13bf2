// SPDX-License-Identifier: Apache-2.0
// Services that are not Kubernetes' own (docs/dataplane.md 3.7): ServiceEntries and ExternalName
// Services, and endpoints that are no Pods: those of ServiceEntries and WorkloadEntries.
#include "proxy/host.h"
#include "proxy/table_parts.h"

// Where the addresses of one endpoint come from, before its name is resolved.
struct entry_source {
  const struct part_object *object;
  struct str address, name;    // name of the workload, "" when it has none
  const struct int_map *ports; // may be NULL
  const struct string_map *labels;
  struct str locality;
  int64_t weight;
  bool first_only; // of several addresses
};

static bool int_map_find(const struct int_map *map, struct str key, int64_t *ret_value) {
  for (size_t i = 0; map && i < map->count; i++) {
    if (str_eq(map->items[i].key, key)) {
      *ret_value = map->items[i].value;
      return true;
    }
  }
  return false;
}

// A port of an entry's endpoint: the endpoint's own number for that name, else the target port,
// else the service's.
static int64_t entry_port(const struct entry_source *source, const struct table_port *port) {
  int64_t number = port->target ? port->target : port->number;
  if (!int_map_find(source->ports, port->name, &number) && port->target_name.len)
    (void)int_map_find(source->ports, port->target_name, &number);
  return number;
}

static void entry_add_address(struct builder *builder, struct part_service *service,
                              const struct entry_source *source, struct str ip) {
  for (size_t i = 0; i < service->service->port_count; i++) {
    const struct table_port *port = &service->service->ports[i];
    const struct part_address address = {.ip = ip,
                                         .port_name = port->name,
                                         .port = entry_port(source, port),
                                         .name = source->name,
                                         .labels = source->labels,
                                         .locality = source->locality,
                                         .weight = source->weight};
    table_add_address(builder, source->object, service, &address);
  }
}

static void entry_add(struct builder *builder, struct part_service *service,
                      const struct entry_source *source) {
  const struct table_dns *dns = builder->input->dns;
  if (str_starts(source->address, STR("unix:"))) {
    table_finding(builder, FINDING_WARNING, source->object, STR("spec"), "not-enforced",
                  "%.*s: only endpoints with an IP address or a name are connected to",
                  STR_ARG(source->address));
    return;
  }
  if (table_is_ip(builder, source->address)) {
    entry_add_address(builder, service, source, source->address);
    return;
  }
  const struct str *found = NULL;
  size_t count = dns ? dns->find(dns->ctx, source->address, &found) : 0;
  for (size_t i = 0; i < count && (i == 0 || !source->first_only); i++)
    entry_add_address(builder, service, source, found[i]);
}

// Labels of a WorkloadEntry: those of its spec before those of its metadata.
static const struct string_map *entry_labels(struct builder *builder,
                                             const struct workload_entry *entry) {
  const struct string_map *own = &entry->spec.labels, *meta = &entry->metadata.labels;
  struct string_map *both = ARENA_NEW(&builder->scratch, struct string_map);
  both->items = ARENA_ARRAY(&builder->scratch, struct string_pair, own->count + meta->count + 1);
  for (size_t i = 0; i < own->count; i++)
    both->items[both->count++] = own->items[i];
  for (size_t i = 0; i < meta->count; i++) {
    if (string_map_get(own, meta->items[i].key).ptr == NULL)
      both->items[both->count++] = meta->items[i];
  }
  return both;
}

static void entry_add_workloads(struct builder *builder, struct part_service *service,
                                const struct string_map *selector, bool first_only) {
  for (size_t i = 0; i < builder->workload_entries.count; i++) {
    const struct part_object *object = &builder->workload_entries.items[i];
    const struct workload_entry *entry = object->from->object;
    if (!str_eq(object->meta->namespace_, service->service->namespace_))
      continue;
    const struct string_map *labels = entry_labels(builder, entry);
    if (!string_map_includes(labels, selector))
      continue;
    const struct entry_source source = {.object = object,
                                        .address = entry->spec.address,
                                        .name = object->meta->name,
                                        .ports = &entry->spec.ports,
                                        .labels = labels,
                                        .locality = entry->spec.locality,
                                        .weight = entry->spec.weight,
                                        .first_only = first_only};
    entry_add(builder, service, &source);
  }
}

// Files often say nothing of it: then it is.
static bool entry_pod_is_ready(const struct pod *pod) {
  for (size_t i = 0; i < pod->status.conditions_count; i++) {
    if (str_eq(pod->status.conditions[i].type, STR("Ready")))
      return str_eq(pod->status.conditions[i].status, STR("True"));
  }
  return true;
}

static void entry_add_pods(struct builder *builder, struct part_service *service,
                           const struct string_map *selector) {
  for (size_t i = 0; i < builder->pods.count; i++) {
    const struct part_object *object = &builder->pods.items[i];
    const struct pod *pod = object->from->object;
    if (!str_eq(object->meta->namespace_, service->service->namespace_) ||
        !pod->status.pod_ip.len || !string_map_includes(&object->meta->labels, selector))
      continue;
    for (size_t j = 0; j < service->service->port_count; j++) {
      const struct table_port *port = &service->service->ports[j];
      const struct part_address address = {.ip = pod->status.pod_ip,
                                           .port_name = port->name,
                                           .port = port->target ? port->target : port->number,
                                           .labels = &object->meta->labels,
                                           .pod = object->meta,
                                           .is_unready = !entry_pod_is_ready(pod)};
      table_add_address(builder, object, service, &address);
    }
  }
}

// Without endpoints of its own an entry that is resolved by DNS means its own name. So does NONE:
// what a client would have connected to is the address of the name it asked for.
static void entry_add_own_name(struct builder *builder, struct part_service *service,
                               const struct part_object *object, struct str name, bool first_only) {
  const struct entry_source source = {.object = object, .address = name, .first_only = first_only};
  if (str_starts(name, STR("*")))
    table_finding(builder, FINDING_WARNING, object, STR("spec.hosts"), "not-enforced",
                  "%.*s: a pattern has no address; give endpoints", STR_ARG(name));
  else
    entry_add(builder, service, &source);
}

static void entry_add_endpoints(struct builder *builder, struct part_service *service) {
  const struct service_entry_spec *spec = &service->entry->spec;
  struct part_object object = {&service->entry->metadata, service->from};
  bool first_only = spec->resolution == SE_DNS_ROUND_ROBIN;
  if (spec->resolution == SE_DYNAMIC_DNS)
    return; // reported
  if (spec->workload_selector) {
    entry_add_workloads(builder, service, &spec->workload_selector->labels, first_only);
    entry_add_pods(builder, service, &spec->workload_selector->labels);
    return;
  }
  for (size_t i = 0; i < spec->endpoints_count; i++) {
    const struct workload_entry_spec *from = &spec->endpoints[i];
    const struct entry_source source = {.object = &object,
                                        .address = from->address,
                                        .ports = &from->ports,
                                        .labels = &from->labels,
                                        .locality = from->locality,
                                        .weight = from->weight,
                                        .first_only = first_only};
    if (spec->resolution == SE_STATIC && !table_is_ip(builder, from->address) &&
        !str_starts(from->address, STR("unix:"))) {
      table_finding(builder, FINDING_WARNING, &object,
                    arena_printf(builder->arena, "spec.endpoints[%zu].address", i),
                    "endpoint-address", "%.*s is no IP address, as STATIC needs; left out",
                    STR_ARG(from->address));
      continue;
    }
    entry_add(builder, service, &source);
  }
  if (spec->endpoints_count == 0 && spec->resolution != SE_STATIC)
    entry_add_own_name(builder, service, &object, service->service->fqdn, first_only);
}

// Workloads outside Kubernetes may stand behind its Services, too: by their labels.
void table_add_entry_endpoints(struct builder *builder) {
  for (size_t i = 0; i < builder->part_count; i++) {
    struct part_service *service = &builder->parts[i];
    const struct service_spec *spec = &service->declared->spec;
    struct part_object object = {&service->declared->metadata, service->from};
    if (service->entry)
      entry_add_endpoints(builder, service);
    else if (str_eq(spec->type, STR("ExternalName")))
      entry_add_own_name(builder, service, &object, spec->external_name, true);
    else if (spec->selector.count > 0)
      entry_add_workloads(builder, service, &spec->selector, false);
  }
}

bool table_is_exported(const struct builder *builder, const struct str *export_to, size_t count,
                       struct str namespace_) {
  struct str own = builder->input->settings->namespace_;
  for (size_t i = 0; i < count; i++) {
    if (str_eq(export_to[i], STR("*")) || str_eq(export_to[i], own) ||
        (str_eq(export_to[i], STR(".")) && str_eq(namespace_, own)))
      return true;
  }
  return count == 0;
}

static void entry_report_protocols(struct builder *builder, const struct part_object *object,
                                   const struct service_entry_spec *spec) {
  for (size_t i = 0; i < spec->ports_count; i++) {
    const struct se_port *from = &spec->ports[i];
    bool is_tls =
        str_eq_nocase(from->protocol, STR("HTTPS")) || str_eq_nocase(from->protocol, STR("TLS"));
    struct table_port port;
    table_port_protocol(from->protocol, &port);
    if (is_tls || port.is_http2)
      table_finding(builder, FINDING_WARNING, object,
                    arena_printf(builder->arena, "spec.ports[%zu].protocol", i), "not-enforced",
                    "port %u asks for %s to its endpoints; plain HTTP/1.1 is spoken",
                    (unsigned)from->number, is_tls ? "TLS" : "HTTP/2");
  }
}

size_t table_fill_entries(struct builder *builder, struct table_service *services, size_t count) {
  for (size_t i = 0; i < builder->service_entries.count; i++) {
    struct part_object *object = &builder->service_entries.items[i];
    const struct service_entry_spec *spec =
        &((const struct service_entry *)object->from->object)->spec;
    if (!table_is_exported(builder, spec->export_to, spec->export_to_count,
                           object->meta->namespace_))
      continue;
    for (size_t j = 0; j < spec->hosts_count; j++) {
      struct str host =
          host_expand(builder->arena, spec->hosts[j], object->meta->namespace_, builder->domain);
      const struct part_object *taken = map_get(&builder->service_by_name, host);
      if (taken) {
        table_finding(builder, FINDING_WARNING, object, STR("spec.hosts"), "duplicate-host",
                      "%.*s is already declared by %s %.*s/%.*s; this entry is not in force for it",
                      STR_ARG(host), taken->from->kind->kind, STR_ARG(taken->meta->namespace_),
                      STR_ARG(taken->meta->name));
        continue;
      }
      services[count++] = (struct table_service){
          .name = host,
          .namespace_ = arena_str(builder->arena, object->meta->namespace_),
          .fqdn = host,
      };
      (void)map_put(&builder->service_by_name, host, object);
    }
    entry_report_protocols(builder, object, spec);
    table_add_source(builder, object);
  }
  return count;
}

void table_add_entry_ports(struct builder *builder, const struct service_entry *entry,
                           struct table_service *service) {
  const struct service_entry_spec *spec = &entry->spec;
  struct table_port *ports = ARENA_ARRAY(builder->arena, struct table_port, spec->ports_count);
  bool has_default = false;
  for (size_t i = 0; i < spec->ports_count; i++) {
    const struct se_port *from = &spec->ports[i];
    struct table_port *port = &ports[service->port_count];
    port->number = (uint16_t)from->number;
    port->name = arena_str(builder->arena, from->name);
    port->target = (uint16_t)from->target_port;
    table_port_protocol(from->protocol.len ? from->protocol : from->name, port);
    if (port->is_http && !has_default) {
      service->default_port = service->port_count;
      has_default = true;
    }
    service->port_count++;
  }
  service->ports = ports;
}
