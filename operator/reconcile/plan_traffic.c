// SPDX-License-Identifier: Apache-2.0
// The routes: what is asked (status) against what is written (VirtualServices, an HTTPRoute, a
// GRPCRoute). Several objects are written as if each were the only one; what is said of them
// together is in pass->split.
#include "manifests/text/percent.h"
#include "operator/reconcile/pass.h"

// Between releases the side of the pair that does not serve stays without traffic.
static struct str other_of_pair(const struct rollout_spec *spec, struct str serving) {
  struct str stable = router_stable_name(spec), canary = router_canary_name(spec);
  return str_eq(canary, serving) ? stable : canary;
}

static size_t former_count(const struct rollout_former *former) {
  return former ? former->names_count + former->made_count : 0;
}

// What served in the form before has the traffic until what serves in this one does.
static void add_former(const struct rollout_former *former, struct route_target *target,
                       struct str *old) {
  for (size_t i = 0; i < former_count(former); i++) {
    struct str name =
        i < former->names_count ? former->names[i] : former->made[i - former->names_count];
    if (!str_eq(name, target->stable) && !str_eq(name, target->canary) &&
        !str_eq(name, target->host)) // which names no version here
      old[target->old_count++] = name;
  }
  target->takes_bare |= former && former->bare;
}

struct route_target traffic_target(const struct pass *pass, size_t index) {
  const struct rollout_status *status = pass->status;
  const struct rollout_gateway_route_ref *gateway = router_gateway_ref(&pass->spec->traffic);
  bool pair = pass->snap->form == ROLLOUT_FORM_PAIR;
  struct route_target target = {.ref = pass->snap->routes[index].ref,
                                .object = pass->snap->routes[index].object,
                                .ns = pass->snap->rollout->metadata.namespace_,
                                .host = gateway ? gateway->stable_service
                                                : json_path_string(pass->snap->rule, "spec.host"),
                                .takes_bare = !pair && pass->snap->form != ROLLOUT_FORM_NONE};
  if (status->stable)
    target.stable = status->stable->subset;
  if (status->canary)
    target.canary = status->canary->subset;
  else if (pair)
    target.canary = other_of_pair(pass->spec, target.stable);
  // What a version of ours is called is ours for good; what is neither stable nor canary any more
  // goes.
  struct str *old = ARENA_ARRAY(pass->arena, struct str,
                                pass->snap->workloads_count + status->retired_count +
                                    former_count(status->former) + 2);
  target.old = old;
  add_former(status->former, &target, old);
  if (pair || !target.takes_bare)
    return target;
  if (original_is_bare(pass)) { // as it was found: without subset
    if (status->stable)
      old[target.old_count++] = status->stable->subset;
    target.stable = STR_NULL;
  }
  for (size_t i = 0; i < status->retired_count; i++) {
    struct str name = status->retired[i].subset;
    if (!str_eq(name, target.stable) && !str_eq(name, target.canary))
      old[target.old_count++] = name;
  }
  for (size_t i = 0; i < pass->snap->workloads_count; i++) {
    struct str name = pass->snap->workloads[i].name;
    bool is_original = pass->snap->form == ROLLOUT_FORM_WORKLOAD &&
                       str_eq(name, pass->spec->workload_ref->name); // no version's name
    if (!is_original && !str_eq(name, target.stable) && !str_eq(name, target.canary))
      old[target.old_count++] = name;
  }
  return target;
}

static bool is_hands_off(const struct json *object) {
  return str_eq_z(json_get_string(json_path(object, "metadata.annotations"), ROLLOUT_HANDS_OFF),
                  "true");
}

bool traffic_is_there(const struct pass *pass) {
  bool any = false;
  for (size_t i = 0; i < pass->snap->routes_count; i++)
    any |= pass->snap->routes[i].object != NULL;
  return any && (pass->snap->rule || router_names_services(&pass->spec->traffic));
}

static bool is_all_there(const struct pass *pass) {
  for (size_t i = 0; i < pass->snap->routes_count; i++)
    if (!pass->snap->routes[i].object)
      return false;
  return traffic_is_there(pass);
}

static void join(struct route_split *all, const struct route_split *one, bool first) {
  if (first) {
    *all = *one;
    return;
  }
  if (all->problem == ROUTE_FINE) {
    all->problem = one->problem;
    all->message = one->message;
  }
  all->routes += one->routes;
  all->canary_max = one->canary_max > all->canary_max ? one->canary_max : all->canary_max;
  all->canary_min = one->canary_min < all->canary_min ? one->canary_min : all->canary_min;
  all->has_stable &= one->has_stable;
  all->has_canary |= one->has_canary;
  all->timeout_ms = one->timeout_ms > all->timeout_ms ? one->timeout_ms : all->timeout_ms;
}

