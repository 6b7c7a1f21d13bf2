// SPDX-License-Identifier: Apache-2.0
// First and last of the steps of table_build that are about virtual hosts: which listeners there
// are and which set of virtual hosts each has; in the end the finished sets.
#include "proxy/host.h"
#include "proxy/route_index.h"
#include "proxy/table_ids.h"
#include "proxy/table_parts.h"

// Ten thousand routes of one host must not make a text of their ten thousand names.
#define SOURCE_MAX 200u

struct str table_join_source(struct arena *arena, struct str sources, struct str one) {
  if (sources.len == 0)
    return arena_str(arena, one);
  if (str_ends(sources, STR("...")) || str_contains(sources, one))
    return sources;
  return TABLE_CONCAT(arena, sources, STR(", "), sources.len < SOURCE_MAX ? one : STR("..."));
}

struct part_scope *table_scope_new(struct builder *builder, enum table_persona persona) {
  struct part_scope *scope = ARENA_NEW(&builder->scratch, struct part_scope);
  struct part_scope **place =
      arena_push(&builder->scratch, (void **)&builder->scopes, &builder->scope_count,
                 &builder->scope_capacity, sizeof *place);
  *place = scope;
  scope->persona = persona;
  scope->number = builder->scope_count - 1;
  map_init(&scope->by_domain);
  return scope;
}

uint32_t table_host_new(struct builder *builder, struct part_scope *scope, struct str name,
                        struct str source) {
  struct part_host *host = arena_push(&builder->scratch, (void **)&builder->hosts,
                                      &builder->host_count, &builder->host_capacity, sizeof *host);
  *host = (struct part_host){.scope = scope, .name = name, .source = source, .next = -1};
  return (uint32_t)(builder->host_count - 1);
}

int64_t table_host_find(const struct part_scope *scope, struct str domain) {
  return (int64_t)(uintptr_t)map_get(&scope->by_domain, domain) - 1;
}

bool table_host_take(struct builder *builder, uint32_t index, struct str domain) {
  struct part_host *host = &builder->hosts[index];
  if (domain.len == 0 || map_get(&host->scope->by_domain, domain))
    return false;
  (void)map_put(&host->scope->by_domain, domain, (void *)(uintptr_t)(index + 1));
  struct str *place = arena_push(builder->arena, (void **)&host->domains, &host->domain_count,
                                 &host->domain_capacity, sizeof *place);
  *place = domain;
  host->scope->domain_count++;
  return true;
}

void table_host_append(struct builder *builder, uint32_t index, const struct table_route *routes,
                       size_t count) {
  struct part_host *host = &builder->hosts[index];
  if (count == 0)
    return;
  if (host->route_capacity == 0) { // the routes so far may be shared
    struct table_route *shared = host->routes;
    size_t shared_count = host->route_count;
    host->routes = NULL;
    host->route_count = 0;
    table_host_append(builder, index, shared, shared_count);
  }
  for (size_t i = 0; i < count; i++) {
    struct table_route *route =
        arena_push(builder->arena, (void **)&host->routes, &host->route_count,
                   &host->route_capacity, sizeof *route);
    *route = routes[i];
  }
}

void table_add_listeners(struct builder *builder) {
  const struct table_settings *settings = builder->input->settings;
  builder->mesh = table_scope_new(builder, TABLE_MESH);
  for (size_t i = 0; i < settings->listener_count; i++) {
    struct part_listener *place =
        arena_push(&builder->scratch, (void **)&builder->listeners, &builder->listener_count,
                   &builder->listener_capacity, sizeof *place);
    place->listener = settings->listeners[i];
    place->listener.address = arena_str(builder->arena, settings->listeners[i].address);
    place->scope = builder->mesh;
    if (place->listener.persona == TABLE_MESH)
      continue;
    if (!builder->edge)
      builder->edge = table_scope_new(builder, TABLE_GATEWAY);
    place->scope = builder->edge;
  }
}

