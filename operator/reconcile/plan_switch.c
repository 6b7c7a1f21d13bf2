// SPDX-License-Identifier: Apache-2.0
// The spec comes to name something else than what the Rollout took: another Deployment for
// workloadRef, or another form. What was taken is let go first, as if the Rollout were deleted;
// then it is forgotten, and what the spec names is taken up. What serves in the form before goes on
// serving until that has its traffic.
#include "operator/reconcile/pass.h"

// --- what is kept in status ---

void switch_remember(struct pass *pass) {
  struct rollout_status *status = pass->status;
  bool has = status->stable || status->canary || status->workload;
  if (pass->leaving || pass->snap->findings->errors > 0 || pass->snap->taken != TAKEN_SAME)
    return;
  struct rollout_taken *taken = NULL;
  if (has) {
    taken = ARENA_NEW(pass->arena, struct rollout_taken);
    taken->spec = taken_of(json_get(pass->snap->rollout_json, "spec"), pass->arena);
  }
  status->taken = taken;
}

// --- letting go ---

static struct str words_of(struct pass *pass, bool wanted) {
  const struct json *spec = json_get(pass->snap->rollout_json, "spec");
  const struct json *acted_on;
  if (!wanted) {
    (void)taken_apply(pass->snap->rollout_json, pass->arena, &acted_on);
    spec = json_get(acted_on, "spec");
  }
  return taken_words(spec, pass->arena);
}

// When it began, in status before anything is let go.
static int64_t leaving_since(struct pass *pass) {
  struct rollout_status *status = pass->status;
  if (status->taken && status->taken->leaving_at > 0)
    return status->taken->leaving_at;
  struct rollout_taken *taken = ARENA_NEW(pass->arena, struct rollout_taken);
  const struct json *acted_on;
  (void)taken_apply(pass->snap->rollout_json, pass->arena, &acted_on);
  taken->spec = taken_of(json_get(acted_on, "spec"), pass->arena);
  taken->leaving_at = pass->now;
  status->taken = taken;
  pass_progress(pass);
  pass_decide(pass, (struct rollout_decision){
                        .reason = STR("FormChanged"),
                        .measured = pass_text(pass, "the Rollout has %.*s, its spec names %.*s",
                                              STR_ARG(words_of(pass, false)),
                                              STR_ARG(words_of(pass, true))),
                        .next = STR("what it has is let go first")});
  return pass->now;
}

static void turn_back(struct pass *pass) {
  struct rollout_release *release = pass->status->release;
  struct str why =
      pass_text(pass, "the Rollout was changed to %.*s", STR_ARG(words_of(pass, true)));
  if (!release || !str_is_empty(release->result) ||
      str_eq_z(pass->status->step.name, "decommission"))
    return; // it ends, one way or the other
  if (!release->first) {
    rollback_begin(pass, "Superseded", "ReleaseLeft", why, STR_NULL);
    return;
  }
  release->reason = STR("ReleaseLeft"); // there is nothing to go back to
  release->message = why;
  release_finish(pass, "Superseded");
}

// --- forgetting ---

static void add(struct str *names, size_t *count, struct str name) {
  for (size_t i = 0; i < *count; i++)
    if (str_eq(names[i], name))
      return;
  if (!str_is_empty(name))
    names[(*count)++] = name;
}

// What the routes may still name, and what is ours to take away.
static struct rollout_former *former_of(struct pass *pass) {
  const struct rollout_status *status = pass->status;
  const struct rollout_former *older = status->former;
  const struct rollout_gateway_route_ref *gateway = router_gateway_ref(&pass->spec->traffic);
  struct rollout_former *former = ARENA_NEW(pass->arena, struct rollout_former);
  bool pair = pass->snap->form == ROLLOUT_FORM_PAIR;
  former->names = ARENA_ARRAY(pass->arena, struct str, (older ? older->names_count : 0) + 4);
  former->made = ARENA_ARRAY(pass->arena, struct str,
                             (older ? older->made_count : 0) + pass->snap->workloads_count + 1);
  for (size_t i = 0; older && i < older->names_count; i++)
    add(former->names, &former->names_count, older->names[i]);
  for (size_t i = 0; older && i < older->made_count; i++)
    add(former->made, &former->made_count, older->made[i]);
  if (pair) {
    add(former->names, &former->names_count, router_stable_name(pass->spec));
    add(former->names, &former->names_count, router_canary_name(pass->spec));
  } else if (gateway) {
    add(former->names, &former->names_count, gateway->stable_service);
  }
  former->bare = (older && older->bare) || (!pair && !gateway);
  bool bare = pass->snap->form == ROLLOUT_FORM_WORKLOAD && original_is_bare(pass) &&
              original_is(pass, status->stable); // no route names it
  if (status->stable && !bare)
    add(pair ? former->names : former->made, pair ? &former->names_count : &former->made_count,
        status->stable->subset);
  for (size_t i = 0; i < pass->snap->workloads_count && !pair; i++)
    if (original_of(pass) != &pass->snap->workloads[i])
      add(former->made, &former->made_count, pass->snap->workloads[i].name);
  return former;
}

