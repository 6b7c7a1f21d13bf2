// SPDX-License-Identifier: Apache-2.0
// VirtualService -> routes with compiled matches and weighted destinations
// (docs/dataplane.md 1.2, 1.3, 1.6).
#include "proxy/host.h"
#include "proxy/table_delegates.h"
#include "proxy/table_parts.h"

bool table_make_matcher(struct builder *builder, const struct part_place *place, const char *below,
                        const struct string_match *from, bool ignore_case,
                        struct string_matcher *ret_match) {
  struct arena *arena = builder->arena;
  struct str value = STR("");
  ret_match->kind = STRING_MATCH_PRESENT;
  if (from->exact.ptr) {
    ret_match->kind = STRING_MATCH_EXACT;
    value = from->exact;
  } else if (from->prefix.ptr) {
    ret_match->kind = STRING_MATCH_PREFIX;
    value = from->prefix;
  } else if (from->regex.ptr && !str_eq(from->regex, STR("*"))) { // "*" stands for "is there"
    ret_match->kind = STRING_MATCH_REGEX;
    value = from->regex;
    ret_match->regex = table_regex(builder, place, below, value, true);
  }
  ret_match->ignore_case = ignore_case;
  ret_match->value = arena_str(arena, value);
  return ret_match->kind != STRING_MATCH_REGEX || ret_match->regex;
}

static void routes_header_source(struct builder *builder, struct str key,
                                 struct field_match *field) {
  static const struct {
    const char *name;
    enum field_match_source source;
  } pseudo[] = {{":method", FIELD_METHOD},
                {":authority", FIELD_AUTHORITY},
                {":scheme", FIELD_SCHEME},
                {":path", FIELD_PATH}};
  field->source = FIELD_HEADER;
  field->name = table_lower(builder->arena, key);
  if (str_eq(field->name, STR("host")))
    field->source = FIELD_AUTHORITY; // the two are one in HTTP/2
  for (size_t i = 0; i < sizeof pseudo / sizeof pseudo[0]; i++) {
    if (str_eq_z(field->name, pseudo[i].name))
      field->source = pseudo[i].source;
  }
}

static bool routes_fields(struct builder *builder, const struct part_place *place,
                          const struct vs_match *from, struct match *match) {
  size_t total = from->headers_count + from->without_headers_count + from->query_params_count;
  struct field_match *fields = ARENA_ARRAY(builder->arena, struct field_match, total);
  const struct {
    const struct named_string_match *items;
    size_t count;
    const char *below;
  } groups[] = {{from->headers, from->headers_count, ".headers"},
                {from->without_headers, from->without_headers_count, ".withoutHeaders"},
                {from->query_params, from->query_params_count, ".queryParams"}};
  bool ok = true;
  for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
    for (size_t i = 0; i < groups[g].count; i++) {
      const struct named_string_match *item = &groups[g].items[i];
      struct field_match *field = &fields[match->field_count++];
      if (g == 2) {
        field->source = FIELD_QUERY;
        field->name = arena_str(builder->arena, item->key);
      } else {
        routes_header_source(builder, item->key, field);
      }
      field->inverted = g == 1;
      if (str_starts(item->key, STR("@request.auth."))) {
        table_finding(builder, FINDING_ERROR, place->object,
                      table_place(builder, place, groups[g].below), "unsupported-match",
                      "%.*s: this proxy verifies no tokens", STR_ARG(item->key));
        ok = false;
      }
      ok =
          table_make_matcher(builder, place, groups[g].below, &item->match, false, &field->match) &&
          ok;
    }
  }
  match->fields = fields;
  return ok;
}

static bool routes_match(struct builder *builder, const struct part_place *place,
                         const struct vs_match *from, struct match *match) {
  bool ok = true;
  match->name = arena_str(builder->arena, from->name);
  match->port = (uint16_t)from->port;
  if (from->uri)
    ok =
        table_make_matcher(builder, place, ".uri", from->uri, from->ignore_uri_case, &match->uri) &&
        ok;
  if (from->scheme)
    ok = table_make_matcher(builder, place, ".scheme", from->scheme, false, &match->scheme) && ok;
  if (from->method)
    ok = table_make_matcher(builder, place, ".method", from->method, false, &match->method) && ok;
  if (from->authority)
    ok = table_make_matcher(builder, place, ".authority", from->authority, false,
                            &match->authority) &&
         ok;
  return routes_fields(builder, place, from, match) && ok;
}

