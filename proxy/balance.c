// SPDX-License-Identifier: Apache-2.0
#include "proxy/balance.h"

#include "manifests/base/alloc.h"
#include "proxy/connection.h"
#include "proxy/hash_key.h"
#include "proxy/hash_ring.h"
#include "proxy/outlier_set.h"
#include "proxy/socket_text.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

static uint32_t load_of(void *ctx, const struct table_endpoint *endpoint) {
  struct worker *worker = ctx;
  atomic_uint *load = upstream_load_at(worker->settings.load, endpoint->slot.index);
  return load ? atomic_load_explicit(load, memory_order_relaxed) : 0;
}

static bool is_ejected(void *ctx, const struct table_endpoint *endpoint) {
  struct worker *worker = ctx;
  return outlier_set_is_ejected(worker->settings.outliers, endpoint);
}

static void make_cookie(struct exchange_run *run, const struct table_hash *policy, uint64_t *hash) {
  char local[64], remote[64];
  struct balance_key *key = &run->key;
  key->cookie = policy;
  (void)hash_key_cookie(socket_text_local(run->connection->fd, local),
                        connection_peer_text(run->connection, remote), key->cookie_value, hash);
}

static void add_key(struct exchange_run *run, const struct table_hash *policy) {
  struct balance_key *key = &run->key;
  const struct hash_request request = {.head = &run->request,
                                       .peer = &run->connection->peer.any,
                                       .trusts_forwarded = !run->is_gateway};
  uint64_t hash = 0;
  switch (hash_key_find(policy, &request, &hash)) {
  case HASH_NONE: return;
  case HASH_MAKE_COOKIE: make_cookie(run, policy, &hash); break;
  case HASH_FOUND: break;
  }
  key->hash = key->has_hash ? hash_key_combine(key->hash, hash) : hash;
  key->has_hash = true;
}

// A weighted route's key is made of the policies of all its destinations, wherever this request
// goes.
static void find_key(struct exchange_run *run) {
  const struct table_route *route = run->decision.route;
  run->key.is_known = true;
  run->key.has_hash = false;
  if (!route || !route->is_weighted) {
    add_key(run, run->decision.cluster->hash);
    return;
  }
  for (size_t i = 0; i < route->destination_count; i++) {
    const struct table_cluster *cluster = route_destination_cluster(
        &route->destinations[i], run->connection->port, run->decision.port);
    if (cluster && cluster->hash)
      add_key(run, cluster->hash);
  }
}

// The ring of the healthy ones is made by the main thread, a moment after an ejection; until then
// the whole ring is used and the ejected are stepped over.
static const struct hash_ring *healthy_ring(struct worker *worker,
                                            const struct table_cluster *cluster, uint64_t health) {
  struct pick_state *state = &worker->picks[cluster->slot.index];
  struct pick_healthy *healthy = state->healthy;
  if (!healthy)
    healthy = state->healthy = XNEW(struct pick_healthy);
  if (!healthy->ring || healthy->health != health || healthy->of != cluster->ring->signature) {
    struct hash_ring *ring = outlier_set_ring(worker->settings.outliers, cluster, health);
    if (!ring)
      return NULL;
    hash_ring_unref(healthy->ring);
    *healthy = (struct pick_healthy){ring, cluster->ring->signature, health};
  }
  return healthy->ring;
}

const struct table_endpoint *balance_pick(struct exchange_run *run, bool avoid) {
  struct worker *worker = run->worker;
  const struct table_cluster *cluster = run->decision.cluster;
  struct pick_view view = {.active = load_of,
                           .ctx = worker,
                           .version = run->table->table->version,
                           .now_ms = worker_now_ms(worker)};
  struct pick_request request = {
      .tried = avoid ? &run->tried : NULL,
      .remote = run->exchange.policy.retry->remote_localities ? &run->tried : NULL};
  bool panic = false;
  if (cluster->outlier && worker->settings.outliers) {
    view.health = outlier_set_health(worker->settings.outliers, cluster);
    if (outlier_health_ejected(view.health) > 0)
      view.is_ejected = is_ejected;
  }
  if (cluster->hash) {
    const struct retry_policy *retry = run->exchange.policy.retry;
    if (!run->key.is_known)
      find_key(run);
    request.has_hash = run->key.has_hash;
    request.hash = run->key.hash;
    // The hash alone decides, unless the route asks for other endpoints by itself.
    if (!run->decision.route->is_weighted && !retry->ignore_previous_given)
      request.tried = NULL;
    if (view.is_ejected)
      request.ring = healthy_ring(worker, cluster, view.health);
  }
  const struct table_endpoint *endpoint = pick_endpoint(
      cluster, &view, &request, &worker->rng, &worker->picks[cluster->slot.index], &panic);
  if (panic)
    stats_add(&stats_cluster(worker->stats, cluster->slot)->lb_healthy_panic, 1);
  return endpoint;
}

const struct table_endpoint *
balance_pick_any(struct worker *worker, const struct table_cluster *cluster, uint64_t version) {
  struct pick_view view = {
      .active = load_of, .ctx = worker, .version = version, .now_ms = worker_now_ms(worker)};
  const struct pick_request request = {0};
  bool panic = false;
  if (cluster->outlier && worker->settings.outliers) {
    view.health = outlier_set_health(worker->settings.outliers, cluster);
    if (outlier_health_ejected(view.health) > 0)
      view.is_ejected = is_ejected;
  }
  return pick_endpoint(cluster, &view, &request, &worker->rng, &worker->picks[cluster->slot.index],
                       &panic);
}

void balance_set_cookie(struct exchange_run *run, struct head *head, struct buf *text) {
  const struct table_hash *policy = run->key.cookie;
  (void)buf_addf(text, "%.*s=\"%s\"%.*s", STR_ARG(policy->name), run->key.cookie_value,
                 STR_ARG(policy->cookie_tail));
  (void)head_add_name(head, STR("set-cookie"), buf_str(text));
}
