// SPDX-License-Identifier: Apache-2.0
#include "proxy/route.h"

#include "manifests/base/alloc.h"
#include "manifests/base/rng.h"
#include "proxy/host.h"
#include "proxy/route_index.h"
#include "proxy/route_path.h"

// 2^64 divided by the golden ratio: steps of this size spread over the circle as evenly as any
// sequence can.
#define ROUTE_GOLDEN 0x9E3779B97F4A7C15u

// Above any head that is taken, so that only the growth of a rewrite can fail.
#define ROUTE_PATH_MAX (256u << 10)

// httpsRedirect: the same URL with https and without a port. Plain HTTP is all that is spoken, so
// every request of such a host is one to redirect.
static const struct table_route route_to_https = {
    .name = STR("-"),
    .action = TABLE_REDIRECT,
    .redirect = {.scheme = STR("https"), .port_protocol_default = true, .status = 301}};

static const struct retry_policy route_no_retry = {.backoff_ms = RETRY_DEFAULT_BACKOFF_MS};

void route_worker_init(struct route_worker *worker, uint64_t seed) {
  *worker = (struct route_worker){.seed = seed};
  regex_worker_init(&worker->regex);
  buf_init(&worker->path, ROUTE_PATH_MAX);
  buf_init(&worker->original, ROUTE_PATH_MAX);
}

void route_worker_fit(struct route_worker *worker, const struct proxy_table *table) {
  if (table->split_count > worker->draw_count) {
    worker->draws = xrealloc(worker->draws, table->split_count * sizeof *worker->draws);
    worker->draw_count = table->split_count;
  }
  // A random start for each: workers and routes must not move in step.
  struct rng rng;
  rng_init(&rng, worker->seed ^ table->version);
  for (uint32_t i = 0; i < table->split_count; i++)
    worker->draws[i] = rng_next(&rng);
}

void route_worker_dispose(struct route_worker *worker) {
  regex_worker_dispose(&worker->regex);
  buf_dispose(&worker->path);
  buf_dispose(&worker->original);
  xfree(worker->draws);
  worker->draws = NULL;
  worker->draw_count = 0;
}

struct route_reply route_reply_no_endpoint(void) {
  return (struct route_reply){503, STR("UH"), STR("no healthy upstream"),
                              STR("no_healthy_upstream")};
}

static bool route_has_port(const struct table_service *service, uint16_t port, size_t *ret_index) {
  for (size_t i = 0; i < service->port_count; i++) {
    if (service->ports[i].number == port) {
      *ret_index = i;
      return true;
    }
  }
  return false;
}

// The index of the port a request for this service is for. There is no original destination to ask,
// so: the port in the authority, else the listener's, where the service has it, else its default
// port. The authority's port is often the proxy's own, as clients write it.
static bool route_service_port(const struct table_service *service,
                               const struct route_request *request, uint16_t asked,
                               size_t *ret_index) {
  if (service->port_count == 0)
    return false;
  if (!route_has_port(service, asked, ret_index) &&
      !route_has_port(service, request->listener_port, ret_index))
    *ret_index = service->default_port;
  return true;
}

static bool route_is_gateway(const struct route_request *request) {
  return request->listener && request->listener->persona == TABLE_GATEWAY;
}

static uint16_t route_port(const struct table_host *host, const struct route_request *request) {
  if (route_is_gateway(request))
    return request->listener_port;
  struct str name;
  uint16_t asked;
  size_t index;
  host_split(request->authority, &name, &asked);
  if (host->service && route_service_port(host->service, request, asked, &index))
    return host->service->ports[index].number;
  return asked ? asked : request->listener_port;
}

static void route_reply_with(struct route_decision *decision, int status, struct str flag,
                             struct str details) {
  decision->kind = ROUTE_REPLY;
  decision->reply = (struct route_reply){status, flag, STR(""), details};
}

// Multiply-high instead of modulo: the evenness of the sequence is in its high bits.
static const struct table_destination *route_draw(const struct table_route *route,
                                                  struct route_worker *worker) {
  if (route->destination_count == 1)
    return &route->destinations[0];
  uint64_t draw = worker->draws[route->split] += ROUTE_GOLDEN;
  uint64_t at = (uint64_t)(((unsigned __int128)draw * route->total_weight) >> 64);
  size_t i = 0;
  while (i + 1 < route->destination_count && at >= route->destinations[i].weight)
    at -= route->destinations[i++].weight;
  return &route->destinations[i];
}

static const struct table_cluster *route_cluster(const struct table_destination *destination,
                                                 const struct route_request *request,
                                                 uint16_t port) {
  if (!destination->by_port || destination->service->port_count == 0)
    return NULL;
  size_t index = destination->fixed_port;
  if (destination->port == 0 && !route_service_port(destination->service, request, port, &index))
    return NULL;
  return index < destination->service->port_count ? destination->by_port[index] : NULL;
}

