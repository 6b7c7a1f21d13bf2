// SPDX-License-Identifier: Apache-2.0
// What the files of table_build share while one table is made. Private to them: table_build.c
// (order of the steps), table_services.c, table_endpoints.c, table_clusters.c, table_balance.c,
// table_routes.c, table_actions.c, table_hosts.c.
#pragma once

#include "manifests/base/map.h"
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/endpoints.h"
#include "manifests/kinds/pod.h"
#include "manifests/kinds/service.h"
#include "manifests/kinds/service_entry.h"
#include "manifests/kinds/virtual_service.h"
#include "proxy/table_build.h"

// An object in the order of Istio: creation time, name, namespace.
struct part_object {
  const struct object_meta *meta; // what `table_object.object` points to
  const struct table_object *from;
};

// A place in a VirtualService: spec.http[http].match[match] or .route[route]; -1 for none. Text is
// made of it only when there is something to say.
struct part_place {
  const struct part_object *object;
  int http, match, route;
};

struct part_list {
  struct part_object *items;
  size_t count, capacity;
};

// An endpoint of one service before it is given to clusters.
struct part_endpoint {
  const struct string_map *labels; // the Pod's, else those of the slice
  struct table_endpoint endpoint;  // without slot
  struct str port_name;            // name of the service's port it belongs to
  struct str locality;             // "region/zone/subzone", "" when not known
  bool is_ready;
};

// An address behind a service that no EndpointSlice names.
struct part_address {
  struct str ip, port_name;
  int64_t port;
  struct str name;                 // of the workload, "" for none
  const struct string_map *labels; // may be NULL
  const struct object_meta *pod;   // or NULL
  bool is_unready;
  struct str locality;
  int64_t weight; // 0: 1
};

// All DestinationRules of one namespace for one host, merged.
struct part_rule {
  struct str namespace_, host;
  struct str names; // "team1/a, team1/b"
  const struct dr_traffic_policy *policy;
  struct str policy_name; // of the rule it is from
  const struct dr_subset **subsets;
  size_t subset_count, subset_capacity;
};

// The blocks of the policy of one cluster: a later one replaces an earlier one as a whole
// (docs/dataplane.md 3.1).
struct part_blocks {
  const struct dr_load_balancer *load_balancer;
  const struct dr_connection_pool *connection_pool;
  const struct dr_outlier *outlier;
  const struct dr_tls *tls;
  const struct dr_retry_budget *retry_budget; // not among the settings of a port
};

struct part_service {
  struct table_service *service;
  const struct service *declared;    // an empty one for a ServiceEntry
  const struct service_entry *entry; // or NULL
  const struct table_object *from;
  struct part_endpoint *endpoints;
  size_t endpoint_count, endpoint_capacity;
  bool has_slices; // Endpoints are read only where there are none
  const struct part_rule *rule;
  // Row 0: the whole service, row 1 + i: subset i of the rule. One column for each port.
  const struct table_cluster **clusters;
  size_t row_count;
  bool is_hosted;      // a VirtualService keeps its name
  uint32_t host_index; // then: which
};

// One set of virtual hosts: that of the mesh, that of one gateway address.
struct part_scope {
  enum table_persona persona;
  struct map by_domain; // name or pattern -> index + 1 into builder.hosts
  size_t domain_count, number;
  const struct host_index *index; // when all is known
};

struct part_host {
  struct part_scope *scope;
  struct str name;
  struct str source;
  const struct part_service *service;
  struct table_route *routes;
  size_t route_count, route_capacity; // capacity 0: the routes are another host's, too
  struct str *domains;
  size_t domain_count, domain_capacity;
  int64_t next; // index of the host to go on with, -1: none
  bool redirect_https;
  bool is_route_group; // of HTTPRoutes: not for Services that have nothing else
};

struct part_listener {
  struct table_listener listener; // without slot and index
  struct part_scope *scope;
  bool is_claimed; // by a declared Gateway
};

// For which listeners routes of a VirtualService are made.
struct part_context {
  enum table_persona persona;
  struct str gateway; // "namespace/name"; "" in the mesh
};