void traffic_load(struct pass *pass) {
  pass->hands_off = is_hands_off(pass->snap->rule);
  pass->has_split = false;
  for (size_t i = 0; i < pass->snap->routes_count; i++)
    pass->hands_off |= is_hands_off(pass->snap->routes[i].object);
  if (!traffic_is_there(pass) || !pass->status->stable)
    return;
  for (size_t i = 0; i < pass->snap->routes_count; i++) {
    if (!pass->snap->routes[i].object)
      continue;
    struct route_target target = traffic_target(pass, i);
    router_read(&target, pass->arena, &pass->splits[i]);
    join(&pass->split, &pass->splits[i], !pass->has_split);
    pass->has_split = true;
  }
}

// Whether everything in all routes goes to the version of this name already.
bool traffic_is_all_on(struct pass *pass, struct str name) {
  for (size_t i = 0; i < pass->snap->routes_count; i++) {
    struct route_target target = traffic_target(pass, i);
    struct route_split split;
    target.stable = STR("-"); // no version is called so
    target.canary = name;
    target.old_count = 0;
    if (!target.object)
      return false;
    router_read(&target, pass->arena, &split);
    if (split.problem != ROUTE_FINE || split.canary_min != ROLLOUT_FULL)
      return false;
  }
  return is_all_there(pass);
}

// --- what stands in the way ---

static const char *missing_problem(struct pass *pass, struct str *ret_message) {
  const struct rollout_gateway_route_ref *gateway = router_gateway_ref(&pass->spec->traffic);
  for (size_t i = 0; i < pass->snap->routes_count; i++)
    if (!pass->snap->routes[i].object) {
      *ret_message = pass_text(pass, "%s %.*s does not exist",
                               router_kind(pass->snap->routes[i].ref.router)->kind,
                               STR_ARG(pass->snap->routes[i].ref.name));
      return "RouteNotFound";
    }
  if (!gateway && !pass->snap->rule) {
    *ret_message = pass_text(pass, "DestinationRule %.*s does not exist",
                             STR_ARG(pass->spec->traffic.destination_rule));
    return "DestinationRuleNotFound";
  }
  if (gateway && !snapshot_service(pass->snap, gateway->stable_service)) {
    *ret_message = pass_text(pass, "Service %.*s does not exist", STR_ARG(gateway->stable_service));
    return "ServiceNotFound";
  }
  return NULL;
}

static const char *shadow_problem(struct pass *pass, const struct route_target *target,
                                  struct str *ret_message) {
  const struct json *shadow =
      router_shadow(target, pass->snap->all_routes, pass->snap->all_routes_count, pass->arena);
  bool istio = !router_names_services(&pass->spec->traffic);
  if (!shadow)
    return NULL;
  *ret_message =
      pass_text(pass, "%s %.*s/%.*s is older and takes %s before %.*s does: merge the two",
                router_kind(target->ref.router)->kind,
                STR_ARG(json_path_string(shadow, "metadata.namespace")),
                STR_ARG(json_path_string(shadow, "metadata.name")),
                istio ? "the host" : "the same hostname and match", STR_ARG(target->ref.name));
  return istio ? "VirtualServiceShadowed" : "RouteShadowed";
}

static const char *route_problem(struct pass *pass, struct str *ret_message) {
  const char *reason = NULL;
  for (size_t i = 0; i < pass->snap->routes_count && !reason; i++) {
    struct route_target target = traffic_target(pass, i);
    reason = shadow_problem(pass, &target, ret_message);
    if (!reason)
      reason = router_refusal(&target, pass->arena, ret_message);
  }
  return reason;
}

const char *traffic_problem(struct pass *pass, struct str *ret_message) {
  const char *reason = missing_problem(pass, ret_message);
  if (!reason)
    reason = route_problem(pass, ret_message);
  if (!reason && !original_is_bare(pass)) // as they were found, routes name no version
    reason = traffic_version_problem(pass, pass->status->stable, ret_message);
  if (!reason)
    reason = traffic_version_problem(pass, pass->status->canary, ret_message);
  if (reason || !pass->has_split || pass->split.problem == ROUTE_FINE)
    return reason;
  *ret_message = pass->split.message;
  return pass->split.problem == ROUTE_AMBIGUOUS ? "RouteAmbiguous" : "RouteNotUsable";
}