bool table_names_gateway(struct str name, struct str namespace_,
                         const struct part_context *context) {
  if (context->persona == TABLE_MESH)
    return str_eq(name, STR("mesh"));
  ptrdiff_t slash = str_find_char(context->gateway, '/');
  if (str_find_char(name, '/') >= 0 || slash < 0)
    return str_eq(name, context->gateway);
  return str_eq(namespace_, str_slice(context->gateway, 0, (size_t)slash)) &&
         str_eq(name, str_slice(context->gateway, (size_t)slash + 1, context->gateway.len));
}

// The selectors of a block that are about the proxy itself: whether the block counts here at all.
// sourceLabels and sourceNamespace are not looked at when gateways are named.
static bool routes_is_for_us(const struct builder *builder, const struct part_object *object,
                             const struct part_context *context, const struct vs_match *match) {
  const struct table_settings *settings = builder->input->settings;
  if (match->gateways_count) {
    for (size_t i = 0; i < match->gateways_count; i++) {
      if (table_names_gateway(match->gateways[i], object->meta->namespace_, context))
        return true;
    }
    return false;
  }
  if (match->source_namespace.len && !str_eq(match->source_namespace, settings->namespace_))
    return false;
  for (size_t i = 0; i < match->source_labels.count; i++) {
    const struct string_pair *wanted = &match->source_labels.items[i];
    bool found = false;
    for (size_t j = 0; j < settings->label_count; j++)
      found = found || (str_eq(settings->labels[j].name, wanted->key) &&
                        str_eq(settings->labels[j].value, wanted->value));
    if (!found)
      return false;
  }
  return true;
}

static void routes_check_destination(struct builder *builder, const struct part_place *place,
                                     const struct table_destination *destination) {
  if (!destination->service) {
    table_finding(builder, FINDING_WARNING, place->object,
                  table_place(builder, place, ".destination"), "unknown-host",
                  "no Service is called %.*s; its share is answered with 503",
                  STR_ARG(destination->host));
  } else if (!destination->by_port) {
    table_finding(builder, FINDING_WARNING, place->object,
                  table_place(builder, place, ".destination"), "unknown-subset",
                  "no DestinationRule for %.*s has a subset \"%.*s\"; its share is answered with "
                  "503",
                  STR_ARG(destination->host), STR_ARG(destination->subset));
  } else if (destination->port && destination->fixed_port == SIZE_MAX) {
    table_finding(builder, FINDING_WARNING, place->object,
                  table_place(builder, place, ".destination"), "unknown-port",
                  "%.*s has no port %u; its share is answered with 503", STR_ARG(destination->host),
                  destination->port);
  }
}

void table_make_destination(struct builder *builder, const struct part_place *place,
                            const struct vs_destination *from,
                            struct table_destination *destination) {
  destination->host =
      host_expand(builder->arena, from->host, place->object->meta->namespace_, builder->domain);
  destination->subset = arena_str(builder->arena, from->subset);
  destination->port = (uint16_t)from->port;
  const struct part_service *service = map_get(&builder->service_by_name, destination->host);
  if (service) {
    destination->service = service->service;
    destination->by_port = table_clusters_of(service, destination->subset);
  }
  if (destination->port && service) {
    destination->fixed_port = SIZE_MAX;
    for (size_t i = 0; i < service->service->port_count; i++) {
      if (service->service->ports[i].number == destination->port)
        destination->fixed_port = i;
    }
  }
}

static bool routes_destination(struct builder *builder, const struct part_place *place,
                               const struct vs_route_destination *from,
                               struct table_destination *destination) {
  bool ok = true;
  destination->weight = from->weight > 0 ? (uint64_t)from->weight : 0;
  table_make_destination(builder, place, &from->destination, destination);
  routes_check_destination(builder, place, destination);
  if (from->headers) {
    struct str host = STR(""), ignored = STR("");
    ok = table_make_headers(builder, place, ".headers.request", &from->headers->request,
                            &destination->request_headers, &host);
    ok = table_make_headers(builder, place, ".headers.response", &from->headers->response,
                            &destination->response_headers, &ignored) &&
         ok;
    destination->authority = host;
  }
  return ok;
}

