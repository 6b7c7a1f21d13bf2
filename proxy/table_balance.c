// SPDX-License-Identifier: Apache-2.0
// Part of step 3 of table_build: what the blocks loadBalancer and outlierDetection of a
// DestinationRule make of a cluster (docs/dataplane.md 3.3, 3.4).
#include "manifests/base/buf.h"
#include "proxy/hash_ring.h"
#include "proxy/outlier.h"
#include "proxy/table_parts.h"

#define BALANCE_CONSECUTIVE 5
#define BALANCE_INTERVAL_MS 10000
#define BALANCE_EJECTION_MS 30000
#define BALANCE_EJECTION_MAX_MS 300000
#define BALANCE_EJECTION_PERCENT 10
#define BALANCE_RING_BUDGET 8388608u
#define BALANCE_SMALL_MAGLEV 1021u // a prime

static uint32_t threshold(bool has, int64_t value, uint32_t fallback) {
  return has ? (uint32_t)value : fallback;
}

// The defaults are Istio's: the gateway counter is only enforced when it is given, and a percentage
// of 0 means that none is.
static const struct outlier_policy *outlier_policy_of(struct builder *builder,
                                                      const struct dr_outlier *from) {
  struct outlier_policy *policy = ARENA_NEW(builder->arena, struct outlier_policy);
  policy->consecutive_5xx = threshold(from->has_consecutive_5xx_errors,
                                      from->consecutive_5xx_errors, BALANCE_CONSECUTIVE);
  if (builder->input->settings->consecutive_errors_5xx && !from->has_consecutive_5xx_errors &&
      from->consecutive_errors > 0)
    policy->consecutive_5xx = (uint32_t)from->consecutive_errors;
  policy->consecutive_gateway = threshold(from->has_consecutive_gateway_errors,
                                          from->consecutive_gateway_errors, BALANCE_CONSECUTIVE);
  policy->consecutive_local = from->consecutive_local_origin_failures > 0
                                  ? (uint32_t)from->consecutive_local_origin_failures
                                  : BALANCE_CONSECUTIVE;
  policy->enforce_gateway =
      from->has_consecutive_gateway_errors && from->consecutive_gateway_errors > 0;
  policy->split_local = from->split_external_local_origin_errors;
  policy->interval_ms = from->has_interval_ms ? from->interval_ms : BALANCE_INTERVAL_MS;
  policy->base_ms =
      from->has_base_ejection_time_ms ? from->base_ejection_time_ms : BALANCE_EJECTION_MS;
  policy->max_ms =
      policy->base_ms > BALANCE_EJECTION_MAX_MS ? policy->base_ms : BALANCE_EJECTION_MAX_MS;
  policy->max_percent = from->max_ejection_percent > 0 ? (uint32_t)from->max_ejection_percent
                                                       : BALANCE_EJECTION_PERCENT;
  if (from->http_error_codes_count > 0) {
    policy->codes = arena_dup(builder->arena, from->http_error_codes,
                              from->http_error_codes_count * sizeof *from->http_error_codes);
    policy->code_count = from->http_error_codes_count;
  }
  return policy;
}

static enum table_balancer balancer_of(const struct dr_load_balancer *load_balancer) {
  switch (load_balancer ? load_balancer->simple : DR_LB_UNSET) {
  case DR_LB_ROUND_ROBIN: return TABLE_ROUND_ROBIN;
  case DR_LB_RANDOM: return TABLE_RANDOM;
  case DR_LB_UNSET:
  case DR_LB_UNSPECIFIED:
  case DR_LB_LEAST_CONN:
  case DR_LB_LEAST_REQUEST:
  case DR_LB_PASSTHROUGH: break; // reported: there is no original destination here
  }
  return TABLE_LEAST_REQUEST;
}

