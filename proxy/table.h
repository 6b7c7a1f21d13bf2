// SPDX-License-Identifier: Apache-2.0
// The proxy's configuration as the workers see it: one immutable, reference-counted value that is
// replaced as a whole. Made by table_build (proxy/table_build.h) from what users declared; read by
// route, pick, the workers and dump. A request keeps a reference to the table it started with.
// Nothing here may change after table_build.
//
// Everything a `const` pointer below leads to lives as long as the table: views stay valid while a
// reference is held.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/findings.h"
#include "proxy/match.h"
#include "proxy/retry_policy.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gateway_report;
struct hash_ring;
struct host_index;
struct header_format;
struct outlier_policy;
struct regex;
struct route_index;
struct table_filters;
struct table_ids;
struct table_live;

// The place of a cluster or an endpoint in the workers' arrays (pools, counters, health). The rule:
//  * the same key (cluster id string; cluster id + ip:port) has the same slot in every table that
//  holds it;
//  * two keys that are alive in any table that is still referenced never share an index;
//  * an index is given to another key only after the last table that held the old key is gone, and
//  then with
//    another generation. So a worker that meets `generation` different from the one its state was
//    made with drops that state and starts anew; nothing else is needed.
// Indexes are small: below table.cluster_slots and table.endpoint_slots.
struct table_slot {
  uint32_t index;
  uint32_t generation; // from 1
};

enum table_balancer { TABLE_LEAST_REQUEST, TABLE_ROUND_ROBIN, TABLE_RANDOM };

// Values of the metric labels of docs/dataplane.md 5.2 that belong to the chosen endpoint; never
// empty
// ("unknown", "latest" where nothing is known).
struct table_peer {
  struct str workload; // Deployment name, from the Pod's owner
  struct str workload_namespace;
  struct str app;
  struct str version;
  struct str canonical_service;
  struct str canonical_revision;
  struct str cluster; // "Kubernetes"
};

struct table_endpoint {
  struct table_slot slot;
  struct str key;      // "127.1.2.3:8080", "[::1]:8080"
  struct str hostname; // the Pod's name, or ""
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address;
  uint32_t weight;   // from 1
  uint32_t locality; // index into the cluster's; 0 when it has none
  int64_t since_ms;  // steady clock of table_build: when its slot was first given
  struct table_peer peer;
};

// One port of one Service.
struct table_port {
  uint16_t number;
  struct str name;
  bool is_http;           // not named or declared as TCP, TLS and the like
  bool is_http2;          // http2-, grpc-, kubernetes.io/h2c: prior knowledge
  uint16_t target;        // port of endpoints that name none themselves; 0: `number`
  struct str target_name; // the same as a name, "" for none
};

struct table_service {
  struct str name, namespace_;
  struct str fqdn; // research-agent.team1.svc.cluster.local
  const struct table_port *ports;
  size_t port_count;
  size_t default_port; // index: the first HTTP port, else 0
};

#define TABLE_PRIORITIES_MAX 16u

// Endpoints that are treated alike: the same priority and, within it, one share.
struct table_locality {
  struct str name;   // "region/zone/subzone"
  uint32_t priority; // 0 is used first; below TABLE_PRIORITIES_MAX, without gaps
  uint32_t weight;   // share within its priority; 0: endpoints share without regard to locality
  bool is_out;       // by `distribute` it gets no requests
};

// How the weight of a new endpoint grows.
struct table_warmup {
  int64_t duration_ms;
  double minimum; // of 1
  double aggression;
  int64_t until_ms; // steady clock: from then on none is new
};

enum table_hash_key {
  TABLE_HASH_HEADER,
  TABLE_HASH_COOKIE,
  TABLE_HASH_SOURCE_IP,
  TABLE_HASH_QUERY
};

// consistentHash: what is hashed and how the hash finds its endpoint.
struct table_hash {
  enum table_hash_key key;
  struct str name;        // of the header (lower-case), cookie or query parameter
  bool makes_cookie;      // a request without the cookie is given one
  struct str cookie_tail; // of Set-Cookie, behind the value
  bool is_maglev;
  uint32_t size; // least number of places of the ring, or size of the Maglev table
};

