// SPDX-License-Identifier: Apache-2.0
// Servers of Istio Gateways -> listeners, and the VirtualServices bound to them
// (docs/dataplane.md 1.1, 3.7). Plain HTTP only: a server with another protocol is reported.
#include "proxy/host.h"
#include "proxy/table_gateways.h"

static bool selector_is_us(const struct builder *builder, const struct string_map *selector) {
  const struct table_settings *settings = builder->input->settings;
  for (size_t i = 0; i < selector->count; i++) {
    const struct string_pair *wanted = &selector->items[i];
    bool found = false;
    for (size_t j = 0; j < settings->label_count; j++)
      found = found || (str_eq(settings->labels[j].name, wanted->key) &&
                        str_eq(settings->labels[j].value, wanted->value));
    if (!found)
      return false;
  }
  return true;
}

static bool server_is_plain(const struct istio_server *server) {
  static const char *const plain[] = {"HTTP", "HTTP2", "GRPC"};
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
    if (str_eq_nocase(server->port.protocol, str_of(plain[i])))
      return true;
  }
  return false;
}

static void server_add(struct builder *builder, const struct part_object *object, size_t index,
                       struct str gateway, bool *ret_open) {
  const struct istio_gateway *declared = object->from->object;
  const struct istio_server *server = &declared->spec.servers[index];
  struct str place = arena_printf(builder->arena, "spec.servers[%zu]", index);
  struct str address = table_default_address(builder);
  if (!server_is_plain(server)) {
    table_finding(builder, FINDING_WARNING, object, place, "not-enforced",
                  "protocol %.*s is not enforced yet; this server is not opened",
                  STR_ARG(server->port.protocol));
    return;
  }
  if (server->bind.len && !table_ip_address(builder->arena, server->bind, &address)) {
    table_finding(builder, FINDING_WARNING, object, place, "bad-address",
                  "bind: expected an IP address, found \"%.*s\"; this server is not opened",
                  STR_ARG(server->bind));
    return;
  }
  struct part_listener *listener =
      table_claim_listener(builder, object, address, (uint16_t)server->port.number);
  if (!listener) {
    table_finding(builder, FINDING_WARNING, object, place, "port-unavailable",
                  "%.*s:%lld is a mesh listener of the command line", STR_ARG(address),
                  (long long)server->port.number);
    return;
  }
  struct table_gateways *all = builder->gateway;
  struct part_server *item = arena_push(&builder->scratch, (void **)&all->servers,
                                        &all->server_count, &all->server_capacity, sizeof *item);
  *item = (struct part_server){gateway, object->meta->namespace_, server, object, listener->scope};
  *ret_open = true;
}

void table_add_istio_gateways(struct builder *builder) {
  for (size_t i = 0; i < builder->istio_gateways.count; i++) {
    const struct part_object *object = &builder->istio_gateways.items[i];
    const struct istio_gateway *declared = object->from->object;
    struct str name =
        TABLE_CONCAT(&builder->scratch, object->meta->namespace_, STR("/"), object->meta->name);
    bool is_open = false;
    (void)map_put(&builder->gateway->istio_by_name, name, (void *)(uintptr_t)declared);
    if (!selector_is_us(builder, &declared->spec.selector)) {
      table_finding(builder, FINDING_WARNING, object, STR("spec.selector"), "not-in-force",
                    "selects proxies with labels this one does not have (--label)");
      continue;
    }
    for (size_t j = 0; j < declared->spec.servers_count; j++)
      server_add(builder, object, j, name, &is_open);
    if (is_open)
      table_add_source(builder, object);
  }
}

bool table_istio_gateway_is_declared(const struct builder *builder, struct str name) {
  return map_get(&builder->gateway->istio_by_name, name) != NULL;
}

// "ns/host", "*/host", "./host" or "host": what it admits from VirtualServices of a namespace.
static bool server_admits(const struct part_server *server, struct str pattern,
                          struct str namespace_, struct str host, struct str *ret_both) {
  ptrdiff_t slash = str_find_char(pattern, '/');
  if (slash >= 0) {
    struct str from = str_slice(pattern, 0, (size_t)slash);
    if (str_eq(from, STR(".")))
      from = server->namespace_;
    if (!str_eq(from, STR("*")) && !str_eq(from, namespace_))
      return false;
    pattern = str_slice(pattern, (size_t)slash + 1, pattern.len);
  }
  return host_intersect(pattern, host, ret_both);
}

static bool bind_to_server(struct builder *builder, const struct part_server *server,
                           const struct part_object *object, const struct table_route *routes,
                           size_t count) {
  const struct virtual_service *declared = object->from->object;
  struct str source = table_object_key(builder->arena, object), both;
  struct map done; // a name once, however many patterns admit it
  bool any = false;
  map_init(&done);
  for (size_t i = 0; i < declared->spec.hosts_count; i++) {
    struct str host = host_expand(builder->arena, declared->spec.hosts[i], object->meta->namespace_,
                                  builder->domain);
    for (size_t j = 0; j < server->declared->hosts_count; j++) {
      struct str pattern = table_lower(builder->arena, server->declared->hosts[j]);
      if (!server_admits(server, pattern, object->meta->namespace_, host, &both) ||
          map_get(&done, both))
        continue;
      (void)map_put(&done, both, &done);
      table_merge_host(builder, server->scope, both, source, routes, count);
      any = true;
    }
  }
  map_dispose(&done);
  return any;
}

void table_bind_virtual_service(struct builder *builder, const struct part_object *object,
                                const struct part_context *context,
                                const struct table_route *routes, size_t count,
                                bool *ret_in_force) {
  const struct table_gateways *all = builder->gateway;
  bool is_open = false, any = false;
  for (size_t i = 0; i < all->server_count; i++) {
    if (!str_eq(all->servers[i].gateway, context->gateway))
      continue;
    is_open = true;
    any = bind_to_server(builder, &all->servers[i], object, routes, count) || any;
  }
  if (!any)
    table_finding(builder, FINDING_WARNING, object, STR("spec.gateways"), "not-in-force",
                  is_open ? "no server of Gateway %.*s admits its hosts"
                          : "Gateway %.*s has no server that is open here",
                  STR_ARG(context->gateway));
  *ret_in_force = *ret_in_force || any;
}

// Hosts of a server with httpsRedirect are redirected whether a VirtualService names them or not.
void table_redirect_https(struct builder *builder) {
  const struct table_gateways *all = builder->gateway;
  for (size_t i = 0; i < all->server_count; i++) {
    const struct part_server *server = &all->servers[i];
    if (!server->declared->tls || !server->declared->tls->https_redirect)
      continue;
    for (size_t j = 0; j < server->declared->hosts_count; j++) {
      struct str host = table_lower(builder->arena, server->declared->hosts[j]);
      ptrdiff_t slash = str_find_char(host, '/');
      host = str_slice(host, (size_t)(slash + 1), host.len);
      table_merge_host(builder, server->scope, host,
                       table_object_key(builder->arena, server->object), NULL, 0);
      for (size_t k = 0; k < builder->host_count; k++) {
        if (builder->hosts[k].scope == server->scope && host_matches(host, builder->hosts[k].name))
          builder->hosts[k].redirect_https = true;
      }
    }
  }
}