void traffic_ask(struct pass *pass, int64_t parts) {
  struct rollout_weight_status *weight = &pass->status->weight;
  if (pass_asked(pass) != parts || str_is_empty(weight->canary)) {
    weight->canary = pass_percent(pass, parts);
    weight->stable = pass_percent(pass, ROLLOUT_FULL - parts);
    weight->written_at = weight->verified_at = 0;
    weight->revision = weight->acknowledged = STR_NULL;
    weight->observed = STR_NULL;
    pass->again = true;
  }
}

// At the end the stable's destination is not wanted any more. Asked of what status says, not of
// what this pass decides.
static bool is_decommissioning(const struct rollout_status *status) {
  return status->release && str_eq_z(status->step.name, "decommission");
}

// --- writing ---

static enum route_drop drop_of(const struct pass *pass, int64_t parts) {
  if (pass->snap->form == ROLLOUT_FORM_WORKLOAD)
    return ROUTE_DROP_NONE; // the stable's destination gets its traffic back
  if (pass->leaving && pass->snap->form == ROLLOUT_FORM_TEMPLATE && pass->status->canary)
    return ROUTE_DROP_CANARY; // its Deployment goes with the Rollout
  bool ends = is_decommissioning(pass->status) && is_decommissioning(&pass->snap->rollout->status);
  return ends && parts == ROLLOUT_FULL ? ROUTE_DROP_STABLE : ROUTE_DROP_NONE;
}

struct json *traffic_patch(const struct pass *pass, size_t index, int64_t parts) {
  struct route_target target = traffic_target(pass, index);
  if (!target.object)
    return NULL;
  if (str_is_empty(target.canary))
    parts = 0;
  return router_patch(&target, parts, drop_of(pass, parts), pass->arena);
}

static void write_route(struct pass *pass, size_t index, const struct json *patch, int64_t parts) {
  const struct route_object *route = &pass->snap->routes[index];
  const struct route_split *split = &pass->splits[index];
  bool drops = drop_of(pass, parts) == ROUTE_DROP_STABLE, lowers = parts < split->canary_max;
  pass_act(pass, lowers && !drops ? PLAN_LOWER_ROUTE : PLAN_PATCH_ROUTE, route->ref.name, patch,
           drops ? STR("the stable's destination goes out")
                 : pass_text(pass, "canary %s %%, was %s %%", pass_percent(pass, parts).ptr,
                             pass_percent(pass, split->canary_max).ptr));
  pass->plan->actions[pass->plan->count - 1].of = router_kind(route->ref.router);
}

bool traffic_names_nothing(const struct pass *pass) {
  return pass->has_split && pass->split.problem == ROUTE_MISSING && !pass->split.has_stable &&
         !pass->split.has_canary && pass->split.canary_max == 0;
}

bool traffic_is_written(const struct pass *pass) {
  if (!pass->has_split || pass->split.problem != ROUTE_FINE || !is_all_there(pass))
    return false;
  for (size_t i = 0; i < pass->snap->routes_count; i++)
    if (traffic_patch(pass, i, pass_asked(pass)))
      return false;
  return true;
}

// --- somebody else writes ---

#define CONTENTION_WINDOW_MS (10 * 60 * 1000)
#define CONTENTION_SOME 3

static bool is_round(int64_t count) { // 1, 3, 10, 30, 100 ...: when it is worth a line
  while (count >= 10 && count % 10 == 0)
    count /= 10;
  return count == 1 || count == CONTENTION_SOME;
}

static void contention_count(struct pass *pass) {
  struct rollout_status *status = pass->status;
  struct rollout_contention *seen = ARENA_NEW(pass->arena, struct rollout_contention);
  if (status->contention && pass->now - status->contention->last_at < CONTENTION_WINDOW_MS)
    *seen = *status->contention;
  else
    seen->first_at = pass->now;
  seen->count++;
  seen->last_at = pass->now;
  if (!str_is_empty(pass->snap->foreign_manager))
    seen->manager = pass->snap->foreign_manager;
  status->contention = seen;
  if (status->weight.verified_at == 0)
    status->weight.revision = STR_NULL; // the route gets another one by being put right
  struct str manager = str_is_empty(seen->manager) ? STR("somebody else") : seen->manager;
  if (is_round(seen->count))
    pass_decide(pass,
                (struct rollout_decision){
                    .warning = true,
                    .reason = STR("Contended"),
                    .asked = pass_text(pass, "canary %.*s %%", STR_ARG(status->weight.canary)),
                    .measured = pass_text(pass, "%s %% in the route, written by %.*s, %lld times",
                                          pass_percent(pass, pass->split.canary_max).ptr,
                                          STR_ARG(manager), (long long)seen->count),
                    .next = STR("the weights are put right at once")});
}