static struct str cookie_tail(struct builder *builder, const struct dr_cookie *cookie) {
  struct buf text;
  buf_init(&text, 65536);
  if (cookie->ttl_ms >= 1000)
    (void)buf_addf(&text, "; Max-Age=%lld", (long long)(cookie->ttl_ms / 1000));
  if (cookie->path.len)
    (void)buf_addf(&text, "; Path=%.*s", STR_ARG(cookie->path));
  for (size_t i = 0; i < cookie->attributes_count; i++) {
    const struct dr_cookie_attribute *attribute = &cookie->attributes[i];
    (void)buf_addf(&text, "; %.*s%s%.*s", STR_ARG(attribute->name), attribute->value.len ? "=" : "",
                   STR_ARG(attribute->value));
  }
  (void)buf_add_z(&text, "; HttpOnly");
  struct str tail = arena_str(builder->arena, buf_str(&text));
  // What is a header's value must not end it.
  char *bytes = arena_dup(builder->arena, tail.ptr, tail.len + 1);
  for (size_t i = 0; i < tail.len; i++)
    bytes[i] = (unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f ? ' ' : bytes[i];
  tail.ptr = bytes;
  buf_dispose(&text);
  return tail;
}

static uint32_t ring_size(const struct dr_consistent_hash *from) {
  int64_t size = from->ring_hash ? from->ring_hash->minimum_ring_size : from->minimum_ring_size;
  if (size <= 0)
    return HASH_RING_DEFAULT;
  return size < HASH_RING_MAX ? (uint32_t)size : HASH_RING_MAX;
}

static const struct table_hash *hash_of(struct builder *builder,
                                        const struct dr_consistent_hash *from) {
  struct table_hash *hash = ARENA_NEW(builder->arena, struct table_hash);
  if (from->http_cookie) {
    hash->key = TABLE_HASH_COOKIE;
    hash->name = arena_str(builder->arena, from->http_cookie->name);
    hash->makes_cookie = from->http_cookie->has_ttl_ms;
    hash->cookie_tail = cookie_tail(builder, from->http_cookie);
  } else if (from->http_header_name.len) {
    hash->key = TABLE_HASH_HEADER;
    hash->name = table_lower(builder->arena, from->http_header_name);
  } else if (from->use_source_ip) {
    hash->key = TABLE_HASH_SOURCE_IP;
  } else if (from->http_query_parameter_name.len) {
    hash->key = TABLE_HASH_QUERY;
    hash->name = arena_str(builder->arena, from->http_query_parameter_name);
  } else {
    return NULL;
  }
  hash->is_maglev = from->maglev != NULL;
  hash->size = ring_size(from);
  if (hash->is_maglev)
    hash->size =
        from->maglev->table_size > 1 ? (uint32_t)from->maglev->table_size : HASH_MAGLEV_DEFAULT;
  return hash;
}

static const struct table_warmup *warmup_of(struct builder *builder,
                                            const struct dr_load_balancer *from,
                                            const struct table_cluster *cluster) {
  int64_t duration_ms = from->warmup ? from->warmup->duration_ms : from->warmup_duration_ms;
  if (duration_ms <= 0 || cluster->balancer == TABLE_RANDOM || cluster->hash)
    return NULL;
  struct table_warmup *warmup = ARENA_NEW(builder->arena, struct table_warmup);
  warmup->duration_ms = duration_ms;
  warmup->minimum = (from->warmup ? from->warmup->minimum_percent : 10) / 100;
  warmup->aggression = from->warmup ? from->warmup->aggression : 1;
  return warmup;
}

// Until when there is a new endpoint among these.
static void finish_warmup(struct builder *builder, struct table_cluster *cluster) {
  struct table_warmup *warmup = arena_dup(builder->arena, cluster->warmup, sizeof *warmup);
  for (size_t i = 0; i < cluster->endpoint_count; i++) {
    int64_t warm_ms = cluster->endpoints[i].since_ms + warmup->duration_ms;
    if (warm_ms > warmup->until_ms)
      warmup->until_ms = warm_ms;
  }
  cluster->warmup = warmup;
}

// A ring of the table before, when it was made of the same.
static struct hash_ring *take_over_ring(struct builder *builder, struct table_cluster *cluster,
                                        const struct hash_host *hosts, size_t count) {
  const struct table_hash *hash = cluster->hash;
  const struct table_cluster *old =
      builder->input->previous ? table_find_cluster(builder->input->previous, cluster->id) : NULL;
  if (!old || !old->ring ||
      old->ring->signature != hash_ring_signature(hash->is_maglev, hash->size, hosts, count))
    return NULL;
  return hash_ring_ref(old->ring);
}

// A file cannot make a proxy spend its memory on rings: beyond the budget they are small.
static void fit_budget(struct builder *builder, struct table_cluster *cluster) {
  uint32_t least = cluster->hash->is_maglev ? BALANCE_SMALL_MAGLEV : HASH_RING_DEFAULT;
  if (cluster->hash->size <= least ||
      builder->ring_places + cluster->hash->size <= BALANCE_RING_BUDGET)
    return;
  struct table_hash *hash = arena_dup(builder->arena, cluster->hash, sizeof *hash);
  hash->size = least;
  cluster->hash = hash;
  findings_add(&builder->table->findings, FINDING_WARNING, STR(""), 0, STR(""), "ring-size",
               "%.*s: all rings together have more than %u places; this one is made with %u",
               STR_ARG(cluster->id), BALANCE_RING_BUDGET, least);
}

static void make_ring(struct builder *builder, struct table_cluster *cluster) {
  fit_budget(builder, cluster);
  const struct table_hash *hash = cluster->hash;
  struct hash_host *hosts =
      ARENA_ARRAY(&builder->scratch, struct hash_host, cluster->endpoint_count);
  size_t count = 0;
  for (size_t i = 0; i < cluster->endpoint_count; i++) {
    const struct table_endpoint *endpoint = &cluster->endpoints[i];
    if (table_is_first(cluster, endpoint))
      hosts[count++] = (struct hash_host){endpoint->key, endpoint->weight, (uint32_t)i};
  }
  cluster->ring = take_over_ring(builder, cluster, hosts, count);
  if (!cluster->ring)
    cluster->ring = hash_ring_new(hash->is_maglev, hash->size, hosts, count);
  builder->ring_places += cluster->ring->count;
}

void table_finish_balance(struct builder *builder, struct table_cluster *cluster) {
  for (size_t i = 1; i < cluster->endpoint_count; i++)
    cluster->is_weighted |= cluster->endpoints[i].weight != cluster->endpoints[0].weight;
  if (cluster->warmup)
    finish_warmup(builder, cluster);
  if (cluster->balancer == TABLE_RANDOM) // by definition without weights
    cluster->is_weighted = false;
  if (cluster->hash)
    make_ring(builder, cluster);
}

void table_set_balance(struct builder *builder, const struct part_blocks *blocks,
                       struct table_cluster *cluster) {
  cluster->balancer = balancer_of(blocks->load_balancer);
  if (blocks->load_balancer) {
    if (blocks->load_balancer->consistent_hash)
      cluster->hash = hash_of(builder, blocks->load_balancer->consistent_hash);
    cluster->warmup = warmup_of(builder, blocks->load_balancer, cluster);
  }
  if (!blocks->outlier)
    return;
  cluster->outlier = outlier_policy_of(builder, blocks->outlier);
  cluster->panic_percent = (uint32_t)blocks->outlier->min_health_percent;
}