// connectionPool and retryBudget of a cluster (docs/dataplane.md 3.2). Limits hold over all
// workers; UINT32_MAX: none.
struct table_pool {
  int64_t idle_timeout_ms; // 0: the proxy's default
  int64_t max_duration_ms; // age at which a connection is closed; 0: none
  bool has_keepalive;      // probes of the kernel; what is 0 below is the kernel's default
  int keepalive_probes, keepalive_time_s, keepalive_interval_s;
  bool is_limited; // one of these is set:
  uint32_t max_connections, max_pending, max_requests;
  uint32_t max_retries;
  bool has_retry_budget; // replaces max_retries
  double budget_percent; // of active and waiting requests
  uint32_t budget_min;
};

// What is connected to: one (Service port, subset).
struct table_cluster {
  struct table_slot slot;
  struct str id; // outbound|8080|v1|research-agent.team1.svc.cluster.local
  uint16_t port;
  struct str subset; // "" for the whole service
  const struct table_service *service;
  const struct table_endpoint *endpoints; // ready ones only, ordered by key
  size_t endpoint_count;
  size_t unready_count;
  enum table_balancer balancer;
  bool is_weighted;              // not all endpoints have the same weight
  const struct table_hash *hash; // NULL: endpoints are not chosen by a hash
  struct hash_ring *ring;        // of all endpoints of the first priority; NULL without hash
  const struct table_locality *localities; // NULL: locality does not matter
  size_t locality_count;
  const struct table_warmup *warmup;    // NULL: new endpoints have their whole weight at once
  const struct outlier_policy *outlier; // NULL: no outlier detection
  uint32_t panic_percent; // fewer healthy ones than this: all are used, the ejected, too
  int64_t connect_timeout_ms;
  uint32_t max_requests_per_connection; // 0: no limit
  struct table_pool pool;
  bool is_http2;
  struct str rule; // "team1/research-agent-dr", "" when no DestinationRule applies
};

struct table_header {
  struct str name;                    // lower-case
  struct str value;                   // when `format` is NULL
  const struct header_format *format; // computed for each request (header_format.h)
  bool replaces;                      // among `add`, too: there is only to be one
};

// Applied in this order: remove, set, add (docs/dataplane.md 1.7).
struct table_header_ops {
  const struct str *remove;
  size_t remove_count;
  const struct table_header *set;
  size_t set_count;
  const struct table_header *add;
  size_t add_count;
  size_t format_count; // of set and add, those that are computed
};

// One weighted destination. A destination that leads nowhere (unknown host, port or subset) keeps
// its share and answers 503 NC: all its cluster pointers are NULL.
struct table_destination {
  uint64_t weight;
  struct str host;                            // as resolved
  struct str subset;                          // "" for none
  uint16_t port;                              // 0: that of the request
  const struct table_service *service;        // NULL when unknown
  const struct table_cluster *const *by_port; // one for each port of `service`; entries may be NULL
  size_t fixed_port;                          // index into by_port when port != 0
  int missing_status; // answered when it leads nowhere: 0 for 503, as a VirtualService has it
  struct table_header_ops request_headers, response_headers;
  struct str authority; // new Host, "" for none; a rewrite of the route wins
};

enum table_action { TABLE_FORWARD, TABLE_REDIRECT, TABLE_REPLY };

struct table_redirect {
  bool has_uri, has_prefix; // replace the whole path, or the matched prefix
  struct str uri, authority, scheme;
  uint16_t port;
  bool port_from_request;     // derivePort: FROM_REQUEST_PORT
  bool port_protocol_default; // derivePort: FROM_PROTOCOL_DEFAULT
  int status;
};

struct table_rewrite {
  bool has_uri;  // replaces what the uri match matched
  bool is_whole; // ... the whole path
  struct str uri;
  const struct regex
      *regex; // uriRegexRewrite: global replacement of its matches by `substitution`, or NULL
  struct str substitution; // \0 to \9
  struct str authority;    // "" for none
};

struct table_route {
  struct str name; // for the access log: http.name[.match.name], or "default"
  struct match match;
  enum table_action action;
  const struct table_destination *destinations; // those of weight 0 are left out
  size_t destination_count;
  bool is_weighted; // several destinations were declared, some perhaps with weight 0
  uint64_t total_weight;
  uint32_t split;     // index of this route's sequence of draws, see route_worker
  int64_t timeout_ms; // 0: none
  struct retry_policy retry;
  struct table_header_ops request_headers, response_headers;
  const struct table_filters *filters; // table_filters.h; NULL: none
  struct table_rewrite rewrite;
  struct table_redirect redirect;
  int reply_status; // TABLE_REPLY: directResponse
  struct str reply_body;
};

