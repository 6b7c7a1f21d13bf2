// SPDX-License-Identifier: Apache-2.0
// One pass over one Rollout, from the top.
#include "manifests/schema/encode.h"
#include "manifests/text/json_patch.h"
#include "operator/reconcile/pass.h"

#include <stdlib.h>

const char *plan_action_text(enum plan_action_kind kind) {
  static const char *const texts[] = {
#define XX(name, text) text,
      PLAN_ACTION_MAP(XX)
#undef XX
  };
  return texts[kind];
}

// --- what is running ---

static bool is_going_back(const struct pass *pass) {
  return pass_in_release(pass) && !str_is_empty(pass->status->release->result);
}

static void run_release(struct pass *pass) {
  if (original_can_name(pass)) // one change of the rule at a time
    workload_name_add(pass, pass->status->canary);
  traffic_verify(pass);
  if (is_going_back(pass)) {
    rollback_run(pass);
    return;
  }
  if (pass->status->release->first) {
    first_run(pass);
    return;
  }
  if (release_gives_way(pass))
    return;
  if (pass->snap->form == ROLLOUT_FORM_TEMPLATE)
    workload_keep(pass);
  if (judge_stops(pass)) {
    if (!is_going_back(pass))
      capacity_scale(pass);
    return;
  }
  if (pass->status->step.index < 0 || (size_t)pass->status->step.index >= pass->spec->steps_count) {
    release_finish(pass, "Promoted");
    return;
  }
  if (!str_eq_z(pass->status->step.name, "decommission"))
    capacity_watch(pass);
  steps_run(pass);
}

static void check_deadline(struct pass *pass) {
  enum rollout_phase phase = pass->status->phase;
  if (rollout_phase_is_final(phase) || phase == ROLLOUT_PHASE_NONE)
    return;
  int64_t deadline = pass_progress_deadline(pass);
  if (pass->now < deadline) {
    pass_wake(pass, deadline);
    return;
  }
  struct str message = pass_text(pass, "no progress for %lld s, waiting for %.*s",
                                 (long long)(pass->spec->progress_deadline_ms / 1000),
                                 STR_ARG(pass->status->step.waiting_for));
  pass_stall(pass, "ProgressDeadlineExceeded", message);
  bool may = pass_in_release(pass) && !pass->status->release->first &&
             str_is_empty(pass->status->release->result) && phase != ROLLOUT_PAUSED &&
             phase != ROLLOUT_DECOMMISSIONING;
  if (may && pass->spec->on_deadline == ROLLOUT_FAILURE_ROLLBACK)
    rollback_begin(pass, "RolledBack", "ProgressDeadlineExceeded", message, STR_NULL);
}

static void invalid_spec(struct pass *pass) {
  const struct findings *findings = pass->snap->findings;
  const struct finding *first = NULL;
  for (size_t i = 0; i < findings->count && !first; i++)
    if (findings->items[i].level == FINDING_ERROR)
      first = &findings->items[i];
  pass->ready_reason = STR("InvalidSpec");
  pass->ready_message = pass_text(pass, "%zu faults; %.*s: %.*s", findings->errors,
                                  STR_ARG(first->path), STR_ARG(first->message));
  pass_wait(pass, pass_in_release(pass) ? ROLLOUT_HOLDING : ROLLOUT_DEGRADED, "InvalidSpec", 0,
            pass->ready_message);
  pass_stall(pass, "InvalidSpec", pass->ready_message);
}

// Nothing moves forward. Traffic is taken away all the same: what that needs is in status, and the
// names of the routes. False: it is not.
static bool only_goes_back(struct pass *pass) {
  if (is_going_back(pass)) {
    traffic_verify(pass);
    rollback_run(pass);
  } else if (pass_in_release(pass) && !pass->status->release->first) {
    (void)judge_stops(pass);
  }
  if (!is_going_back(pass))
    return false;
  traffic_load(pass);
  traffic_write(pass);
  return true;
}

// What an older Rollout has is left to it.
static void run_claimed(struct pass *pass, const char *reason, struct str message) {
  pass_stall(pass, reason, message);
  if (!only_goes_back(pass))
    pass_wait(pass, pass_in_release(pass) ? ROLLOUT_HOLDING : ROLLOUT_PENDING, reason, 0, message);
}

static void run_invalid(struct pass *pass) {
  if (!only_goes_back(pass))
    invalid_spec(pass);
}

void rollout_run(struct pass *pass) {
  traffic_load(pass);
  content_load(pass);
  judge_take(pass);
  verbs_run(pass);
  if (pass->snap->findings->errors > 0) {
    run_invalid(pass);
    return;
  }
  struct str message;
  const char *claimed = claims_problem(pass, &message);
  if (claimed) {
    run_claimed(pass, claimed, message);
    return;
  }
  if (pass->snap->form == ROLLOUT_FORM_WORKLOAD)
    original_watch(pass);
  if (pass_in_release(pass))
    run_release(pass);
  else
    release_consider(pass);
  check_deadline(pass);
  content_tell(pass);
  workload_count(pass);
  original_tidy(pass);
  traffic_load(pass); // of the versions as they are decided now
  traffic_write(pass);
  workload_retired(pass);
  former_run(pass);
}

// --- the plan ---

// A count-down alone is not worth a write: it goes with the next one.
static bool counts_down(const struct rollout_status *status) {
  static const char *const reasons[] = {"Monitoring", "PauseStep", "Draining"};
  for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
    if (str_eq_z(status->reason, reasons[i]))
      return true;
  return false;
}