// What is told of this form only.
static void drop_conditions(struct pass *pass) {
  static const char *const types[] = {"RolledOutside", "ContentTracked"};
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    const struct rollout_condition *old = rollout_condition_find(pass->status, types[i]);
    bool alarms = old && old->status == (i == 0 ? ROLLOUT_TRUE : ROLLOUT_FALSE);
    if (alarms)
      condition_set(pass, types[i], i == 0 ? ROLLOUT_FALSE : ROLLOUT_TRUE, "FormChanged", STR(""));
  }
}

static void forget(struct pass *pass) {
  struct rollout_status *status = pass->status;
  struct rollout_former *former = former_of(pass);
  drop_conditions(pass);
  status->former = former;
  status->stable = status->canary = NULL;
  status->release = NULL;
  status->failed = NULL;
  status->paused = NULL;
  status->workload = NULL;
  status->contention = NULL;
  status->taken = NULL;
  status->retired_count = status->metrics_count = 0;
  status->has_replicas = false;
  status->replicas = 0;
  status->selector = STR_NULL;
  status->judge = (struct rollout_judge_status){0};
  status->weight = (struct rollout_weight_status){0};
  status->step = (struct rollout_step_status){0};
  pass_decide(pass, (struct rollout_decision){
                        .reason = STR("LetGo"),
                        .measured = pass_text(pass, "%.*s: let go", STR_ARG(words_of(pass, false))),
                        .next = pass_text(pass, "the Rollout takes up %.*s",
                                          STR_ARG(words_of(pass, true)))});
  pass_progress(pass);
  pass_wait(pass, ROLLOUT_PENDING, "LetGo", 0, STR("the next look"));
  pass->again = true;
}

// The Deployment is let go in a plan that changes nothing in status: told before, and forgotten
// after. True: not yet.
static bool lets_go(struct pass *pass) {
  if (pass->snap->form != ROLLOUT_FORM_WORKLOAD)
    return false;
  const struct leaving_plan plan = leaving_plan(pass);
  if (!plan.patch)
    return false;
  if (str_eq_z(pass->snap->rollout->status.step.name, "leave"))
    leaving_do(pass, &plan);
  else
    leaving_tell(pass, &plan);
  pass->status->step.name = STR("leave");
  pass->again = true;
  return true;
}

void switch_run(struct pass *pass) {
  int64_t since = leaving_since(pass);
  turn_back(pass);
  rollout_run(pass);
  bool is_late = !pass->hands_off && pass->now > since + LEAVE_MAX_MS;
  pass_wake(pass, since + LEAVE_MAX_MS + 1);
  if (!pass_in_release(pass))
    pass_wait(pass, ROLLOUT_PENDING, "LettingGo", 0,
              pass_text(pass, "%.*s to be let go", STR_ARG(words_of(pass, false))));
  if ((leaving_has_left(pass) || is_late) && !lets_go(pass))
    forget(pass);
  rollout_conclude(pass);
}

// --- and afterwards ---

bool former_has(const struct pass *pass, struct str name) {
  const struct rollout_former *former = pass->status->former;
  for (size_t i = 0; former && i < former->made_count; i++)
    if (str_eq(former->made[i], name))
      return true;
  return false;
}

static bool is_in_use(const struct pass *pass, struct str name) {
  const struct rollout_spec *spec = pass->spec;
  const struct rollout_identity *both[] = {pass->status->stable, pass->status->canary};
  bool used = (spec->stable && str_eq(spec->stable->deployment, name)) ||
              (spec->canary && str_eq(spec->canary->deployment, name)) ||
              (spec->workload_ref && str_eq(spec->workload_ref->name, name)) ||
              str_eq(name, router_stable_name(spec)) || str_eq(name, router_canary_name(spec));
  for (size_t i = 0; i < 2; i++)
    used |= both[i] && (str_eq(both[i]->deployment, name) || str_eq(both[i]->subset, name));
  for (size_t i = 0; i < pass->status->retired_count; i++)
    used |= str_eq(pass->status->retired[i].deployment, name);
  return used;
}

static bool is_off(const struct pass *pass) {
  return pass->snap->rollout->status.stable && pass->status->stable &&
         (!pass->has_split || traffic_is_written(pass) || traffic_names_nothing(pass));
}

// True while there is something of it.
static bool drop(struct pass *pass, struct str name) {
  const struct workload *w = pass_workload(pass, name);
  if (is_in_use(pass, name))
    return false;
  if (w && str_is_empty(json_path_string(w->object, "metadata.deletionTimestamp")))
    workload_delete(pass, w, "a version of the form before");
  return traffic_version_drop(pass, name) || w;
}

void former_run(struct pass *pass) {
  const struct rollout_former *was = pass->status->former;
  if (!was || pass->leaving || pass->hands_off)
    return;
  struct rollout_former *former = arena_dup(pass->arena, was, sizeof(*was));
  pass->status->former = former;
  if (!is_off(pass)) {
    former->at = 0;
    return;
  }
  if (former->at == 0) // proxies may have the old route for a moment
    former->at = pass->now + PASS_RETIRE_MS + traffic_drain_ms(pass);
  pass_wake(pass, former->at);
  if (pass->now < former->at)
    return;
  size_t left = 0;
  for (size_t i = 0; i < was->made_count && left == 0; i++)
    left += drop(pass, was->made[i]); // one at a time: each changes the rule
  if (left == 0)
    pass->status->former = NULL;
}