const struct table_cluster *route_destination_cluster(const struct table_destination *destination,
                                                      uint16_t listener_port, uint16_t port) {
  const struct route_request request = {.listener_port = listener_port};
  return route_cluster(destination, &request, port);
}

static void route_forward(const struct route_request *request, struct route_worker *worker,
                          struct route_decision *decision) {
  const struct table_route *route = decision->route;
  if (route->destination_count == 0) { // nothing usable was declared
    route_reply_with(decision, 404, STR("NR"), STR("route_not_found"));
    return;
  }
  const struct table_destination *destination = route_draw(route, worker);
  const struct table_service *service = destination->service;
  decision->destination = destination;
  decision->cluster = route_cluster(destination, request, decision->port);
  decision->service = destination->host;
  if (service) {
    decision->service = service->fqdn;
    decision->service_name = service->name;
    decision->service_namespace = service->namespace_;
  }
  if (!decision->cluster) {
    route_reply_with(decision, destination->missing_status ? destination->missing_status : 503,
                     STR("NC"), STR("cluster_not_found"));
    return;
  }
  decision->kind = ROUTE_FORWARD;
  decision->cluster_name = decision->cluster->id;
  if (route_has_rewrite(decision) && !route_path_fits(decision, request, worker)) {
    route_reply_with(decision, 500, STR(""), STR("route_rewrite_limit"));
    decision->cluster = NULL;
  }
}

static void route_take(const struct table_route *route, const struct route_request *request,
                       struct route_worker *worker, struct route_decision *decision) {
  decision->route = route;
  if (route->name.len)
    decision->route_name = route->name;
  decision->timeout_ms = route->timeout_ms;
  decision->retry = &route->retry;
  switch (route->action) {
  case TABLE_FORWARD: route_forward(request, worker, decision); break;
  case TABLE_REDIRECT:
    decision->kind = ROUTE_REDIRECT;
    decision->reply =
        (struct route_reply){route->redirect.status, STR(""), STR(""), STR("direct_response")};
    break;
  case TABLE_REPLY:
    decision->kind = ROUTE_REPLY;
    decision->reply = (struct route_reply){route->reply_status, STR(""), route->reply_body,
                                           STR("direct_response")};
    break;
  }
}

static void route_unknown_host(const struct route_request *request,
                               struct route_decision *decision) {
  if (route_is_gateway(request)) {
    route_reply_with(decision, 404, STR("NR"), STR("route_not_found"));
    return;
  }
  // As Istio's REGISTRY_ONLY: its virtual host block_all answers directly.
  route_reply_with(decision, 502, STR(""), STR("direct_response"));
  decision->route_name = STR("block_all");
  decision->cluster_name = STR("BlackHoleCluster");
  decision->service_name = STR("BlackHoleCluster");
}

// The first route of one virtual host that the request meets; false when there is none.
static bool route_search(const struct table_host *host, const struct route_request *request,
                         struct route_worker *worker, struct route_decision *decision) {
  struct route_walk walk;
  size_t i;
  route_walk_begin(&walk, host->route_index, request->path, host->route_count);
  while (route_walk_next(&walk, &i)) {
    const struct table_route *route = &host->routes[i];
    switch (match_request(&route->match, request, decision->port, &worker->regex)) {
    case MATCH_NO: continue;
    case MATCH_YES: route_take(route, request, worker, decision); return true;
    case MATCH_LIMIT:
      // To go on would let a crafted request choose another route; and only one pattern may cost
      // this much.
      route_reply_with(decision, 500, STR(""), STR("route_pattern_limit"));
      return true;
    }
  }
  return false;
}

void route_match(const struct proxy_table *table, const struct route_request *request,
                 struct route_worker *worker, struct route_decision *ret_decision) {
  regex_worker_begin(&worker->regex);
  struct route_decision *decision = ret_decision;
  *decision = (struct route_decision){
      .retry = &route_no_retry,
      .service = STR("unknown"),
      .service_name = STR("unknown"),
      .service_namespace = STR("unknown"),
      .route_name = STR("-"),
      .cluster_name = STR("-"),
      .port = request->listener_port,
  };
  const struct host_index *hosts = request->listener ? request->listener->index : table->mesh;
  uint32_t index;
  if (!host_index_find(hosts, request->authority, &index)) {
    route_unknown_host(request, decision);
    return;
  }
  decision->host = &table->hosts[index];
  decision->port = route_port(decision->host, request);
  if (decision->host->redirect_https) {
    route_take(&route_to_https, request, worker, decision);
    return;
  }
  for (const struct table_host *host = decision->host; host; host = host->next) {
    if (route_search(host, request, worker, decision))
      return;
  }
  route_reply_with(decision, 404, STR("NR"), STR("route_not_found"));
}
