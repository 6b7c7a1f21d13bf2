// SPDX-License-Identifier: Apache-2.0
// What the files of table_build share that make listeners of Gateways and routes of HTTPRoutes
// (docs/dataplane.md 4). Private to them: table_gateways.c (Gateways of the Gateway API),
// table_istio_gateways.c, table_attach.c (which route attaches where), table_groups.c (virtual
// hosts of what is attached), table_http_route.c (rules), table_rule_filters.c, table_backends.c.
#pragma once

#include "manifests/kinds/gateway.h"
#include "manifests/kinds/gateway_class.h"
#include "manifests/kinds/http_route.h"
#include "manifests/kinds/istio_gateway.h"
#include "manifests/kinds/namespace.h"
#include "manifests/kinds/reference_grant.h"
#include "proxy/gateway_report.h"
#include "proxy/route_rank.h"
#include "proxy/table_parts.h"

#define GATEWAY_API_GROUP STR("gateway.networking.k8s.io")
// The class that needs no GatewayClass object: where manifests come from files there is nobody to
// make one.
#define GATEWAY_CLASS_OF_OURS STR("serin")

// The matches of one HTTPRoute as routes, made once for all its parents.
struct http_made_route {
  struct table_route route;
  struct route_rank rank;
};
struct http_made {
  struct http_made_route *items; // room for all matches
  size_t count;
  const char *resolved; // the worst of all backends
  struct str resolved_message;
  struct str dropped; // of the first rule that is not in force
  size_t rules_dropped;
};

// Routes of one host name on one site; the less specific names of the same site come after it.
struct gateway_group {
  struct str hostname; // as the routes declare it; "" for none
  const struct http_made_route **routes;
  size_t route_count, route_capacity;
  struct str source;                // "HTTPRoute/team1/a, HTTPRoute/team1/b"
  const struct part_object *object; // the first
  const struct http_made *last;     // the newest: two parents may lead to one site
  uint32_t host;                    // its virtual host
};

// One host name of one address: what the listeners that have both share, of whatever Gateways.
struct gateway_site {
  struct part_scope *scope;
  struct str hostname; // "" for all
  struct gateway_group **groups;
  size_t group_count, group_capacity;
  struct map group_by_name;
};

// Where routes attach: a listener of a Gateway, or what stands for one: the command line's
// listeners, a Service of the mesh.
struct gateway_place {
  const struct gateway_listener *declared; // NULL: stands for one
  struct str hostname;                     // "" for all
  struct gateway_site **sites;             // one for each address
  size_t site_count, site_capacity;
  bool is_open;                           // takes routes
  struct gateway_report_listener *report; // NULL: stands for one
};

struct part_gateway {
  const struct part_object *object;
  const struct gateway *declared;
  bool is_ours;
  struct gateway_place **places; // one for each listener
  struct gateway_report_gateway *report;
};

// One server of an Istio Gateway that is open here.
struct part_server {
  struct str gateway; // "namespace/name"
  struct str namespace_;
  const struct istio_server *declared;
  const struct part_object *object;
  struct part_scope *scope;
};

struct table_gateways {
  struct map gateway_by_name;   // ns/name -> struct part_gateway
  struct map namespace_by_name; // name -> struct namespace_
  struct map istio_by_name;     // ns/name -> itself
  struct map service_places;    // fqdn -> struct gateway_place: HTTPRoutes of the mesh
  struct gateway_place **places;
  size_t place_count, place_capacity;
  struct gateway_site **sites;
  size_t site_count, site_capacity;
  struct part_server *servers;
  size_t server_count, server_capacity;
  struct gateway_place *command_line; // for Gateways that are not declared; NULL until needed
  struct gateway_report *report;
};

struct gateway_place *table_place_new(struct builder *builder, struct str hostname);
void table_place_add_scope(struct builder *builder, struct gateway_place *place,
                           struct part_scope *scope);

// The listener of this address and port with the virtual hosts of a gateway: opened for `object`,
// or that of another Gateway or of the command line. NULL when it is a mesh listener of the command
// line.
struct part_listener *table_claim_listener(struct builder *builder,
                                           const struct part_object *object, struct str address,
                                           uint16_t port);
// As inet_ntop writes it; false when it is no IP address.
bool table_ip_address(struct arena *arena, struct str text, struct str *ret_address);
// Where listeners are opened that name no address.
struct str table_default_address(const struct builder *builder);

// The routes of an HTTPRoute. Rules that are not in force answer 500.
struct http_made *table_make_http_route(struct builder *builder, const struct part_object *object);
// Destinations of backendRefs; a backend that cannot be used keeps its share and answers 500.
void table_make_backends(struct builder *builder, const struct part_object *object, size_t rule,
                         const struct http_route_rule *declared, struct table_route *route,
                         struct http_made *made);
// Mirrors and cross-origin rules. False: what cannot be honoured, in *ret_fault.
bool table_make_rule_filters(struct builder *builder, const struct part_object *object, size_t rule,
                             const struct http_route_rule *declared, struct table_route *route,
                             struct http_made *made, struct str *ret_fault);
// A pattern for the whole of a value, owned by the table; false with the reason in *ret_fault.
bool table_make_pattern(struct builder *builder, struct str pattern, struct string_matcher *match,
                        struct str *ret_fault);
// One backendRef; without weight and filters.
void table_make_backend(struct builder *builder, const struct part_object *object,
                        const struct route_backend_object *ref, struct str place,
                        struct table_destination *destination, struct http_made *made);
void table_make_modifier(struct builder *builder, const struct route_header_modifier *from,
                         struct table_header_ops *ops, struct str *ret_host);

// Puts the routes of one HTTPRoute host name on a place.
void table_attach_routes(struct builder *builder, struct gateway_place *place,
                         const struct part_object *object, struct str hostname,
                         const struct http_made *made);
// Virtual hosts of everything that was attached.
void table_make_groups(struct builder *builder);
