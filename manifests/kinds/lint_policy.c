// SPDX-License-Identifier: Apache-2.0
// Habits of traffic policies: circuit breakers and outlier detection that can never act.
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/lint_rules.h"
#include "manifests/kinds/service.h"

#define NEVER_REACHED 65536 // more than the ports of one address: no limit any more
#define EJECTION_DEFAULT 10 // percent, when maxEjectionPercent is not given

static const char *join(struct check *check, const char *base, const char *rest) {
  return arena_printf(check->arena, "%s.%s", base, rest).ptr;
}

static void check_limit(struct check *check, const char *base, const char *field, int64_t limit) {
  if (limit >= NEVER_REACHED)
    check_warn(check, "circuit-never-opens", join(check, base, field),
               "%lld is never reached, so it protects nothing; measure and set a limit a little "
               "above the peak",
               (long long)limit);
}

static void check_pool(struct check *check, const char *base,
                       const struct dr_connection_pool *pool) {
  static const struct dr_tcp_pool no_tcp = {0};
  static const struct dr_http_pool no_http = {0};
  const struct dr_tcp_pool *tcp = pool->tcp ? pool->tcp : &no_tcp;
  const struct dr_http_pool *http = pool->http ? pool->http : &no_http;
  check_limit(check, base, "connectionPool.tcp.maxConnections", tcp->max_connections);
  check_limit(check, base, "connectionPool.http.http1MaxPendingRequests",
              http->http1_max_pending_requests);
  check_limit(check, base, "connectionPool.http.http2MaxRequests", http->http2_max_requests);
  if (tcp->max_connections && !http->http1_max_pending_requests && !http->http2_max_requests)
    check_warn(check, "circuit-never-opens", join(check, base, "connectionPool.tcp.maxConnections"),
               "alone it only makes requests wait; without http1MaxPendingRequests or "
               "http2MaxRequests none is ever refused");
}

// How many endpoints the host has, by the Deployments among the files; -1: not known.
static int64_t endpoints_of(struct lint *lint, const struct lint_object *object) {
  struct str rest = object->host, name, ns;
  if (!str_next(&rest, '.', &name) || !str_next(&rest, '.', &ns))
    return -1;
  const struct lint_object *found = lint_find(lint, &service_kind, ns, name);
  if (!found)
    return -1;
  const struct service *service = found->object;
  return service->spec.selector.count ? lint_replicas(lint, ns, &service->spec.selector) : -1;
}

static void check_ejection(struct check *check, const char *base, const struct dr_outlier *outlier,
                           int64_t endpoints) {
  int64_t percent =
      outlier->max_ejection_percent ? outlier->max_ejection_percent : EJECTION_DEFAULT;
  const char *field = join(check, base,
                           outlier->max_ejection_percent ? "outlierDetection.maxEjectionPercent"
                                                         : "outlierDetection");
  int64_t needed = (100 + percent - 1) / percent;
  if (endpoints >= 0 && endpoints < needed)
    check_warn(check, "ejection-impossible", field,
               "of %lld endpoints none is ever ejected with maxEjectionPercent %lld; that takes at "
               "least %lld endpoints",
               (long long)endpoints, (long long)percent, (long long)needed);
  else if (endpoints < 0 && !outlier->max_ejection_percent)
    check_warn(check, "ejection-impossible", field,
               "without maxEjectionPercent at most 10 %% are ejected: none where there are fewer "
               "than 10 endpoints");
  if (outlier->min_health_percent > 0)
    check_add(check, FINDING_INFO, "panic-threshold",
              join(check, base, "outlierDetection.minHealthPercent"),
              "does not keep endpoints from being ejected: below %lld %% healthy ones all get "
              "traffic again, also the ejected",
              (long long)outlier->min_health_percent);
}

static void check_policy(struct check *check, const char *base,
                         const struct dr_traffic_policy *policy, int64_t endpoints) {
  if (policy->connection_pool)
    check_pool(check, base, policy->connection_pool);
  if (policy->outlier_detection)
    check_ejection(check, base, policy->outlier_detection, endpoints);
  for (size_t i = 0; i < policy->port_level_settings_count; i++) {
    const struct dr_port_policy *port = &policy->port_level_settings[i];
    const char *name = check_index(check, join(check, base, "portLevelSettings"), i, "");
    if (port->connection_pool)
      check_pool(check, name, port->connection_pool);
    if (port->outlier_detection)
      check_ejection(check, name, port->outlier_detection, endpoints);
  }
}

static bool has_outlier(const struct dr_traffic_policy *policy) {
  if (!policy)
    return false;
  for (size_t i = 0; i < policy->port_level_settings_count; i++)
    if (policy->port_level_settings[i].outlier_detection)
      return true;
  return policy->outlier_detection != NULL;
}

static void check_protection(const struct destination_rule_spec *spec, struct check *check) {
  bool policy = spec->traffic_policy != NULL, outlier = has_outlier(spec->traffic_policy);
  for (size_t i = 0; i < spec->subsets_count; i++) {
    policy |= spec->subsets[i].traffic_policy != NULL;
    outlier |= has_outlier(spec->subsets[i].traffic_policy);
  }
  if (!policy)
    check_warn(check, "no-circuit-breaker", "spec",
               "no trafficPolicy: neither limits nor outlier detection protect this host");
  else if (!outlier)
    check_warn(check, "no-outlier-detection", "spec.trafficPolicy",
               "no outlierDetection: an endpoint that only answers errors keeps its traffic");
}

void lint_destination_rule(struct lint *lint, const struct lint_object *object) {
  const struct destination_rule *rule = object->object;
  const struct destination_rule_spec *spec = &rule->spec;
  struct check check = lint_check(lint, object);
  check_protection(spec, &check);
  if (spec->traffic_policy)
    check_policy(&check, "spec.trafficPolicy", spec->traffic_policy, endpoints_of(lint, object));
  for (size_t i = 0; i < spec->subsets_count; i++) {
    const struct dr_subset *subset = &spec->subsets[i];
    if (subset->traffic_policy)
      check_policy(&check, check_index(&check, "spec.subsets", i, ".trafficPolicy"),
                   subset->traffic_policy, lint_replicas(lint, object->ns, &subset->labels));
  }
}