struct builder {
  const struct table_input *input;
  struct str domain;
  struct proxy_table *table;
  struct arena *arena;  // the table's
  struct arena scratch; // until the table is done
  struct part_list virtual_services, rules, services, slices, endpoints, pods, service_entries,
      workload_entries;
  struct part_list classes, gateways, http_routes, istio_gateways, grants, namespaces;
  struct table_gateways *gateway; // what becomes of them
  bool is_quiet;                  // what is made has been made before: no findings
  struct map service_by_name;     // fqdn -> struct part_service
  struct map pod_by_name;         // ns/name -> struct pod
  struct map pod_by_ip;           // ip -> struct pod
  struct map rule_by_host;        // ns|host -> struct part_rule
  struct map delegates;           // ns/name -> VirtualService, filled when first asked for
  bool has_delegates;
  uint64_t ring_places; // of all hash rings made so far
  struct part_service *parts;
  size_t part_count;
  struct part_host *hosts;
  size_t host_count, host_capacity;
  struct part_scope **scopes;
  size_t scope_count, scope_capacity;
  struct part_scope *mesh; // every mesh listener
  struct part_scope *edge; // gateway listeners of the command line; NULL when there is none
  struct part_listener *listeners;
  size_t listener_count, listener_capacity;
  struct table_source *sources;
  size_t source_count, source_capacity;
};

// The steps, in this order.
void table_add_services(struct builder *builder);
void table_add_endpoints(struct builder *builder);
void table_add_clusters(struct builder *builder);
void table_add_listeners(struct builder *builder);
void table_add_gateways(struct builder *builder);
void table_add_istio_gateways(struct builder *builder);
void table_add_hosts(struct builder *builder);
void table_add_http_routes(struct builder *builder); // within table_add_hosts
void table_redirect_https(struct builder *builder);  // when all hosts are known
void table_report_gateways(struct builder *builder); // when listeners have their places
void table_gateways_dispose(struct builder *builder);
void table_finish_hosts(struct builder *builder);

// "A, B" of "A" and "B", each once; "A, ..." when there are too many.
struct str table_join_source(struct arena *arena, struct str sources, struct str one);
struct part_scope *table_scope_new(struct builder *builder, enum table_persona persona);
// A virtual host of a scope that answers to no name yet; its index into builder.hosts.
uint32_t table_host_new(struct builder *builder, struct part_scope *scope, struct str name,
                        struct str source);
// Index of the virtual host that has this very name or pattern; -1 when there is none.
int64_t table_host_find(const struct part_scope *scope, struct str domain);
// Gives it a name or pattern; false when another host of the scope has it.
bool table_host_take(struct builder *builder, uint32_t index, struct str domain);
// Puts further routes behind those it has.
void table_host_append(struct builder *builder, uint32_t index, const struct table_route *routes,
                       size_t count);

// Whether an Istio Gateway of this name ("ns/name") is declared, for whatever proxy.
bool table_istio_gateway_is_declared(const struct builder *builder, struct str name);
// Routes of a VirtualService on the servers of the Gateway the context names.
void table_bind_virtual_service(struct builder *builder, const struct part_object *object,
                                const struct part_context *context,
                                const struct table_route *routes, size_t count, bool *ret_in_force);
// VirtualServices of one host on one gateway are one virtual host: the oldest one's routes first.
void table_merge_host(struct builder *builder, struct part_scope *scope, struct str host,
                      struct str source, const struct table_route *routes, size_t count);

// The routes of one VirtualService; false when it holds something that cannot be used (findings say
// what), and then it is not in force at all.
bool table_make_routes(struct builder *builder, const struct part_object *object,
                       const struct part_context *context, struct table_route **ret_routes,
                       size_t *ret_count);
// Whether an entry of `gateways` in an object of this namespace means the listeners of the context.
bool table_names_gateway(struct str name, struct str namespace_,
                         const struct part_context *context);