static void contention_expire(struct pass *pass) {
  const struct rollout_contention *seen = pass->status->contention;
  if (!seen)
    return;
  if (pass->now - seen->last_at >= CONTENTION_WINDOW_MS) {
    pass->status->contention = NULL;
    return;
  }
  // The name comes with the reply to our own repair, so after the count.
  if (!str_is_empty(pass->snap->foreign_manager) &&
      !str_eq(seen->manager, pass->snap->foreign_manager)) {
    struct rollout_contention *named = arena_dup(pass->arena, seen, sizeof(*seen));
    named->manager = pass->snap->foreign_manager;
    pass->status->contention = named;
  }
  pass_wake(pass, pass->status->contention->last_at + CONTENTION_WINDOW_MS);
}

// Right after a start a route that shows less than asked may be the work of a rollback whose status
// was not written any more. The first judgement tells; until then nothing is raised again.
static bool may_be_half_a_rollback(const struct pass *pass, int64_t asked) {
  return pass->snap->just_started && pass->status->release &&
         pass->status->release->traffic_at > 0 && pass->snap->judgement.at_ms == 0 &&
         pass->split.canary_min < asked;
}

// What the route may say after this pass: a raise waits until status says it, a decrease does not.
// Where the traffic goes back to a Deployment that took the version over nothing presses: status
// first, or a crash in between would have it given and taken.
static int64_t writable(const struct pass *pass) {
  int64_t before = 0, now = pass_asked(pass);
  const struct rollout_status *was = &pass->snap->rollout->status;
  bool same =
      was->release && pass->status->release && str_eq(was->release->id, pass->status->release->id);
  bool hands_back = pass->snap->form == ROLLOUT_FORM_WORKLOAD && is_decommissioning(was) &&
                    is_decommissioning(pass->status);
  if (same && percent_parse_parts(was->weight.canary, &before) && (before < now || hands_back))
    return before;
  return same || now == 0 ? now : 0;
}

#define NAMED_MS 3000

// Workload form: a route names the stable's subset only when that is there, and when it comes to
// name it for the first time, when all proxies know it.
static bool may_name_stable(struct pass *pass) {
  if (pass->snap->form != ROLLOUT_FORM_WORKLOAD || original_is_bare(pass))
    return true;
  if (!original_can_name(pass))
    return false;
  const struct rollout_release *release = pass->status->release;
  bool is_first = release && release->traffic_at == 0 && pass->status->step.index == 0;
  if (!is_first || pass->split.has_stable || pass->split.canary_max > 0)
    return true;
  // A Service of its own is of use when its endpoints are known, too.
  int64_t known = pass->status->step.started_at + NAMED_MS;
  if (router_names_services(&pass->spec->traffic) && pass->now < known) {
    pass_wake(pass, known);
    return false;
  }
  if (traffic_is_known(pass))
    return true;
  int64_t end = pass->status->step.started_at + PASS_ACK_MS;
  pass_wake(pass, end);
  return pass->now >= end;
}

void traffic_write(struct pass *pass) {
  const struct rollout_weight_status *was = &pass->snap->rollout->status.weight;
  contention_expire(pass);
  if (!pass->has_split || str_is_empty(pass->status->weight.canary) || pass->hands_off ||
      pass->keeps_route || !may_name_stable(pass))
    return;
  if (!pass->snap->rollout->status.stable && pass->status->release)
    return; // a first version takes the route only when status says that it is the stable one
  int64_t parts = writable(pass);
  bool counted = false;
  for (size_t i = 0; i < pass->snap->routes_count; i++) {
    const struct json *patch = traffic_patch(pass, i, parts);
    if (!patch || (pass->spec->suspend && parts >= pass->splits[i].canary_max))
      continue;
    if (may_be_half_a_rollback(pass, parts)) {
      pass_wake(pass, pass->now + 1000);
      return;
    }
    if (!counted && pass->status->weight.written_at > 0 && was->written_at > 0 &&
        parts == pass_asked(pass))
      contention_count(pass);
    counted = true;
    write_route(pass, i, patch, parts);
  }
}

int64_t traffic_drain_ms(const struct pass *pass) {
  int64_t longest = pass->has_split ? pass->split.timeout_ms : 0;
  if (longest < PASS_DRAIN_MS)
    longest = PASS_DRAIN_MS;
  return longest > PASS_DRAIN_MAX_MS ? PASS_DRAIN_MAX_MS : longest;
}
