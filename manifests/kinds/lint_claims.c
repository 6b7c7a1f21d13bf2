// SPDX-License-Identifier: Apache-2.0
// What Rollouts drive: two of them on one route or Deployment, routes that the own proxy does not
// serve, rules of an HTTPRoute that are not told apart.
#include "manifests/kinds/grpc_route.h"
#include "manifests/kinds/http_route.h"
#include "manifests/kinds/lint_rules.h"
#include "manifests/kinds/rollout.h"

static const struct rollout_spec *spec_of(const struct lint_object *object) {
  return &((const struct rollout *)object->object)->spec;
}

// --- two Rollouts ---

static size_t services_of(const struct rollout_traffic *traffic,
                          const struct rollout_virtual_service_ref **refs) {
  size_t count = 0;
  if (traffic->virtual_service)
    refs[count++] = traffic->virtual_service;
  for (size_t i = 0; i < traffic->virtual_services_count && count <= ROLLOUT_VIRTUAL_SERVICES_MAX;
       i++)
    refs[count++] = &traffic->virtual_services[i];
  return count;
}

// Names of http routes tell two Rollouts of one VirtualService apart.
static bool may_meet(const struct str *a, size_t count_a, const struct str *b, size_t count_b) {
  for (size_t i = 0; i < count_a; i++)
    for (size_t j = 0; j < count_b; j++)
      if (str_eq(a[i], b[j]))
        return true;
  return !count_a || !count_b;
}

static bool share_virtual_service(const struct rollout_traffic *a,
                                  const struct rollout_traffic *b) {
  const struct rollout_virtual_service_ref *of_a[ROLLOUT_VIRTUAL_SERVICES_MAX + 2],
      *of_b[ROLLOUT_VIRTUAL_SERVICES_MAX + 2];
  size_t count_a = services_of(a, of_a), count_b = services_of(b, of_b);
  for (size_t i = 0; i < count_a; i++)
    for (size_t j = 0; j < count_b; j++)
      if (str_eq(of_a[i]->name, of_b[j]->name) &&
          may_meet(of_a[i]->routes, of_a[i]->routes_count, of_b[j]->routes, of_b[j]->routes_count))
        return str_eq(a->destination_rule, b->destination_rule);
  return false;
}

static bool share_gateway_route(const struct rollout_gateway_route_ref *a,
                                const struct rollout_gateway_route_ref *b) {
  if (!a || !b || !str_eq(a->name, b->name) ||
      !may_meet(a->rules, a->rules_count, b->rules, b->rules_count))
    return false;
  return str_eq(a->stable_service, b->stable_service) ||
         str_eq(a->stable_service, b->canary_service) ||
         str_eq(a->canary_service, b->stable_service) ||
         (a->canary_service.len && str_eq(a->canary_service, b->canary_service));
}

static bool has_deployment(const struct rollout_spec *spec, struct str name) {
  return (spec->stable && str_eq(spec->stable->deployment, name)) ||
         (spec->canary && str_eq(spec->canary->deployment, name)) ||
         (spec->workload_ref && str_eq(spec->workload_ref->name, name));
}

static struct str shared_deployment(const struct rollout_spec *a, const struct rollout_spec *b) {
  if (a->stable && has_deployment(b, a->stable->deployment))
    return a->stable->deployment;
  if (a->canary && has_deployment(b, a->canary->deployment))
    return a->canary->deployment;
  return a->workload_ref && has_deployment(b, a->workload_ref->name) ? a->workload_ref->name
                                                                     : STR_NULL;
}

static void check_pair(struct lint *lint, const struct lint_object *object,
                       const struct lint_object *other) {
  const struct rollout_spec *a = spec_of(object), *b = spec_of(other);
  if (!str_eq(object->ns, other->ns) || str_eq(object->name, other->name))
    return;
  struct check check = lint_check(lint, object);
  struct str deployment = shared_deployment(a, b);
  if (share_virtual_service(&a->traffic, &b->traffic) ||
      share_gateway_route(a->traffic.http_route, b->traffic.http_route) ||
      share_gateway_route(a->traffic.grpc_route, b->traffic.grpc_route))
    check_warn(&check, "claimed", "spec.traffic",
               "%.*s sets the weights of the same route; the younger of the two will be Stalled",
               STR_ARG(lint_title(lint, other)));
  else if (deployment.len)
    check_warn(&check, "claimed", "spec",
               "%.*s releases the same Deployment %.*s; the younger of the two will be Stalled",
               STR_ARG(lint_title(lint, other)), STR_ARG(deployment));
}

// --- what the own proxy does not serve ---

static void check_served(const struct rollout_traffic *traffic, struct check *check) {
  const struct rollout_virtual_service_ref *refs[ROLLOUT_VIRTUAL_SERVICES_MAX + 2];
  size_t count = services_of(traffic, refs);
  if (traffic->grpc_route)
    check_warn(check, "not-enforced", "spec.traffic.grpcRoute",
               "Serin's own proxy does not serve GRPCRoutes yet: another gateway has to, such as "
               "Envoy Gateway or Istio");
  for (size_t i = 0; i < count; i++)
    if (refs[i]->tls_routes_count || refs[i]->tcp_routes_count) {
      check_warn(check, "not-enforced", "spec.traffic",
                 "Serin's own proxy does not serve tls and tcp routes: Istio's proxies have to");
      return;
    }
}

// --- rules ---

static bool names_service(const struct http_route_rule *rule, struct str name) {
  for (size_t i = 0; i < rule->backend_refs_count; i++)
    if (str_eq(rule->backend_refs[i].ref.name, name))
      return true;
  return false;
}

static void check_rules(struct lint *lint, const struct lint_object *object, struct check *check) {
  const struct rollout_gateway_route_ref *ref = spec_of(object)->traffic.http_route;
  const struct lint_object *found =
      ref ? lint_find(lint, &http_route_kind, object->ns, ref->name) : NULL;
  size_t serving = 0;
  if (!found || ref->rules_count)
    return;
  const struct http_route *route = found->object;
  for (size_t i = 0; i < route->spec.rules_count; i++)
    serving += names_service(&route->spec.rules[i], ref->stable_service);
  if (serving > 1)
    check_warn(check, "ambiguous-route", "spec.traffic.httpRoute.rules",
               "%zu rules of %.*s name the Service %.*s; say which are meant", serving,
               STR_ARG(lint_title(lint, found)), STR_ARG(ref->stable_service));
  if (serving == 0)
    check_warn(check, "unknown-route", "spec.traffic.httpRoute.stableService",
               "no rule of %.*s names the Service %.*s", STR_ARG(lint_title(lint, found)),
               STR_ARG(ref->stable_service));
}

void lint_claims(struct lint *lint) {
  const struct lint_object *object, *other;
  for (size_t i = 0; (object = lint_next(lint, &rollout_kind, &i));) {
    struct check check = lint_check(lint, object);
    check_served(&spec_of(object)->traffic, &check);
    check_rules(lint, object, &check);
    for (size_t j = 0; (other = lint_next(lint, &rollout_kind, &j)) && other != object;)
      check_pair(lint, object, other);
  }
}
