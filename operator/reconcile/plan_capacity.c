// SPDX-License-Identifier: Apache-2.0
// The weight never exceeds what the ready canary replicas can carry.
#include "operator/reconcile/pass.h"

#define RESCALE_MS 2000   // doubled each time somebody takes replicas back,
#define RESCALE_DOUBLED 5 // so often at most

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t share_of(int64_t parts, int64_t replicas) {
  return (parts * replicas + ROLLOUT_FULL - 1) / ROLLOUT_FULL;
}

// Its share of the stable's replicas, and at least what its own manifest says.
int64_t capacity_need(const struct pass *pass, int64_t parts) {
  int64_t own = pass->snap->form == ROLLOUT_FORM_PAIR && pass->status->canary
                    ? pass->status->canary->replicas
                    : 1;
  return larger(larger(own, 1), share_of(parts, workload_stable_replicas(pass)));
}

// The first weight at or after a step; what is asked when there is none.
static int64_t next_weight(const struct pass *pass, int64_t index) {
  for (size_t i = (size_t)index; i < pass->spec->steps_count; i++)
    if (pass->spec->steps[i].has_set_weight)
      return rollout_step_parts(&pass->spec->steps[i]);
  return pass_asked(pass);
}

// A deploy step up to here may ask for more than the weights do.
static int64_t deployed(const struct pass *pass, int64_t index) {
  int64_t most = 0;
  for (size_t i = 0; i <= (size_t)index && i < pass->spec->steps_count; i++)
    if (pass->spec->steps[i].deploy)
      most = larger(most, rollout_deploy_replicas(pass->spec->steps[i].deploy,
                                                  workload_stable_replicas(pass)));
  return most;
}

// What the current step needs.
static int64_t wanted(const struct pass *pass) {
  int64_t index = pass->status->step.index;
  const struct rollout_step *step =
      (size_t)index < pass->spec->steps_count ? &pass->spec->steps[index] : NULL;
  int64_t count = larger(capacity_need(pass, pass_asked(pass)), deployed(pass, index));
  if (step && step->has_set_weight)
    count = larger(count, capacity_need(pass, rollout_step_parts(step)));
  if (step && step->deploy && rollout_deploy_replicas(step->deploy, 1) < 0)
    count = larger(count, capacity_need(pass, next_weight(pass, index)));
  return count;
}

// --- a pair's canary is a Deployment of somebody: an autoscaler without load to go by, or Git, may
// take back what was added for the next weight. It is asked for again, less and less often ---

static void say_taken_back(struct pass *pass, const struct workload *w, int64_t count) {
  pass_decide(pass, (struct rollout_decision){
                        .warning = true,
                        .reason = STR("ReplicasTakenBack"),
                        .asked = pass_text(pass, "%lld replicas of Deployment %.*s",
                                           (long long)count, STR_ARG(w->name)),
                        .measured = pass_text(pass, "somebody scaled it to %lld again",
                                              (long long)w->replicas),
                        .next = pass_text(pass,
                                          "asked for again, at most once a minute; an autoscaler "
                                          "needs minReplicas of at least %lld for it",
                                          (long long)count)});
}

static bool may_scale(struct pass *pass, const struct workload *w, int64_t count) {
  struct rollout_release *release = pass->status->release;
  if (pass->snap->form != ROLLOUT_FORM_PAIR || !release)
    return true;
  if (release->had_replicas >= count && release->asked_again == 0) {
    release->asked_again = 1;
    release->asked_again_at = pass->now;
    say_taken_back(pass, w, count);
  }
  if (release->asked_again == 0)
    return true;
  int64_t doubled = release->asked_again < RESCALE_DOUBLED ? release->asked_again : RESCALE_DOUBLED;
  int64_t again = release->asked_again_at + (RESCALE_MS << doubled);
  if (pass->now < again) {
    pass_wake(pass, again);
    return false;
  }
  release->asked_again++;
  release->asked_again_at = pass->now;
  return true;
}

struct str capacity_words(struct pass *pass) {
  const struct rollout_release *release = pass->status->release;
  if (!release || release->asked_again == 0)
    return STR("");
  return pass_text(pass, "; somebody takes added ones back, asked for again %lld times",
                   (long long)release->asked_again - 1);
}