static bool is_only_words(const struct json *before, const struct json *after,
                          struct arena *arena) {
  struct json *a = json_dup(arena, before), *b = json_dup(arena, after);
  struct json *both[] = {a, b};
  for (size_t i = 0; i < 2; i++) {
    struct json *step = json_get(both[i], "step");
    if (step)
      json_remove(step, STR("waitingFor"));
    JSON_EACH(condition, json_get(both[i], "conditions")) {
      json_remove(condition, STR("message"));
    }
  }
  return json_equal(a, b);
}

static bool write_status(struct pass *pass) {
  struct arena *arena = pass->arena;
  struct json *after = schema_encode(&rollout_status_schema, pass->status, arena);
  const struct json *before = json_get(pass->snap->rollout_json, "status");
  struct json *empty = json_new_object(arena);
  if (!json_is(before, JSON_OBJECT))
    before = empty;
  bool same =
      counts_down(pass->status) ? is_only_words(before, after, arena) : json_equal(before, after);
  if (same)
    return false;
  struct json *patch = json_new_object(arena), *metadata = json_new_object(arena);
  json_put_string(arena, metadata, "resourceVersion",
                  pass->snap->rollout->metadata.resource_version);
  json_put(arena, patch, "metadata", metadata);
  json_put(arena, patch, "status", json_merge_diff(arena, before, after));
  pass_act(pass, PLAN_STATUS, pass->snap->rollout->metadata.name, patch,
           pass_text(pass, "%s, %.*s", rollout_phase_name(pass->status->phase),
                     STR_ARG(pass->status->step.waiting_for)));
  return true;
}

static int by_kind(const void *a, const void *b) {
  const struct plan_action *const *x = a, *const *y = b;
  if ((*x)->kind != (*y)->kind)
    return (*x)->kind < (*y)->kind ? -1 : 1;
  return *x < *y ? -1 : *x > *y; // keep the order of planning
}

static void sort(struct plan *plan, struct arena *arena) {
  struct plan_action **order = ARENA_ARRAY(arena, struct plan_action *, plan->count + 1);
  struct plan_action *sorted = ARENA_ARRAY(arena, struct plan_action, plan->count + 1);
  for (size_t i = 0; i < plan->count; i++)
    order[i] = &plan->actions[i];
  qsort(order, plan->count, sizeof(*order), by_kind);
  for (size_t i = 0; i < plan->count; i++)
    sorted[i] = *order[i];
  plan->actions = sorted;
}

// The finalizer comes before any traffic moves, in a pass of its own: its write changes the
// revision that the status write names.
static bool wants_finalizer(const struct pass *pass) {
  bool moves = pass_in_release(pass) && !pass->status->release->first;
  return (moves || pass->snap->form == ROLLOUT_FORM_WORKLOAD) && !finalizer_is_there(pass) &&
         pass->snap->findings->errors == 0;
}

static void keep_only_lowering(struct plan *plan) {
  size_t count = 0;
  for (size_t i = 0; i < plan->count; i++)
    if (plan->actions[i].kind == PLAN_LOWER_ROUTE)
      plan->actions[count++] = plan->actions[i];
  plan->count = count;
}

void rollout_conclude(struct pass *pass) {
  if (wants_finalizer(pass) && !pass->leaving) {
    keep_only_lowering(pass->plan);
    pass_events_lost(pass); // this was the first look
    finalizer_add(pass);
    return;
  }
  switch_remember(pass);
  conditions_run(pass);
  notice_run(pass);
  pass->status->observed_generation = pass->snap->rollout->metadata.generation;
  bool wrote = write_status(pass);
  if (wrote || pass->snap->first_look)
    pass_events(pass);
  if (!wrote && !pass_in_release(pass) && finalizer_is_there(pass) &&
      pass->snap->form != ROLLOUT_FORM_WORKLOAD)
    finalizer_remove(pass, STR("no release runs"));
}

static struct rollout_status *status_copy(const struct snapshot *snapshot, struct arena *arena) {
  struct rollout_status *status = arena_dup(arena, &snapshot->rollout->status, sizeof(*status));
  if (status->stable)
    status->stable = arena_dup(arena, status->stable, sizeof(*status->stable));
  if (status->canary)
    status->canary = arena_dup(arena, status->canary, sizeof(*status->canary));
  if (status->release)
    status->release = arena_dup(arena, status->release, sizeof(*status->release));
  if (status->last_progress_at == 0)
    status->last_progress_at = snapshot->now_ms;
  return status;
}

struct plan *plan_rollout(const struct snapshot *snapshot, struct arena *arena) {
  struct plan *plan = ARENA_NEW(arena, struct plan);
  struct pass pass = {.snap = snapshot,
                      .spec = &snapshot->rollout->spec,
                      .arena = arena,
                      .plan = plan,
                      .status = status_copy(snapshot, arena),
                      .now = snapshot->now_ms,
                      .wake = PLAN_NEVER};
  if (snapshot->rollout->metadata.deletion_timestamp_ms > 0) {
    pass.leaving = true;
    traffic_load(&pass);
    delete_run(&pass);
  } else if (snapshot->taken == TAKEN_FORM && snapshot->findings->errors == 0) {
    pass.leaving = true;
    switch_run(&pass);
  } else {
    rollout_run(&pass);
    rollout_conclude(&pass);
  }
  sort(plan, arena);
  plan->status = pass.status;
  plan->reason = pass.status->step.waiting_for;
  if (pass.again && plan->count > 0)
    pass.wake = pass.now;
  plan->requeue_after_ms = pass.wake == PLAN_NEVER ? PLAN_NEVER
                           : pass.wake > pass.now  ? pass.wake - pass.now
                                                   : 0;
  return plan;
}
