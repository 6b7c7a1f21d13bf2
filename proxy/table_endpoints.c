// SPDX-License-Identifier: Apache-2.0
// Step 2 of table_build: EndpointSlices (or Endpoints, where a Service has no slices) joined to the
// Pods behind them.
#include "proxy/table_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>

static void endpoints_index_pods(struct builder *builder) {
  for (size_t i = 0; i < builder->pods.count; i++) {
    const struct part_object *object = &builder->pods.items[i];
    const struct pod *pod = object->from->object;
    struct str key =
        TABLE_CONCAT(&builder->scratch, object->meta->namespace_, STR("/"), object->meta->name);
    (void)map_put(&builder->pod_by_name, key, builder->pods.items + i);
    if (pod->status.pod_ip.len)
      (void)map_put(&builder->pod_by_ip, pod->status.pod_ip, builder->pods.items + i);
  }
}

// A Pod belongs to a ReplicaSet whose name is its Deployment's plus the template's hash.
static struct str endpoint_workload(const struct object_meta *pod) {
  const struct owner_reference *owner = object_meta_controller(pod);
  if (!owner)
    return pod->name;
  if (!str_eq(owner->kind, STR("ReplicaSet")))
    return owner->name;
  struct str hash = string_map_get_z(&pod->labels, "pod-template-hash");
  if (hash.len && owner->name.len > hash.len + 1 && str_ends(owner->name, hash) &&
      owner->name.ptr[owner->name.len - hash.len - 1] == '-')
    return str_slice(owner->name, 0, owner->name.len - hash.len - 1);
  for (size_t i = owner->name.len; i > 1; i--) {
    if (owner->name.ptr[i - 1] == '-')
      return str_slice(owner->name, 0, i - 1);
  }
  return owner->name;
}

// The first of these labels that has a value, else `fallback`.
static struct str endpoint_label(struct builder *builder, const struct string_map *labels,
                                 const char *const *names, struct str fallback) {
  for (; *names; names++) {
    struct str value = string_map_get_z(labels, *names);
    if (value.len)
      return arena_str(builder->arena, value);
  }
  return fallback;
}

static struct table_peer endpoint_peer(struct builder *builder, const struct object_meta *pod,
                                       const struct string_map *labels, struct str namespace_) {
  static const char *const app[] = {"app", NULL};
  static const char *const version[] = {"version", NULL};
  static const char *const canonical_name[] = {"service.istio.io/canonical-name",
                                               "app.kubernetes.io/name", "app", NULL};
  static const char *const canonical_revision[] = {"service.istio.io/canonical-revision",
                                                   "app.kubernetes.io/version", "version", NULL};
  struct str unknown = STR("unknown");
  struct table_peer peer = {.cluster = STR("Kubernetes")};
  peer.workload = pod ? arena_str(builder->arena, endpoint_workload(pod)) : unknown;
  peer.workload_namespace = arena_str(builder->arena, namespace_);
  peer.app = endpoint_label(builder, labels, app, unknown);
  peer.version = endpoint_label(builder, labels, version, unknown);
  peer.canonical_service = endpoint_label(builder, labels, canonical_name, peer.workload);
  peer.canonical_revision = endpoint_label(builder, labels, canonical_revision, STR("latest"));
  return peer;
}

static struct str endpoint_port_text(struct builder *builder, uint16_t port) {
  char digits[5];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + port % 10);
    port = (uint16_t)(port / 10);
  } while (port);
  return arena_str(&builder->scratch, (struct str){digits + at, sizeof digits - at});
}

// False when the address is not an IP address.
static bool endpoint_set_address(struct builder *builder, struct str ip, uint16_t port,
                                 struct table_endpoint *endpoint) {
  struct str text = arena_str(&builder->scratch, ip);
  if (inet_pton(AF_INET, text.ptr, &endpoint->address.v4.sin_addr) == 1) {
    endpoint->address.v4.sin_family = AF_INET;
    endpoint->address.v4.sin_port = htons(port);
    endpoint->key = TABLE_CONCAT(builder->arena, ip, STR(":"), endpoint_port_text(builder, port));
    return true;
  }
  if (inet_pton(AF_INET6, text.ptr, &endpoint->address.v6.sin6_addr) == 1) {
    endpoint->address.v6.sin6_family = AF_INET6;
    endpoint->address.v6.sin6_port = htons(port);
    endpoint->key =
        TABLE_CONCAT(builder->arena, STR("["), ip, STR("]:"), endpoint_port_text(builder, port));
    return true;
  }
  return false;
}