// Envoy's order within a merged virtual host: what takes every request comes last.
static void finish_sort(struct arena *scratch, struct part_host *host) {
  struct table_route *last = ARENA_ARRAY(scratch, struct table_route, host->route_count);
  size_t kept = 0, last_count = 0;
  for (size_t i = 0; i < host->route_count; i++) {
    if (match_is_catch_all(&host->routes[i].match))
      last[last_count++] = host->routes[i];
    else
      host->routes[kept++] = host->routes[i];
  }
  for (size_t i = 0; i < last_count; i++)
    host->routes[kept + i] = last[i];
}

static void finish_indexes(struct builder *builder) {
  struct host_entry **entries =
      ARENA_ARRAY(&builder->scratch, struct host_entry *, builder->scope_count);
  for (size_t i = 0; i < builder->scope_count; i++) {
    struct part_scope *scope = builder->scopes[i];
    entries[i] = ARENA_ARRAY(builder->arena, struct host_entry, scope->domain_count);
    scope->domain_count = 0;
  }
  for (uint32_t i = 0; i < builder->host_count; i++) {
    const struct part_host *host = &builder->hosts[i];
    struct part_scope *scope = host->scope;
    for (size_t j = 0; j < host->domain_count; j++)
      entries[scope->number][scope->domain_count++] = (struct host_entry){host->domains[j], i};
  }
  for (size_t i = 0; i < builder->scope_count; i++)
    builder->scopes[i]->index =
        host_index_new(builder->arena, entries[i], builder->scopes[i]->domain_count);
}

static void finish_listeners(struct builder *builder) {
  struct proxy_table *table = builder->table;
  size_t count = builder->listener_count;
  struct table_listener *listeners = ARENA_ARRAY(builder->arena, struct table_listener, count);
  for (size_t i = 0; i < count; i++) {
    struct table_listener *listener = &listeners[i];
    *listener = builder->listeners[i].listener;
    listener->persona = builder->listeners[i].scope->persona;
    listener->index = builder->listeners[i].scope->index;
    listener->scope = (uint32_t)builder->listeners[i].scope->number;
    listener->slot = table_ids_take(
        builder->input->ids, TABLE_IDS_LISTENER,
        arena_printf(&builder->scratch, "%.*s|%u", STR_ARG(listener->address), listener->port));
  }
  table->listeners = listeners;
  table->listener_count = count;
  table->listener_slots = table_ids_count(builder->input->ids, TABLE_IDS_LISTENER);
  const struct table_listener **at =
      ARENA_ARRAY(builder->arena, const struct table_listener *, table->listener_slots);
  for (size_t i = 0; i < count; i++)
    at[listeners[i].slot.index] = &listeners[i];
  table->listener_at = at;
}

void table_finish_hosts(struct builder *builder) {
  struct table_host *hosts = ARENA_ARRAY(builder->arena, struct table_host, builder->host_count);
  for (uint32_t i = 0; i < builder->host_count; i++) {
    struct part_host *from = &builder->hosts[i];
    if (from->is_route_group || (from->scope->persona == TABLE_GATEWAY && from->route_capacity))
      finish_sort(&builder->scratch, from);
    hosts[i] = (struct table_host){
        .name = from->name,
        .domains = from->domains,
        .domain_count = from->domain_count,
        .source = from->source,
        .service = from->service ? from->service->service : NULL,
        .routes = from->routes,
        .route_count = from->route_count,
        .next = from->next >= 0 ? &hosts[from->next] : NULL,
        .redirect_https = from->redirect_https,
        .scope = (uint32_t)from->scope->number,
    };
    // The hosts of one VirtualService have one list of routes, and stand side by side.
    bool shared = i > 0 && hosts[i].routes == hosts[i - 1].routes;
    hosts[i].route_index =
        shared ? hosts[i - 1].route_index
               : route_index_new(builder->arena, hosts[i].routes, hosts[i].route_count);
  }
  builder->table->hosts = hosts;
  builder->table->host_count = builder->host_count;
  finish_indexes(builder);
  builder->table->mesh = builder->mesh->index;
  finish_listeners(builder);
}
