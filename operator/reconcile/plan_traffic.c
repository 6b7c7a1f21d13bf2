// SPDX-License-Identifier: Apache-2.0
// The route: what is asked (status) against what is written (the VirtualService) and what is in
// force (the proxies).
#include "manifests/text/duration.h"
#include "manifests/text/percent.h"
#include "operator/reconcile/pass.h"
#include "operator/traffic/destination_rule.h"
#include "operator/traffic/shadow.h"

// Between releases the side of the pair that does not serve stays without traffic.
static struct str other_of_pair(const struct rollout_spec *spec, struct str serving) {
  return str_eq(spec->canary->subset, serving) ? spec->stable->subset : spec->canary->subset;
}

static struct vs_target target_of(const struct pass *pass) {
  const struct rollout_status *status = pass->status;
  const struct rollout_virtual_service_ref *ref = pass->spec->traffic.virtual_service;
  bool template = pass->snap->form == ROLLOUT_FORM_TEMPLATE;
  struct vs_target target = {.object = pass->snap->service,
                             .ns = pass->snap->rollout->metadata.namespace_,
                             .host = json_path_string(pass->snap->rule, "spec.host"),
                             .takes_bare = template,
                             .routes = ref ? ref->routes : NULL,
                             .routes_count = ref ? ref->routes_count : 0};
  if (status->stable)
    target.stable = status->stable->subset;
  if (status->canary)
    target.canary = status->canary->subset;
  else if (!template && pass->snap->form == ROLLOUT_FORM_PAIR)
    target.canary = other_of_pair(pass->spec, target.stable);
  if (!template)
    return target;
  // In the template form a subset is ours for good; what is neither stable nor canary any more
  // goes.
  struct str *old = ARENA_ARRAY(pass->arena, struct str, pass->snap->workloads_count + 1);
  for (size_t i = 0; i < pass->snap->workloads_count; i++) {
    struct str name = pass->snap->workloads[i].name;
    if (!str_eq(name, target.stable) && !str_eq(name, target.canary))
      old[target.old_count++] = name;
  }
  target.old = old;
  return target;
}

static bool is_hands_off(const struct json *object) {
  return str_eq_z(json_get_string(json_path(object, "metadata.annotations"), ROLLOUT_HANDS_OFF),
                  "true");
}

void traffic_load(struct pass *pass) {
  pass->hands_off = is_hands_off(pass->snap->service) || is_hands_off(pass->snap->rule);
  pass->has_split = false;
  if (!pass->snap->service || !pass->snap->rule || !pass->status->stable)
    return;
  struct vs_target target = target_of(pass);
  vs_read(&target, pass->arena, &pass->split);
  pass->has_split = true;
}

// A route to a subset that is not there answers 503.
const char *traffic_subset_problem(struct pass *pass, const struct rollout_identity *identity,
                                   struct str *ret_message) {
  if (!identity || !pass->snap->rule || dr_has_subset(pass->snap->rule, identity->subset))
    return NULL;
  *ret_message =
      pass_text(pass, "DestinationRule %.*s has no subset %.*s",
                STR_ARG(pass->spec->traffic.destination_rule), STR_ARG(identity->subset));
  return "SubsetNotFound";
}