// One address behind one named port.
struct endpoint_found {
  struct str ip, port_name;
  int64_t port;
  bool is_ready;
  const struct object_reference *target;
  const struct string_map *own_labels;
  struct str zone;
};

static const struct object_meta *endpoint_pod(struct builder *builder, struct str namespace_,
                                              const struct endpoint_found *found) {
  const struct part_object *pod = NULL;
  if (found->target && str_eq(found->target->kind, STR("Pod")))
    pod =
        map_get(&builder->pod_by_name,
                TABLE_CONCAT(&builder->scratch,
                             found->target->namespace_.len ? found->target->namespace_ : namespace_,
                             STR("/"), found->target->name));
  else if (!found->target)
    pod = map_get(&builder->pod_by_ip, found->ip);
  return pod ? pod->meta : NULL;
}

static void endpoint_add(struct builder *builder, const struct part_object *object,
                         struct part_service *service, const struct endpoint_found *found) {
  struct part_endpoint *part =
      arena_push(&builder->scratch, (void **)&service->endpoints, &service->endpoint_count,
                 &service->endpoint_capacity, sizeof *part);
  if (found->port < 1 || found->port > UINT16_MAX ||
      !endpoint_set_address(builder, found->ip, (uint16_t)found->port, &part->endpoint)) {
    table_finding(builder, FINDING_WARNING, object, STR("endpoints"), "endpoint-address",
                  "expected an IP address and a port, found %.*s and %lld; left out",
                  STR_ARG(found->ip), (long long)found->port);
    service->endpoint_count--;
    return;
  }
  const struct object_meta *pod = endpoint_pod(builder, service->service->namespace_, found);
  part->labels = pod ? &pod->labels : found->own_labels;
  part->port_name = found->port_name;
  part->is_ready = found->is_ready && !(pod && pod->deletion_timestamp_ms);
  part->endpoint.weight = 1;
  part->endpoint.hostname = pod ? arena_str(builder->arena, pod->name) : STR("");
  part->endpoint.peer = endpoint_peer(builder, pod, part->labels, service->service->namespace_);
  part->locality = table_locality_of(builder, pod ? &pod->labels : NULL, found->zone);
}

bool table_is_ip(struct builder *builder, struct str text) {
  unsigned char bytes[16];
  struct str z = arena_str(&builder->scratch, text);
  return inet_pton(AF_INET, z.ptr, bytes) == 1 || inet_pton(AF_INET6, z.ptr, bytes) == 1;
}

void table_add_address(struct builder *builder, const struct part_object *object,
                       struct part_service *service, const struct part_address *address) {
  static const struct string_map no_labels = {0};
  struct part_endpoint *part =
      arena_push(&builder->scratch, (void **)&service->endpoints, &service->endpoint_count,
                 &service->endpoint_capacity, sizeof *part);
  if (address->port < 1 || address->port > UINT16_MAX ||
      !endpoint_set_address(builder, address->ip, (uint16_t)address->port, &part->endpoint)) {
    table_finding(builder, FINDING_WARNING, object, STR("spec"), "endpoint-address",
                  "expected an IP address and a port, found %.*s and %lld; left out",
                  STR_ARG(address->ip), (long long)address->port);
    service->endpoint_count--;
    return;
  }
  part->labels = address->labels ? address->labels : &no_labels;
  part->port_name = address->port_name;
  part->is_ready = !address->is_unready && !(address->pod && address->pod->deletion_timestamp_ms);
  part->endpoint.weight = address->weight > 0 ? (uint32_t)address->weight : 1;
  part->endpoint.hostname = address->pod ? arena_str(builder->arena, address->pod->name) : STR("");
  part->endpoint.peer =
      endpoint_peer(builder, address->pod, part->labels, service->service->namespace_);
  if (address->name.len) {
    part->endpoint.peer.workload = arena_str(builder->arena, address->name);
    part->endpoint.hostname = part->endpoint.peer.workload;
  }
  part->locality =
      address->locality.len ? address->locality : table_locality_of(builder, part->labels, STR(""));
}

static struct part_service *endpoints_service(struct builder *builder,
                                              const struct object_meta *meta, struct str name) {
  struct str fqdn = TABLE_CONCAT(&builder->scratch, name, STR("."), meta->namespace_, STR(".svc."),
                                 builder->domain);
  return map_get(&builder->service_by_name, table_lower(&builder->scratch, fqdn));
}