// A virtual host: the routes of one name or pattern on one set of listeners.
struct table_host {
  struct str name;           // the first host name it answers to
  const struct str *domains; // all, lower-case; "*.suffix" too
  size_t domain_count;
  struct str
      source; // "VirtualService/team1/research-agent-canary" or "Service/team1/research-agent"
  const struct table_service
      *service; // whose ports the request's port is taken from; NULL for a foreign name
  const struct table_route *routes;
  size_t route_count;
  const struct route_index *route_index; // of these routes; NULL: look at each
  // Where to go on when none of the routes matches: the less specific host name of the same Gateway
  // listener (docs/dataplane.md 4.2, first rule). NULL: nowhere, as Envoy has it.
  const struct table_host *next;
  uint32_t scope;      // 0: the mesh; else that of the listeners that have the same
  bool redirect_https; // httpsRedirect of an Istio Gateway server: plain requests get 301
};

// What a listener is to its clients; a dozen defaults follow from it (docs/dataplane.md,
// "Listeners and personas").
enum table_persona {
  TABLE_MESH,    // as a sidecar's outbound listener: clients are trusted, Services have names
  TABLE_GATEWAY, // as an ingress gateway: clients are strangers, only declared hosts are served
};
const char *table_persona_name(enum table_persona persona);
// The server header of responses.
struct str table_persona_server(enum table_persona persona);

// An address where connections are accepted, and the virtual hosts that answer there.
struct table_listener {
  struct table_slot slot;
  struct str address; // "127.0.0.1", "::1", as inet_ntop writes it
  uint16_t port;
  enum table_persona persona;
  bool is_fixed;                  // of the command line: open as long as the process lives
  struct str source;              // "Gateway/istio-system/public"; "" when of the command line only
  const struct host_index *index; // values: indexes into table.hosts
  uint32_t scope;                 // of its hosts
};

// An object this table was made from, for the Lease: kind/namespace/name and its resourceVersion.
struct table_source {
  struct str key;
  struct str revision; // "" when it has none (files)
};

struct proxy_table {
  atomic_uint refs;
  struct arena arena;
  struct table_ids *ids;
  uint64_t version; // 1, 2, 3 ...: one more for each table of this process
  int64_t built_ms; // wall clock, as given to table_build

  const struct table_listener *listeners;
  size_t listener_count;
  const struct table_listener *const *listener_at; // by slot.index, NULL: none
  uint32_t listener_slots;
  const struct host_index *mesh; // the virtual hosts of every mesh listener
  const struct table_host *hosts;
  size_t host_count;
  const struct table_service *services;
  size_t service_count;
  const struct table_cluster *clusters; // ordered by id
  size_t cluster_count;
  size_t endpoint_count; // of all clusters

  const struct table_live *live; // by endpoint slot, see table_live.h
  uint32_t live_count;
  struct proxy_table *next_dead; // in a table_grave

  uint32_t cluster_slots, endpoint_slots; // above every slot.index; grows, never shrinks
  uint32_t split_count;

  const struct gateway_report *gateways; // what status is made of; NULL when there is nothing
  const struct table_source *sources;    // VirtualServices, DestinationRules ... that are in force
  size_t source_count;
  struct findings findings; // faults, warnings, and fields that are not enforced
  struct regex *regexes;    // owned
};

// A further reference; from any thread.
struct proxy_table *table_ref(struct proxy_table *table);
// Gives one reference back; the last one frees the table, on the thread that gave it. NULL is fine.
void table_unref(struct proxy_table *table);

// The listener of a connection. NULL for a slot of generation 0 (no listener at all: the mesh hosts
// answer); a listener that knows no host when it is not declared any more.
const struct table_listener *table_listener_at(const struct proxy_table *table,
                                               struct table_slot slot);
// The listener of this address and port, or NULL.
const struct table_listener *table_find_listener(const struct proxy_table *table,
                                                 struct str address, uint16_t port);

// Whether the endpoint is among those that are used first: the ones on the ring of a hashed
// cluster.
static inline bool table_is_first(const struct table_cluster *cluster,
                                  const struct table_endpoint *endpoint) {
  return cluster->locality_count == 0 || (cluster->localities[endpoint->locality].priority == 0 &&
                                          !cluster->localities[endpoint->locality].is_out);
}

// The cluster with this id string, or NULL.
const struct table_cluster *table_find_cluster(const struct proxy_table *table, struct str id);

// Keys and their slots, one for all tables of a process. Thread-safe; counted: the tables keep it
// alive.
struct table_ids *table_ids_new(void);
void table_ids_unref(struct table_ids *ids); // NULL is fine
