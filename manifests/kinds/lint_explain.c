// SPDX-License-Identifier: Apache-2.0
// What policies do in Istio that their names or many examples do not say (docs/dataplane.md 7).
// Only information: nothing here is wrong.
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/http_route.h"
#include "manifests/kinds/lint_rules.h"
#include "manifests/kinds/virtual_service.h"
#include "manifests/text/duration.h"

#define OUTLIER_INTERVAL_MS 10000
#define OUTLIER_EJECTION_MS 30000

#define tell(check, id, field, ...) check_add((check), FINDING_INFO, (id), (field), __VA_ARGS__)

static const char *join(struct check *check, const char *base, const char *rest) {
  return arena_printf(check->arena, "%s.%s", base, rest).ptr;
}

static void explain_fault(const struct vs_http *http, size_t index, struct check *check) {
  const struct vs_fault *fault = http->fault;
  if (fault->delay && fault->delay->has_fixed_delay_ms)
    tell(check, "delay-before-timeout", check_index(check, "spec.http", index, ".fault.delay"),
         "requests wait before the route's own timeout and perTryTimeout begin: it is the timeout "
         "of the caller that this tests");
  if (fault->abort)
    tell(check, "abort-not-retried", check_index(check, "spec.http", index, ".fault.abort"),
         "answered by the proxy itself: its own retries and outlier detection do not see it, only "
         "the caller does");
}

static void explain_retries(const struct vs_http *http, size_t index, struct check *check) {
  const struct vs_retries *retries = http->retries;
  if (retries->has_retry_remote_localities)
    tell(check, "retry-remote-localities",
         check_index(check, "spec.http", index, ".retries.retryRemoteLocalities"),
         "is about endpoints of other localities; no field of Istio looks at methods");
  if (retries->attempts > 0)
    tell(check, "retry-attempts", check_index(check, "spec.http", index, ".retries.attempts"),
         "%lld retries behind the first try: up to %lld tries", (long long)retries->attempts,
         (long long)retries->attempts + 1);
}

static void explain_virtual_service(struct lint *lint, const struct lint_object *object) {
  const struct virtual_service_spec *spec = &((const struct virtual_service *)object->object)->spec;
  struct check check = lint_check(lint, object);
  for (size_t i = 0; i < spec->http_count; i++) {
    const struct vs_http *http = &spec->http[i];
    if (http->fault)
      explain_fault(http, i, &check);
    if (http->retries)
      explain_retries(http, i, &check);
  }
}

static void explain_outlier(struct check *check, const char *base,
                            const struct dr_outlier *outlier) {
  int64_t interval = outlier->has_interval_ms ? outlier->interval_ms : OUTLIER_INTERVAL_MS;
  int64_t ejection =
      outlier->has_base_ejection_time_ms ? outlier->base_ejection_time_ms : OUTLIER_EJECTION_MS;
  struct str each = duration_format(check->arena, ejection);
  struct str sweep = duration_format(check->arena, interval);
  tell(check, "ejection-time", join(check, base, "outlierDetection"),
       "an endpoint is ejected for %.*s times the number of its ejections, and comes back with the "
       "next sweep, every %.*s",
       STR_ARG(each), STR_ARG(sweep));
  if (outlier->consecutive_errors && !outlier->has_consecutive_5xx_errors)
    tell(check, "effective-5xx-errors", join(check, base, "outlierDetection.consecutiveErrors"),
         "what counts is consecutive5xxErrors, by default 5");
  if (outlier->has_consecutive_gateway_errors && outlier->consecutive_gateway_errors > 0)
    tell(check, "independent-counters",
         join(check, base, "outlierDetection.consecutiveGatewayErrors"),
         "counts 502, 503 and 504 beside consecutive5xxErrors, which counts them, too; whichever "
         "is reached first ejects");
}

static void explain_pool(struct check *check, const char *base,
                         const struct dr_connection_pool *pool) {
  const struct dr_http_pool *http = pool->http;
  if (pool->tcp && pool->tcp->max_connections)
    tell(check, "connections-queue", join(check, base, "connectionPool.tcp.maxConnections"),
         "further requests wait for a connection; refused (503 UO) are those beyond "
         "http1MaxPendingRequests or http2MaxRequests");
  if (http && http->http1_max_pending_requests)
    tell(check, "pending-cold-burst",
         join(check, base, "connectionPool.http.http1MaxPendingRequests"),
         "holds for both protocols, and requests also wait while connections are being opened: a "
         "cold burst of more than %lld is refused in part",
         (long long)http->http1_max_pending_requests);
  if (http && http->h2_upgrade_policy == DR_H2_UPGRADE)
    tell(check, "h2-prior-knowledge", join(check, base, "connectionPool.http.h2UpgradePolicy"),
         "in Istio UPGRADE speaks HTTP/2 to the backend without asking first; one that knows "
         "HTTP/1 only breaks");
}