static void endpoints_add_slice(struct builder *builder, const struct part_object *object) {
  const struct endpoint_slice *slice = object->from->object;
  struct str name = string_map_get_z(&object->meta->labels, ENDPOINT_SLICE_SERVICE_LABEL);
  struct part_service *service = endpoints_service(builder, object->meta, name);
  if (!service)
    return;
  service->has_slices = true;
  for (size_t i = 0; i < slice->endpoints_count; i++) {
    const struct endpoint *from = &slice->endpoints[i];
    bool is_ready = !from->conditions.has_ready || from->conditions.ready;
    for (size_t j = 0; from->addresses_count && j < slice->ports_count; j++) {
      struct endpoint_found found = {
          from->addresses[0], slice->ports[j].name, slice->ports[j].port,
          is_ready,           from->target_ref,     &object->meta->labels,
          from->zone};
      endpoint_add(builder, object, service, &found);
    }
  }
}

static void endpoints_add_addresses(struct builder *builder, const struct part_object *object,
                                    struct part_service *service,
                                    const struct endpoint_subset *subset,
                                    const struct endpoint_address *addresses, size_t count,
                                    bool is_ready) {
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < subset->ports_count; j++) {
      struct endpoint_found found = {
          addresses[i].ip, subset->ports[j].name,   subset->ports[j].port,
          is_ready,        addresses[i].target_ref, &object->meta->labels,
          STR("")};
      endpoint_add(builder, object, service, &found);
    }
  }
}

static void endpoints_add_legacy(struct builder *builder, const struct part_object *object) {
  const struct endpoints *endpoints = object->from->object;
  struct part_service *service = endpoints_service(builder, object->meta, object->meta->name);
  if (!service || service->has_slices)
    return;
  for (size_t i = 0; i < endpoints->subsets_count; i++) {
    const struct endpoint_subset *subset = &endpoints->subsets[i];
    endpoints_add_addresses(builder, object, service, subset, subset->addresses,
                            subset->addresses_count, true);
    endpoints_add_addresses(builder, object, service, subset, subset->not_ready_addresses,
                            subset->not_ready_addresses_count, false);
  }
}

// By port, then address; of two with one key the ready one first, for it is the one that stays.
static int endpoint_order(const void *a, const void *b) {
  const struct part_endpoint *x = a, *y = b;
  int order = str_cmp(x->port_name, y->port_name);
  if (order == 0)
    order = str_cmp(x->endpoint.key, y->endpoint.key);
  return order ? order : (int)y->is_ready - (int)x->is_ready;
}

// An address may stand in two slices while it moves from one to the other.
static void endpoints_deduplicate(struct part_service *service) {
  if (service->endpoint_count == 0)
    return;
  qsort(service->endpoints, service->endpoint_count, sizeof *service->endpoints, endpoint_order);
  size_t kept = 1;
  for (size_t i = 1; i < service->endpoint_count; i++) {
    const struct part_endpoint *last = &service->endpoints[kept - 1],
                               *next = &service->endpoints[i];
    if (str_eq(last->port_name, next->port_name) && str_eq(last->endpoint.key, next->endpoint.key))
      continue;
    service->endpoints[kept++] = *next;
  }
  service->endpoint_count = kept;
}

// A slice whose ports have other names than the Service's has endpoints that nobody reaches.
static void endpoints_check_names(struct builder *builder, const struct part_service *service) {
  struct part_object object = {&service->declared->metadata, service->from};
  for (size_t i = 0; i < service->endpoint_count; i++) {
    struct str name = service->endpoints[i].port_name;
    bool is_known = false;
    for (size_t j = 0; j < service->service->port_count; j++)
      is_known = is_known || str_eq(service->service->ports[j].name, name);
    if (is_known || service->entry)
      continue;
    table_finding(builder, FINDING_WARNING, &object, STR("spec.ports"), "endpoint-port",
                  "endpoint %.*s is for a port named \"%.*s\", which the Service does not have",
                  STR_ARG(service->endpoints[i].endpoint.key), STR_ARG(name));
    return; // once for each Service is enough
  }
}

void table_add_endpoints(struct builder *builder) {
  endpoints_index_pods(builder);
  for (size_t i = 0; i < builder->slices.count; i++)
    endpoints_add_slice(builder, &builder->slices.items[i]);
  for (size_t i = 0; i < builder->endpoints.count; i++)
    endpoints_add_legacy(builder, &builder->endpoints.items[i]);
  table_add_entry_endpoints(builder);
  for (size_t i = 0; i < builder->part_count; i++) {
    endpoints_deduplicate(&builder->parts[i]);
    endpoints_check_names(builder, &builder->parts[i]);
  }
}
