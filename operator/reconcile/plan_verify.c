// SPDX-License-Identifier: Apache-2.0
// In force: what the proxies, the parents of a Gateway API route or the measured requests say of
// the asked weight. A step counts from here on; a rollback does not wait for it.
#include "manifests/text/duration.h"
#include "operator/reconcile/pass.h"
#include "operator/traffic/weights.h"

// --- Serin's own proxies, by their Leases ---

static struct str serving_key(const struct pass *pass, const char *kind,
                              const struct json *object) {
  return arena_printf(pass->arena, "%s/%.*s/%.*s", kind,
                      STR_ARG(json_path_string(object, "metadata.namespace")),
                      STR_ARG(json_path_string(object, "metadata.name")));
}

#define BY_GENERATION STR("generation:")

// `wanted`: the resourceVersion. Of kinds whose status is written by others a proxy tells the
// generation it serves instead.
static bool serves(const struct pass *pass, const struct proxy *proxy, const char *kind,
                   const struct json *object, struct str wanted) {
  struct str has = json_string(json_get_s(proxy->serving, serving_key(pass, kind, object)));
  int64_t a, b;
  if (str_starts(has, BY_GENERATION))
    return str_to_i64(str_slice(has, BY_GENERATION.len, has.len), &a) &&
           a >= json_int(json_path(object, "metadata.generation"), INT64_MAX);
  if (str_to_i64(has, &a) && str_to_i64(wanted, &b))
    return a >= b;
  return !str_is_empty(has) && str_eq(has, wanted);
}

static const char *kind_of(const struct route_object *route) {
  return router_kind(route->ref.router)->kind;
}

// That in which the route was first seen as asked: what its parents write into its status since
// makes new ones that proxies need not serve.
static struct str revision_wanted(const struct pass *pass, size_t index) {
  struct str rest = pass->status->weight.revision, part = STR_NULL;
  for (size_t i = 0; i <= index; i++)
    if (!str_next(&rest, ',', &part))
      part = STR_NULL;
  return str_is_empty(part)
             ? json_path_string(pass->snap->routes[index].object, "metadata.resourceVersion")
             : part;
}

static bool serves_all(const struct pass *pass, const struct proxy *proxy) {
  for (size_t i = 0; i < pass->snap->routes_count; i++)
    if (!serves(pass, proxy, kind_of(&pass->snap->routes[i]), pass->snap->routes[i].object,
                revision_wanted(pass, i)))
      return false;
  const struct json *rule = pass->snap->rule;
  return !rule || serves(pass, proxy, "DestinationRule", rule,
                         json_path_string(rule, "metadata.resourceVersion"));
}

static bool knows_any(const struct pass *pass, const struct proxy *proxy) {
  for (size_t i = 0; i < pass->snap->routes_count; i++)
    if (json_get_s(proxy->serving, serving_key(pass, kind_of(&pass->snap->routes[i]),
                                               pass->snap->routes[i].object)))
      return true;
  return false;
}

// Who has to say that the weight is in force.
struct witnesses {
  size_t serving, proxies; // of ours: that serve it as it is now, that carry this traffic at all
  bool waits, says;        // parents of a Gateway API route that are not ours
};

static struct witnesses witnesses_of(const struct pass *pass) {
  struct witnesses w = {0};
  bool knows = false;
  for (size_t i = 0; i < pass->snap->routes_count; i++) {
    struct route_target target = traffic_target(pass, i);
    enum route_word word = router_word(&target, false);
    w.says |= word != ROUTE_SAYS_NOTHING;
    w.waits |= word == ROUTE_NOT_YET;
  }
  for (size_t i = 0; i < pass->snap->proxies_count; i++) {
    w.serving += serves_all(pass, &pass->snap->proxies[i]);
    knows |= knows_any(pass, &pass->snap->proxies[i]);
  }
  // Another gateway's route is nothing that proxies of ours would ever serve.
  w.proxies = w.says && !knows ? 0 : pass->snap->proxies_count;
  if (w.proxies == 0)
    w.serving = 0;
  return w;
}

// --- the requests as measured (Istio) ---

static bool is_observed(const struct pass *pass) {
  const struct judgement *judgement = &pass->snap->judgement;
  return judgement->seen_since_ms == pass->status->weight.written_at &&
         judgement->seen_since_ms > 0 &&
         weights_agree(pass_asked(pass), judgement->seen_canary, judgement->seen_all);
}