const char *traffic_problem(struct pass *pass, struct str *ret_message) {
  const struct rollout_traffic *traffic = &pass->spec->traffic;
  if (!pass->snap->service) {
    *ret_message =
        pass_text(pass, "VirtualService %.*s does not exist",
                  STR_ARG(traffic->virtual_service ? traffic->virtual_service->name : STR("")));
    return "RouteNotFound";
  }
  if (!pass->snap->rule) {
    *ret_message =
        pass_text(pass, "DestinationRule %.*s does not exist", STR_ARG(traffic->destination_rule));
    return "DestinationRuleNotFound";
  }
  const struct json *shadow = shadow_find(pass->snap->service, pass->snap->services,
                                          pass->snap->services_count, pass->arena);
  if (shadow) {
    *ret_message = pass_text(
        pass,
        "VirtualService %.*s/%.*s is older and takes the host before %.*s does: merge the two",
        STR_ARG(json_path_string(shadow, "metadata.namespace")),
        STR_ARG(json_path_string(shadow, "metadata.name")),
        STR_ARG(traffic->virtual_service->name));
    return "VirtualServiceShadowed";
  }
  const char *missing = traffic_subset_problem(pass, pass->status->stable, ret_message);
  if (!missing)
    missing = traffic_subset_problem(pass, pass->status->canary, ret_message);
  if (missing || !pass->has_split || pass->split.problem == VS_FINE)
    return missing;
  *ret_message = pass->split.message;
  return pass->split.problem == VS_AMBIGUOUS ? "RouteAmbiguous" : "RouteNotUsable";
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

static enum vs_drop drop_of(const struct pass *pass, int64_t parts) {
  bool ends = is_decommissioning(pass->status) && is_decommissioning(&pass->snap->rollout->status);
  return ends && parts == ROLLOUT_FULL ? VS_DROP_STABLE : VS_DROP_NONE;
}

static struct json *patch_to(const struct pass *pass, int64_t parts) {
  struct vs_target target = target_of(pass);
  if (str_is_empty(target.canary))
    parts = 0;
  return vs_patch(&target, parts, drop_of(pass, parts), pass->arena);
}

static void write_route(struct pass *pass, const struct json *patch, int64_t parts, bool lowers) {
  if (drop_of(pass, parts) == VS_DROP_STABLE) {
    pass_act(pass, PLAN_PATCH_ROUTE, pass->spec->traffic.virtual_service->name, patch,
             STR("the stable's destination goes out"));
    return;
  }
  pass_act(pass, lowers ? PLAN_LOWER_ROUTE : PLAN_PATCH_ROUTE,
           pass->spec->traffic.virtual_service->name, patch,
           pass_text(pass, "canary %s %%, was %s %%", pass_percent(pass, parts).ptr,
                     pass_percent(pass, pass->split.canary_max).ptr));
}

bool traffic_is_written(const struct pass *pass) {
  return pass->has_split && pass->split.problem == VS_FINE && !patch_to(pass, pass_asked(pass));
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
         pass->split.canary_max < asked;
}

// What the route may say after this pass: a raise waits until status says it, a decrease does not.
static int64_t writable(const struct pass *pass) {
  int64_t before = 0, now = pass_asked(pass);
  const struct rollout_status *was = &pass->snap->rollout->status;
  bool same =
      was->release && pass->status->release && str_eq(was->release->id, pass->status->release->id);
  if (same && percent_parse_parts(was->weight.canary, &before) && before < now)
    return before;
  return same || now == 0 ? now : 0;
}

void traffic_write(struct pass *pass) {
  const struct rollout_weight_status *was = &pass->snap->rollout->status.weight;
  contention_expire(pass);
  if (!pass->has_split || str_is_empty(pass->status->weight.canary))
    return;
  if (!pass->snap->rollout->status.stable && pass->status->release)
    return; // a first version takes the route only when status says that it is the stable one
  int64_t parts = writable(pass);
  const struct json *patch = patch_to(pass, parts);
  if (!patch || pass->hands_off || (pass->spec->suspend && parts >= pass->split.canary_max))
    return;
  if (may_be_half_a_rollback(pass, parts)) {
    pass_wake(pass, pass->now + 1000);
    return;
  }
  if (pass->status->weight.written_at > 0 && was->written_at > 0 && parts == pass_asked(pass))
    contention_count(pass);
  write_route(pass, patch, parts, parts < pass->split.canary_max);
}

// --- in force ---

static bool serves(const struct pass *pass, const struct proxy *proxy, const char *kind,
                   const struct json *object) {
  struct str ns = json_path_string(object, "metadata.namespace"),
             name = json_path_string(object, "metadata.name");
  struct str wanted = json_path_string(object, "metadata.resourceVersion");
  struct str key = arena_printf(pass->arena, "%s/%.*s/%.*s", kind, STR_ARG(ns), STR_ARG(name));
  struct str has = json_string(json_get_s(proxy->serving, key));
  int64_t a, b;
  if (str_to_i64(has, &a) && str_to_i64(wanted, &b))
    return a >= b;
  return !str_is_empty(has) && str_eq(has, wanted);
}

void traffic_acknowledged(const struct pass *pass, size_t *ret_serving, size_t *ret_all) {
  *ret_serving = 0;
  *ret_all = pass->snap->proxies_count;
  for (size_t i = 0; i < pass->snap->proxies_count; i++)
    *ret_serving += serves(pass, &pass->snap->proxies[i], "VirtualService", pass->snap->service) &&
                    serves(pass, &pass->snap->proxies[i], "DestinationRule", pass->snap->rule);
}

// Without proxies of ours (Istio): the share of the requests as measured must agree with what is
// asked.
static bool is_observed(const struct pass *pass) {
  double asked = (double)pass_asked(pass) / 100.0, off = pass->snap->judgement.observed - asked;
  return pass->snap->judgement.has_observed &&
         pass->snap->judgement.at_ms > pass->status->weight.written_at && off < 3.0 && off > -3.0;
}

bool traffic_is_verified(const struct pass *pass) {
  return pass->status->weight.verified_at > 0;
}

static void verified(struct pass *pass, bool is_proven, size_t serving, size_t all) {
  struct rollout_weight_status *weight = &pass->status->weight;
  weight->verified_at = pass->now;
  if (pass->status->step.verified_at == 0)
    pass->status->step.verified_at = pass->now;
  pass_progress(pass);
  pass->again = true;
  condition_set(pass, "WeightUnverified", is_proven ? ROLLOUT_FALSE : ROLLOUT_TRUE,
                is_proven ? "Verified" : "NotAcknowledged",
                all > 0 ? pass_text(pass, "%zu of %zu proxies serve canary %.*s %%", serving, all,
                                    STR_ARG(weight->canary))
                        : STR("no proxy of ours tells what it serves"));
  if (!is_proven)
    pass_decide(pass,
                (struct rollout_decision){
                    .warning = true,
                    .reason = STR("WeightUnverified"),
                    .asked = pass_text(pass, "canary %.*s %%", STR_ARG(weight->canary)),
                    .measured = pass_text(pass, "%zu of %zu proxies serve it after %s", serving,
                                          all, duration_words(pass->arena, PASS_ACK_MS).ptr),
                    .next = STR("the step goes on, unverified")});
}

void traffic_verify(struct pass *pass) {
  struct rollout_weight_status *weight = &pass->status->weight;
  if (str_is_empty(weight->canary) || !traffic_is_written(pass))
    return;
  if (weight->written_at == 0) {
    weight->written_at = pass->now;
    weight->revision = json_path_string(pass->snap->service, "metadata.resourceVersion");
  }
  if (pass->status->release && !pass->status->release->first &&
      pass->status->release->traffic_at == 0)
    return; // nothing was asked of the proxies yet
  size_t serving, all;
  traffic_acknowledged(pass, &serving, &all);
  weight->acknowledged = all > 0 ? pass_text(pass, "%zu/%zu", serving, all) : STR_NULL;
  if (traffic_is_verified(pass))
    return;
  if (all > 0 ? serving == all : is_observed(pass))
    verified(pass, true, serving, all);
  else if (pass->now >= weight->written_at + PASS_ACK_MS)
    verified(pass, false, serving, all);
  else
    pass_wake(pass, weight->written_at + PASS_ACK_MS);
}

int64_t traffic_drain_ms(const struct pass *pass) {
  int64_t longest = pass->has_split ? pass->split.timeout_ms : 0;
  if (longest < PASS_DRAIN_MS)
    longest = PASS_DRAIN_MS;
  return longest > PASS_DRAIN_MAX_MS ? PASS_DRAIN_MAX_MS : longest;
}