// Everything of a route but its matches and destinations: time-out, retries, headers, rewrite,
// redirect, direct response. False as above.
bool table_make_action(struct builder *builder, const struct part_place *place,
                       const struct vs_http *http, struct table_route *route);
// Faults, cross-origin rules and mirrors of a route; false as above.
bool table_make_filters(struct builder *builder, const struct part_place *place,
                        const struct vs_http *http, struct table_route *route);
// Fills in everything of a destination but its weight and headers.
void table_make_destination(struct builder *builder, const struct part_place *place,
                            const struct vs_destination *from,
                            struct table_destination *destination);
// False after a finding. `ignore_case`: exact and prefix only.
bool table_make_matcher(struct builder *builder, const struct part_place *place, const char *below,
                        const struct string_match *from, bool ignore_case,
                        struct string_matcher *ret_match);
// `below`: ".headers.request". *ret_host: a new Host among them. False as above.
bool table_make_headers(struct builder *builder, const struct part_place *place, const char *below,
                        const struct vs_header_ops *ops, struct table_header_ops *ret_ops,
                        struct str *ret_host);
// Time-outs and limits of a cluster; either block may be NULL.
void table_make_pool(const struct dr_connection_pool *declared,
                     const struct dr_retry_budget *budget, struct table_cluster *cluster);
// Where "no subset" or a subset leads; NULL when the service or the subset is not known.
const struct table_cluster *const *table_clusters_of(const struct part_service *service,
                                                     struct str subset);

// Balancer, outlier detection and what belongs to them (table_balance.c).
void table_set_balance(struct builder *builder, const struct part_blocks *blocks,
                       struct table_cluster *cluster);
// What follows from its endpoints, when it has them: weights, ages, the ring.
void table_finish_balance(struct builder *builder, struct table_cluster *cluster);
// Priorities and shares by locality; `parts`: what the endpoints were made from.
void table_set_localities(struct builder *builder, const struct part_blocks *blocks,
                          struct table_cluster *cluster, struct table_endpoint *endpoints,
                          const struct part_endpoint *const *parts);
// "region/zone/subzone" by labels, else by a zone alone; "" when nothing is known.
struct str table_locality_of(struct builder *builder, const struct string_map *labels,
                             struct str zone);

// Services and endpoints of ServiceEntries, WorkloadEntries and ExternalName (table_entries.c).
size_t table_fill_entries(struct builder *builder, struct table_service *services, size_t count);
void table_add_entry_ports(struct builder *builder, const struct service_entry *entry,
                           struct table_service *service);
void table_add_entry_endpoints(struct builder *builder);
// Whether an object of that namespace with this exportTo is meant for this proxy, too.
bool table_is_exported(const struct builder *builder, const struct str *export_to, size_t count,
                       struct str namespace_);
// What a protocol's or a port's name ("http", "grpc-web") says of a port.
void table_port_protocol(struct str name, struct table_port *port);
bool table_is_ip(struct builder *builder, struct str text);
void table_add_address(struct builder *builder, const struct part_object *object,
                       struct part_service *service, const struct part_address *address);

void table_finding(struct builder *builder, enum finding_level level,
                   const struct part_object *object, struct str path, const char *id,
                   const char *format, ...) __attribute__((format(printf, 6, 7)));
struct str table_place(struct builder *builder, const struct part_place *place, const char *below);
// Compiles a pattern that lives as long as the table; NULL after a finding.
const struct regex *table_regex(struct builder *builder, const struct part_place *place,
                                const char *below, struct str pattern, bool whole);
// One string of several, with a NUL behind; printf is too slow for ten thousand names.
struct str table_concat(struct arena *arena, const struct str *parts, size_t count);
#define TABLE_CONCAT(arena, ...)                                                                   \
  table_concat((arena), (const struct str[]){__VA_ARGS__},                                         \
               sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))
// "Kind/namespace/name".
struct str table_object_key(struct arena *arena, const struct part_object *object);
void table_add_source(struct builder *builder, const struct part_object *object);
struct str table_lower(struct arena *arena, struct str text);