static bool is_proven(const struct pass *pass, const struct witnesses *w) {
  if (w->proxies > 0)
    return w->serving == w->proxies && !w->waits;
  return w->says ? !w->waits : is_observed(pass);
}

bool traffic_is_known(const struct pass *pass) {
  struct witnesses w = witnesses_of(pass);
  return w.serving == w.proxies && !w.waits;
}

// --- the step ---

bool traffic_is_verified(const struct pass *pass) {
  return pass->status->weight.verified_at > 0;
}

struct str traffic_awaited(struct pass *pass) {
  struct witnesses w = witnesses_of(pass);
  if (w.waits)
    return STR("the route's parents to say that they serve it as it is now");
  return w.proxies > 0 ? pass_text(pass, "%zu of %zu proxies to serve the weight",
                                   w.proxies - w.serving, w.proxies)
                       : STR("the measured share to agree with the weight");
}

static struct str found(struct pass *pass, const struct witnesses *w, bool is_proven) {
  const struct judgement *judgement = &pass->snap->judgement;
  struct str canary = pass->status->weight.canary;
  if (w->proxies > 0)
    return pass_text(pass, "%zu of %zu proxies serve canary %.*s %%%s", w->serving, w->proxies,
                     STR_ARG(canary), w->waits ? "; another parent has not seen the route" : "");
  if (w->says)
    return is_proven ? STR("the route's parents serve it as it is now")
                     : STR("a parent of the route has not said that it serves it as it is now");
  if (is_proven)
    return pass_text(pass, "%.0f of %.0f requests went to the canary, asked %.*s %%",
                     judgement->seen_canary, judgement->seen_all, STR_ARG(canary));
  return judgement->seen_since_ms == pass->status->weight.written_at && judgement->seen_all > 0
             ? pass_text(pass,
                         "no proxy of ours tells what it serves; %.0f of %.0f requests went to "
                         "the canary, asked %.*s %%",
                         judgement->seen_canary, judgement->seen_all, STR_ARG(canary))
             : STR("no proxy of ours tells what it serves, and no requests were measured since");
}

static void verified(struct pass *pass, bool is_proven, const struct witnesses *w) {
  struct rollout_weight_status *weight = &pass->status->weight;
  struct str words = found(pass, w, is_proven);
  weight->verified_at = pass->now;
  if (pass->status->step.verified_at == 0)
    pass->status->step.verified_at = pass->now;
  pass_progress(pass);
  pass->again = true;
  condition_set(pass, "WeightUnverified", is_proven ? ROLLOUT_FALSE : ROLLOUT_TRUE,
                is_proven ? "Verified" : "NotAcknowledged", words);
  if (!is_proven)
    pass_decide(pass, (struct rollout_decision){
                          .warning = true,
                          .reason = STR("WeightUnverified"),
                          .asked = pass_text(pass, "canary %.*s %%", STR_ARG(weight->canary)),
                          .measured = pass_text(pass, "after %s: %.*s",
                                                duration_words(pass->arena, PASS_ACK_MS).ptr,
                                                STR_ARG(words)),
                          .next = STR("the step goes on, unverified")});
}

static struct str revisions(struct pass *pass) {
  struct str all = STR_NULL;
  for (size_t i = 0; i < pass->snap->routes_count; i++) {
    struct str one = json_path_string(pass->snap->routes[i].object, "metadata.resourceVersion");
    all = i == 0 ? one : pass_text(pass, "%.*s,%.*s", STR_ARG(all), STR_ARG(one));
  }
  return all;
}

void traffic_verify(struct pass *pass) {
  struct rollout_weight_status *weight = &pass->status->weight;
  if (str_is_empty(weight->canary) || !traffic_is_written(pass))
    return;
  if (weight->written_at == 0)
    weight->written_at = pass->now;
  if (str_is_empty(weight->revision))
    weight->revision = revisions(pass);
  if (pass->status->release && !pass->status->release->first &&
      pass->status->release->traffic_at == 0 && pass->snap->form != ROLLOUT_FORM_WORKLOAD)
    return; // nothing was asked of the proxies yet
  struct witnesses w = witnesses_of(pass);
  weight->acknowledged =
      w.proxies > 0 ? pass_text(pass, "%zu/%zu", w.serving, w.proxies) : STR_NULL;
  if (traffic_is_verified(pass))
    return;
  if (is_proven(pass, &w))
    verified(pass, true, &w);
  else if (pass->now >= weight->written_at + PASS_ACK_MS)
    verified(pass, false, &w);
  else
    pass_wake(pass, weight->written_at + PASS_ACK_MS);
}