void capacity_scale(struct pass *pass) {
  const struct rollout_identity *canary = pass->status->canary;
  const struct workload *w = pass_workload(pass, canary->deployment);
  struct rollout_release *release = pass->status->release;
  int64_t count = wanted(pass);
  if (w && w->replicas >= count && release && pass->snap->form == ROLLOUT_FORM_PAIR)
    release->had_replicas = larger(release->had_replicas, count);
  if (w && w->replicas < count && may_scale(pass, w, count))
    workload_scale(pass, canary->deployment, count, "the canary's next weight");
  else if (!w && pass->snap->form != ROLLOUT_FORM_PAIR && original_may_create(pass))
    workload_create(pass, canary, count);
}

bool capacity_deployed(const struct pass *pass, int64_t *ret_ready, int64_t *ret_wanted) {
  const struct workload *w = pass_workload(pass, pass->status->canary->deployment);
  *ret_ready = w ? w->ready : 0;
  *ret_wanted = wanted(pass);
  return *ret_ready >= *ret_wanted;
}

bool capacity_allows(struct pass *pass, int64_t parts) {
  const struct workload *w = pass_workload(pass, pass->status->canary->deployment);
  return w && w->ready >= capacity_need(pass, parts);
}

// --- replicas that went away ---

static bool carries(const struct pass *pass, int64_t serving, int64_t parts) {
  return parts == 0 || (serving > 0 && serving >= share_of(parts, workload_stable_replicas(pass)));
}

// The greatest weight of the steps so far that so few replicas carry.
static int64_t bearable(const struct pass *pass, int64_t serving, int64_t asked) {
  int64_t best = 0;
  for (size_t i = 0; i < (size_t)pass->status->step.index && i < pass->spec->steps_count; i++) {
    int64_t parts =
        pass->spec->steps[i].has_set_weight ? rollout_step_parts(&pass->spec->steps[i]) : 0;
    if (parts < asked && carries(pass, serving, parts))
      best = larger(best, parts);
  }
  return best;
}

static int64_t raise_step(const struct pass *pass, int64_t asked) {
  for (size_t i = 0; i < pass->spec->steps_count; i++)
    if (pass->spec->steps[i].has_set_weight && rollout_step_parts(&pass->spec->steps[i]) == asked)
      return (int64_t)i;
  return 0;
}

void capacity_watch(struct pass *pass) {
  int64_t asked = pass_asked(pass);
  const struct workload *w = pass_workload(pass, pass->status->canary->deployment);
  int64_t serving = w ? w->serving : 0;
  const struct rollout_condition *since = rollout_condition_find(pass->status, "CapacityShort");
  if (carries(pass, serving, asked)) {
    if (since && since->status == ROLLOUT_TRUE && !str_eq_z(pass->status->reason, "CapacityShort"))
      condition_set(pass, "CapacityShort", ROLLOUT_FALSE, "Enough",
                    pass_text(pass, "%lld ready", (long long)serving));
    return;
  }
  struct str message = pass_text(
      pass, "%lld canary replicas are ready, %lld carry %s %%", (long long)serving,
      (long long)share_of(asked, workload_stable_replicas(pass)), pass_percent(pass, asked).ptr);
  bool is_new = !since || since->status != ROLLOUT_TRUE;
  condition_set(pass, "CapacityShort", ROLLOUT_TRUE, "ReplicasLost", message);
  int64_t patience = serving == 0 ? 0 : PASS_SHORT_MS;
  int64_t from = is_new ? pass->now : since->last_transition_time;
  if (pass->now < from + patience) {
    pass_wake(pass, from + patience);
    return;
  }
  int64_t lower = bearable(pass, serving, asked);
  pass_decide(pass,
              (struct rollout_decision){
                  .warning = true,
                  .reason = STR("CapacityShort"),
                  .asked = pass_text(pass, "canary %s %%", pass_percent(pass, asked).ptr),
                  .measured = message,
                  .next = pass_text(pass, "the weight goes down to %s %% until they are ready",
                                    pass_percent(pass, lower).ptr)});
  steps_enter(pass, raise_step(pass, asked));
  traffic_ask(pass, lower);
}
