// SPDX-License-Identifier: Apache-2.0
// Part of step 3 of table_build: what the blocks loadBalancer and outlierDetection of a
// DestinationRule make of a cluster (docs/dataplane.md 3.3, 3.4).
#include "proxy/outlier.h"
#include "proxy/table_parts.h"

#define BALANCE_CONSECUTIVE 5
#define BALANCE_INTERVAL_MS 10000
#define BALANCE_EJECTION_MS 30000
#define BALANCE_EJECTION_MAX_MS 300000
#define BALANCE_EJECTION_PERCENT 10

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

void table_set_balance(struct builder *builder, const struct part_blocks *blocks,
                       struct table_cluster *cluster) {
  cluster->balancer = balancer_of(blocks->load_balancer);
  if (!blocks->outlier)
    return;
  cluster->outlier = outlier_policy_of(builder, blocks->outlier);
  cluster->panic_percent = (uint32_t)blocks->outlier->min_health_percent;
}