static void explain_hash(struct check *check, const char *base,
                         const struct dr_consistent_hash *hash) {
  if (hash->http_header_name.len)
    tell(check, "hash-without-key", join(check, base, "loadBalancer.consistentHash.httpHeaderName"),
         "requests without %.*s go to a random endpoint", STR_ARG(hash->http_header_name));
  if (hash->http_cookie && hash->http_cookie->has_ttl_ms)
    tell(check, "hash-cookie-is-set", join(check, base, "loadBalancer.consistentHash.httpCookie"),
         "a request without the cookie %.*s gets one from the proxy (HttpOnly, Max-Age as the ttl)",
         STR_ARG(hash->http_cookie->name));
}

static void explain_policy(struct check *check, const char *base,
                           const struct dr_connection_pool *pool, const struct dr_outlier *outlier,
                           const struct dr_load_balancer *balancer) {
  if (outlier)
    explain_outlier(check, base, outlier);
  if (pool)
    explain_pool(check, base, pool);
  if (balancer && balancer->consistent_hash)
    explain_hash(check, base, balancer->consistent_hash);
}

static void explain_traffic(struct check *check, const char *base,
                            const struct dr_traffic_policy *policy) {
  explain_policy(check, base, policy->connection_pool, policy->outlier_detection,
                 policy->load_balancer);
  for (size_t i = 0; i < policy->port_level_settings_count; i++) {
    const struct dr_port_policy *port = &policy->port_level_settings[i];
    explain_policy(check, check_index(check, join(check, base, "portLevelSettings"), i, ""),
                   port->connection_pool, port->outlier_detection, port->load_balancer);
  }
}

static void explain_destination_rule(struct lint *lint, const struct lint_object *object) {
  const struct destination_rule_spec *spec =
      &((const struct destination_rule *)object->object)->spec;
  struct check check = lint_check(lint, object);
  if (spec->traffic_policy)
    explain_traffic(&check, "spec.trafficPolicy", spec->traffic_policy);
  for (size_t i = 0; i < spec->subsets_count; i++)
    if (spec->subsets[i].traffic_policy)
      explain_traffic(&check, check_index(&check, "spec.subsets", i, ".trafficPolicy"),
                      spec->subsets[i].traffic_policy);
}

static void explain_uuid(const struct route_header *headers, size_t count, const char *list,
                         size_t rule, size_t filter, struct check *check) {
  for (size_t i = 0; i < count; i++)
    if (str_eq_z(headers[i].value, "${UUID}"))
      tell(check, "uuid-extension",
           arena_printf(check->arena, "spec.rules[%zu].filters[%zu].requestHeaderModifier.%s[%zu]",
                        rule, filter, list, i)
               .ptr,
           "becomes the request's id, an extension of this proxy (--literal-uuid turns it off); "
           "Istio sends it as it stands");
}

// Every rule has a match: where none is written it is the path prefix "/".
static bool takes_all(const struct http_route_rule *rule) {
  for (size_t i = 0; i < rule->matches_count; i++) {
    const struct http_route_match *match = &rule->matches[i];
    bool any_path = match->path.type != HTTP_ROUTE_PATH_EXACT &&
                    match->path.type != HTTP_ROUTE_PATH_REGEX &&
                    (!match->path.value.len || str_eq_z(match->path.value, "/"));
    if (any_path && !match->headers_count && !match->query_params_count && !match->method.len)
      return true;
  }
  return rule->matches_count == 0;
}

static void explain_http_route(struct lint *lint, const struct lint_object *object) {
  const struct http_route_spec *spec = &((const struct http_route *)object->object)->spec;
  struct check check = lint_check(lint, object);
  for (size_t i = 0; i < spec->rules_count; i++) {
    const struct http_route_rule *rule = &spec->rules[i];
    if (!spec->hostnames_count && takes_all(rule))
      tell(&check, "takes-the-rest", check_index(&check, "spec.rules", i, ""),
           "without hostnames and matches it takes every request of its Gateway that no other "
           "route takes");
    for (size_t f = 0; f < rule->filters_count; f++) {
      const struct route_header_modifier *modifier = rule->filters[f].request_header_modifier;
      if (!modifier)
        continue;
      explain_uuid(modifier->set, modifier->set_count, "set", i, f, &check);
      explain_uuid(modifier->add, modifier->add_count, "add", i, f, &check);
    }
  }
}

void lint_explain(struct lint *lint) {
  const struct lint_object *object;
  for (size_t i = 0; (object = lint_next(lint, &virtual_service_kind, &i));)
    explain_virtual_service(lint, object);
  for (size_t i = 0; (object = lint_next(lint, &destination_rule_kind, &i));)
    explain_destination_rule(lint, object);
  for (size_t i = 0; (object = lint_next(lint, &http_route_kind, &i));)
    explain_http_route(lint, object);
}
