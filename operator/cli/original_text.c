// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/original_text.h"

struct telling {
  const struct rollout *rollout;
  const struct rollout_status *status;
  struct arena *arena;
  struct str name; // of the Deployment
};

static struct str version_of(const struct rollout_identity *identity) {
  return identity->version.len ? identity->version : identity->hash;
}

static bool serves_itself(const struct telling *t) {
  return str_eq(t->status->stable->deployment, t->name);
}

static bool is_handing_back(const struct telling *t) {
  return t->status->release && str_eq_z(t->status->step.name, "decommission");
}

static bool is_going_back(const struct telling *t) {
  return t->status->release && t->status->release->result.len > 0;
}

// --- now ---

static struct str paused(const struct telling *t) {
  return t->status->workload->paused ? STR("is paused and runs") : STR("runs");
}

static struct str now_in_release(const struct telling *t) {
  const struct rollout_identity *stable = t->status->stable, *canary = t->status->canary;
  if (is_handing_back(t) && !t->status->workload->paused)
    return arena_printf(t->arena, "%.*s rolls to %.*s without traffic; canary %.*s has it all",
                        STR_ARG(t->name), STR_ARG(version_of(canary)), STR_ARG(canary->deployment));
  if (is_handing_back(t) && serves_itself(t) && str_eq(stable->hash, canary->hash))
    return arena_printf(t->arena,
                        "%.*s runs %.*s and takes the traffic back from canary %.*s, %.*s %% so "
                        "far",
                        STR_ARG(t->name), STR_ARG(version_of(stable)), STR_ARG(canary->deployment),
                        STR_ARG(t->status->weight.stable));
  if (!serves_itself(t))
    return arena_printf(t->arena,
                        "%.*s has no traffic: %.*s serves %.*s, canary %.*s runs %.*s beside it",
                        STR_ARG(t->name), STR_ARG(stable->deployment), STR_ARG(version_of(stable)),
                        STR_ARG(canary->deployment), STR_ARG(version_of(canary)));
  return arena_printf(t->arena, "%.*s %.*s %.*s, canary %.*s runs %.*s beside it", STR_ARG(t->name),
                      STR_ARG(paused(t)), STR_ARG(version_of(stable)), STR_ARG(canary->deployment),
                      STR_ARG(version_of(canary)));
}

static struct str now_between(const struct telling *t) {
  const struct rollout_identity *stable = t->status->stable;
  if (!serves_itself(t))
    return arena_printf(t->arena, "%.*s has no traffic: %.*s serves %.*s", STR_ARG(t->name),
                        STR_ARG(stable->deployment), STR_ARG(version_of(stable)));
  return arena_printf(t->arena, "%.*s %.*s %.*s", STR_ARG(t->name), STR_ARG(paused(t)),
                      STR_ARG(version_of(stable)));
}

// --- next ---

static struct str next_in_release(const struct telling *t) {
  const struct rollout_identity *canary = t->status->canary;
  if (is_going_back(t))
    return arena_printf(t->arena, "%.*s goes, the pods of %.*s have not changed",
                        STR_ARG(canary->deployment), STR_ARG(t->name));
  if (is_handing_back(t))
    return arena_printf(t->arena, "%.*s gets all the traffic back, then %.*s goes",
                        STR_ARG(t->name), STR_ARG(canary->deployment));
  return arena_printf(t->arena,
                      "with all traffic on the canary %.*s rolls to %.*s, takes the traffic back, "
                      "and %.*s goes",
                      STR_ARG(t->name), STR_ARG(version_of(canary)), STR_ARG(canary->deployment));
}

static struct str next_between(const struct telling *t) {
  if (t->status->failed)
    return arena_printf(t->arena,
                        "another template of %.*s starts a release; the one it has "
                        "failed and is not tried again by itself",
                        STR_ARG(t->name));
  return arena_printf(t->arena, "a new template of %.*s starts a release", STR_ARG(t->name));
}

// --- to do ---

static bool is_true(const struct telling *t, const char *type) {
  const struct rollout_condition *condition = rollout_condition_find(t->status, type);
  return condition && condition->status == ROLLOUT_TRUE;
}

static struct str todo_of(const struct telling *t) {
  struct str rollout = t->rollout->metadata.name, ns = t->rollout->metadata.namespace_;
  const struct rollout_condition *stalled = rollout_condition_find(t->status, "Stalled");
  if (stalled && stalled->status == ROLLOUT_TRUE && str_eq_z(stalled->reason, "HandBackStuck"))
    return arena_printf(t->arena,
                        "find out why %.*s does not roll: kubectl -n %.*s describe deployment/%.*s",
                        STR_ARG(t->name), STR_ARG(ns), STR_ARG(t->name));
  if (t->status->failed && !t->status->release)
    return arena_printf(t->arena,
                        "set another image, or `serin undo %.*s -n %.*s` (the template of %.*s "
                        "again), or `serin retry %.*s -n %.*s`",
                        STR_ARG(rollout), STR_ARG(ns), STR_ARG(version_of(t->status->stable)),
                        STR_ARG(rollout), STR_ARG(ns));
  if (is_true(t, "RolledOutside") || t->status->workload->resumed > 1)
    return arena_printf(t->arena,
                        "leave spec.paused of %.*s to the operator: it was taken back %lld times "
                        "(leave it out of the manifest)",
                        STR_ARG(t->name), (long long)t->status->workload->resumed);
  if (t->status->phase == ROLLOUT_PAUSED && t->status->release)
    return arena_printf(t->arena,
                        "`serin promote %.*s -n %.*s` to go on, `serin abort %.*s -n %.*s` to go "
                        "back",
                        STR_ARG(rollout), STR_ARG(ns), STR_ARG(rollout), STR_ARG(ns));
  return STR_NULL;
}

struct original_text original_text(const struct rollout *rollout, struct arena *arena) {
  const struct rollout_workload_ref *ref = rollout->spec.workload_ref;
  struct telling t = {.rollout = rollout, .status = &rollout->status, .arena = arena};
  if (!ref)
    return (struct original_text){0};
  t.name = ref->name;
  if (!t.status->workload || !t.status->stable)
    return (struct original_text){
        .now = arena_printf(arena, "%.*s is not taken over yet", STR_ARG(t.name)),
        .next = STR("it is paused once it runs one version; that starts nothing")};
  bool releases = t.status->release && t.status->canary;
  return (struct original_text){.now = releases ? now_in_release(&t) : now_between(&t),
                                .next = releases ? next_in_release(&t) : next_between(&t),
                                .todo = todo_of(&t)};
}