// Several: those of weight 0 are left out. One: its weight does not count.
static bool routes_destinations(struct builder *builder, const struct part_place *place,
                                const struct vs_http *http, struct table_route *route) {
  struct table_destination *destinations =
      ARENA_ARRAY(builder->arena, struct table_destination, http->route_count);
  bool ok = true;
  for (size_t i = 0; i < http->route_count; i++) {
    const struct part_place below = {place->object, place->http, -1, (int)i};
    struct table_destination destination = {0};
    if (http->route_count > 1 && http->route[i].weight <= 0)
      continue;
    ok = routes_destination(builder, &below, &http->route[i], &destination) && ok;
    if (http->route_count == 1)
      destination.weight = 1;
    route->total_weight += destination.weight;
    destinations[route->destination_count++] = destination;
  }
  route->destinations = destinations;
  route->is_weighted = http->route_count > 1;
  if (route->destination_count > 1)
    route->split = builder->table->split_count++;
  return ok;
}

static struct str routes_name(struct arena *arena, struct str name, struct str match) {
  if (match.len == 0)
    return arena_str(arena, name);
  if (name.len == 0)
    return arena_str(arena, match);
  return TABLE_CONCAT(arena, name, STR("."), match);
}

struct routes {
  const struct part_context *context;
  struct table_route *items;
  size_t count, capacity;
  bool is_closed; // a catch-all came: what follows is never reached
};

static bool routes_add(struct builder *builder, const struct part_place *place,
                       const struct vs_http *http, const struct vs_match *match,
                       const struct table_route *shared, struct routes *routes) {
  if (routes->is_closed)
    return true;
  if (match && !routes_is_for_us(builder, place->object, routes->context, match)) {
    table_finding(builder, FINDING_INFO, place->object, table_place(builder, place, ""),
                  "not-for-this-proxy", "for other gateways or source workloads than this proxy");
    return true;
  }
  struct table_route *route = arena_push(builder->arena, (void **)&routes->items, &routes->count,
                                         &routes->capacity, sizeof *route);
  *route = *shared;
  bool ok = !match || routes_match(builder, place, match, &route->match);
  route->name = routes_name(builder->arena, http->name, match ? match->name : STR(""));
  routes->is_closed = match_is_catch_all(&route->match);
  return ok;
}

// All blocks of one http entry share its destinations and its sequence of draws.
static bool routes_add_http(struct builder *builder, const struct part_place *place,
                            const struct vs_http *http, struct routes *routes) {
  struct table_route shared = {0};
  if (routes->is_closed) {
    table_finding(builder, FINDING_WARNING, place->object, table_place(builder, place, ""),
                  "unreachable-route", "never reached: an entry before it takes every request");
    return true;
  }
  bool ok = table_make_action(builder, place, http, &shared);
  ok = routes_destinations(builder, place, http, &shared) && ok;
  if (http->match_count == 0)
    return routes_add(builder, place, http, NULL, &shared, routes) && ok;
  for (size_t i = 0; i < http->match_count; i++) {
    const struct part_place below = {place->object, place->http, (int)i, -1};
    ok = routes_add(builder, &below, http, &http->match[i], &shared, routes) && ok;
  }
  return ok;
}

bool table_make_routes(struct builder *builder, const struct part_object *object,
                       const struct part_context *context, struct table_route **ret_routes,
                       size_t *ret_count) {
  const struct virtual_service *declared = object->from->object;
  struct routes routes = {.context = context};
  bool ok = true;
  for (size_t i = 0; i < declared->spec.http_count; i++) {
    const struct part_place place = {object, (int)i, -1, -1};
    size_t count;
    struct part_http *list = table_expand_http(builder, &place, &declared->spec.http[i], &count);
    for (size_t k = 0; k < count; k++)
      ok = routes_add_http(builder, &list[k].place, list[k].http, &routes) && ok;
  }
  *ret_routes = routes.items;
  *ret_count = routes.count;
  return ok;
}
