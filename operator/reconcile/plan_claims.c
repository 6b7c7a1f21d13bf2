// SPDX-License-Identifier: Apache-2.0
// Two Rollouts that would set the weights of one route, or release one Deployment: the older has
// it, and the younger says so and moves nothing.
#include "operator/reconcile/pass.h"
#include "operator/traffic/virtual_service.h"

static bool is_older(const struct object_meta *a, const struct object_meta *b) {
  if (a->creation_timestamp_ms != b->creation_timestamp_ms)
    return a->creation_timestamp_ms < b->creation_timestamp_ms;
  return str_cmp(a->name, b->name) < 0;
}

// --- Deployments ---

static size_t deployments_of(const struct rollout_spec *spec, struct str names[3]) {
  size_t count = 0;
  if (spec->stable)
    names[count++] = spec->stable->deployment;
  if (spec->canary)
    names[count++] = spec->canary->deployment;
  if (spec->workload_ref)
    names[count++] = spec->workload_ref->name;
  return count;
}

static struct str shared_deployment(const struct rollout_spec *a, const struct rollout_spec *b) {
  struct str of_a[3], of_b[3];
  size_t count_a = deployments_of(a, of_a), count_b = deployments_of(b, of_b);
  for (size_t i = 0; i < count_a; i++)
    for (size_t j = 0; j < count_b; j++)
      if (str_eq(of_a[i], of_b[j]))
        return of_a[i];
  return STR_NULL;
}

// --- routes ---

static bool name_one(const struct route_ref *a, const struct route_ref *b) {
  if (a->routes_count + a->tls_count + a->tcp_count == 0 ||
      b->routes_count + b->tls_count + b->tcp_count == 0)
    return true; // one of them takes what it finds
  if ((a->tls_count && b->tls_count) || (a->tcp_count && b->tcp_count))
    return true;
  for (size_t i = 0; i < a->routes_count; i++)
    for (size_t j = 0; j < b->routes_count; j++)
      if (str_eq(a->routes[i], b->routes[j]))
        return true;
  return false;
}

static struct str host_of(const struct pass *pass, const struct rollout_spec *spec) {
  for (size_t i = 0; i < pass->snap->rules_count; i++)
    if (str_eq(json_path_string(pass->snap->rules[i], "metadata.name"),
               spec->traffic.destination_rule) &&
        str_eq(json_path_string(pass->snap->rules[i], "metadata.namespace"),
               pass->snap->rollout->metadata.namespace_))
      return vs_full_host(json_path_string(pass->snap->rules[i], "spec.host"),
                          pass->snap->rollout->metadata.namespace_, pass->arena);
  return STR_NULL;
}

// Several Rollouts may share a route object, each with a service of its own in it.
static bool share_backends(const struct pass *pass, const struct rollout_spec *a,
                           const struct rollout_spec *b) {
  if (!router_names_services(&a->traffic))
    return str_eq(a->traffic.destination_rule, b->traffic.destination_rule) ||
           (!str_is_empty(host_of(pass, a)) && str_eq(host_of(pass, a), host_of(pass, b)));
  const struct rollout_gateway_route_ref *x = router_gateway_ref(&a->traffic),
                                         *y = router_gateway_ref(&b->traffic);
  return str_eq(x->stable_service, y->stable_service) ||
         str_eq(x->stable_service, y->canary_service) ||
         str_eq(x->canary_service, y->stable_service) ||
         (!str_is_empty(x->canary_service) && str_eq(x->canary_service, y->canary_service));
}

static const struct route_ref *shared_route(const struct pass *pass, const struct rollout_spec *a,
                                            const struct rollout_spec *b, struct route_ref *ret) {
  struct route_ref of_a[ROUTER_REFS_MAX], of_b[ROUTER_REFS_MAX];
  size_t count_a = router_refs(&a->traffic, of_a), count_b = router_refs(&b->traffic, of_b);
  for (size_t i = 0; i < count_a; i++)
    for (size_t j = 0; j < count_b; j++)
      if (of_a[i].router == of_b[j].router && str_eq(of_a[i].name, of_b[j].name) &&
          name_one(&of_a[i], &of_b[j]) && share_backends(pass, a, b)) {
        *ret = of_a[i];
        return ret;
      }
  return NULL;
}

const char *claims_problem(struct pass *pass, struct str *ret_message) {
  const struct rollout *ours = pass->snap->rollout;
  for (size_t i = 0; i < pass->snap->rivals_count; i++) {
    const struct rollout *rival = pass->snap->rivals[i];
    struct route_ref route;
    if (str_eq(rival->metadata.name, ours->metadata.name) ||
        rival->metadata.deletion_timestamp_ms > 0 || !is_older(&rival->metadata, &ours->metadata))
      continue;
    struct str deployment = shared_deployment(&ours->spec, &rival->spec);
    if (shared_route(pass, &ours->spec, &rival->spec, &route)) {
      *ret_message = pass_text(
          pass, "Rollouts %.*s and %.*s both set the weights of %s %.*s: the older, %.*s, has it",
          STR_ARG(rival->metadata.name), STR_ARG(ours->metadata.name),
          router_kind(route.router)->kind, STR_ARG(route.name), STR_ARG(rival->metadata.name));
      return "RouteClaimed";
    }
    if (!str_is_empty(deployment)) {
      *ret_message = pass_text(
          pass, "Rollouts %.*s and %.*s both release Deployment %.*s: the older, %.*s, has it",
          STR_ARG(rival->metadata.name), STR_ARG(ours->metadata.name), STR_ARG(deployment),
          STR_ARG(rival->metadata.name));
      return "DeploymentClaimed";
    }
  }
  return NULL;
}
