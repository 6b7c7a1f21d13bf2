// SPDX-License-Identifier: Apache-2.0
#include "operator/reconcile/pass.h"
#include "manifests/text/percent.h"
#include "manifests/text/time.h"

#include <stdio.h>
#include <string.h>

#define LOST_EVENT_MS (10 * 60 * 1000) // older ones interest nobody

void pass_act(struct pass *pass, enum plan_action_kind kind, struct str name,
              const struct json *body, struct str why) {
  struct plan *plan = pass->plan;
  struct plan_action *action = arena_push(pass->arena, (void **)&plan->actions, &plan->count,
                                          &plan->capacity, sizeof(struct plan_action));
  *action = (struct plan_action){.kind = kind, .name = name, .body = body, .why = why};
}

void pass_wake(struct pass *pass, int64_t at_ms) {
  if (at_ms > 0 && at_ms < pass->wake)
    pass->wake = at_ms;
}

struct str pass_text(struct pass *pass, const char *format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  return arena_strz(pass->arena, text);
}

void pass_decide(struct pass *pass, struct rollout_decision decision) {
  struct rollout_status *status = pass->status;
  size_t keep = status->decisions_count;
  const struct rollout_decision *from = status->decisions;
  if (keep >= ROLLOUT_DECISIONS_MAX) {
    from += keep - (ROLLOUT_DECISIONS_MAX - 1);
    keep = ROLLOUT_DECISIONS_MAX - 1;
  }
  struct rollout_decision *items = ARENA_ARRAY(pass->arena, struct rollout_decision, keep + 1);
  if (keep > 0)
    memcpy(items, from, keep * sizeof(*items));
  decision.time = pass->now;
  decision.number = ++status->decision_number;
  items[keep] = decision;
  status->decisions = items;
  status->decisions_count = keep + 1;
  status->message = decision.next;
}

void pass_wait(struct pass *pass, enum rollout_phase phase, const char *reason, int64_t deadline,
               struct str what) {
  struct rollout_status *status = pass->status;
  if (rollout_phase_is_final(pass->snap->rollout->status.phase) && !rollout_phase_is_final(phase))
    pass_progress(pass); // a new wait begins
  status->phase = phase;
  status->reason = str_of(reason);
  status->step.waiting_for = what;
  status->step.deadline = deadline > 0 ? deadline : pass_progress_deadline(pass);
  if (status->step.deadline > pass->now)
    pass_wake(pass, status->step.deadline);
}

void pass_stall(struct pass *pass, const char *reason, struct str message) {
  if (pass->stalled)
    return;
  pass->stalled = reason;
  pass->stalled_message = message;
}

// --- events ---

static struct str decision_message(struct pass *pass, const struct rollout_decision *d) {
  const struct {
    const char *word;
    struct str text;
  } parts[] = {{"", d->asked},
               {"", d->measured},
               {"bound ", d->bound},
               {"verdict ", d->verdict},
               {"", d->next}};
  struct buf out;
  buf_init(&out, 1000);
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
    if (!str_is_empty(parts[i].text))
      (void)buf_addf(&out, "%s%s%.*s", out.len > 0 ? "; " : "", parts[i].word,
                     STR_ARG(parts[i].text));
  struct str text = arena_str(pass->arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

static struct json *about(struct pass *pass) {
  const struct object_meta *meta = &pass->snap->rollout->metadata;
  struct json *json = json_new_object(pass->arena);
  json_put_z(pass->arena, json, "apiVersion", "serin.dev/v1alpha1");
  json_put_z(pass->arena, json, "kind", "Rollout");
  json_put_string(pass->arena, json, "name", meta->name);
  json_put_string(pass->arena, json, "namespace", meta->namespace_);
  json_put_string(pass->arena, json, "uid", meta->uid);
  return json;
}

// The name follows from the decision, so that the same event is never written twice.
static void event_add(struct pass *pass, const struct rollout_decision *d) {
  struct arena *arena = pass->arena;
  const struct object_meta *meta = &pass->snap->rollout->metadata;
  struct str at = time_format(arena, d->time), message = decision_message(pass, d);
  struct str name = arena_printf(arena, "%.*s.%.*s.%lld", STR_ARG(meta->name),
                                 STR_ARG(str_slice(meta->uid, 0, 8)), (long long)d->number);
  struct json *event = json_new_object(arena), *metadata = json_new_object(arena),
              *source = json_new_object(arena);
  json_put_z(arena, event, "apiVersion", "v1");
  json_put_z(arena, event, "kind", "Event");
  json_put_string(arena, metadata, "name", name);
  json_put_string(arena, metadata, "namespace", meta->namespace_);
  json_put(arena, event, "metadata", metadata);
  json_put(arena, event, "involvedObject", about(pass));
  json_put_string(arena, event, "reason", d->reason);
  json_put_string(arena, event, "message", message);
  json_put_z(arena, event, "type", d->warning ? "Warning" : "Normal");
  json_put_z(arena, source, "component", "serin-operator");
  json_put(arena, event, "source", source);
  json_put_string(arena, event, "firstTimestamp", at);
  json_put_string(arena, event, "lastTimestamp", at);
  // Repeated foreign writes are one event with a count.
  bool counted = str_eq_z(d->reason, "Contended") && pass->status->contention;
  json_put_int(arena, event, "count", counted ? pass->status->contention->count : 1);
  json_put_z(arena, event, "reportingComponent", "serin-operator");
  pass_act(pass, PLAN_EVENT, name, event, d->reason);
}

// A process that ended between status and event left one out: the first look makes up for it.
void pass_events_lost(struct pass *pass) {
  const struct rollout_status *was = &pass->snap->rollout->status;
  for (size_t i = 0; i < was->decisions_count && pass->snap->first_look; i++)
    if (was->decisions[i].time > pass->now - LOST_EVENT_MS)
      event_add(pass, &was->decisions[i]);
}

void pass_events(struct pass *pass) {
  const struct rollout_status *status = pass->status;
  pass_events_lost(pass);
  for (size_t i = 0; i < status->decisions_count; i++)
    if (status->decisions[i].number > pass->snap->rollout->status.decision_number)
      event_add(pass, &status->decisions[i]);
}

// --- what is there ---

struct json *pass_owner(struct pass *pass) {
  struct arena *arena = pass->arena;
  const struct object_meta *meta = &pass->snap->rollout->metadata;
  struct json *list = json_new_array(arena), *ref = json_new_object(arena);
  json_put_z(arena, ref, "apiVersion", "serin.dev/v1alpha1");
  json_put_z(arena, ref, "kind", "Rollout");
  json_put_string(arena, ref, "name", meta->name);
  json_put_string(arena, ref, "uid", meta->uid);
  json_put_bool(arena, ref, "controller", true);
  json_put_bool(arena, ref, "blockOwnerDeletion", true);
  json_append(list, ref);
  return list;
}

const struct workload *pass_workload(const struct pass *pass, struct str name) {
  return snapshot_workload(pass->snap, name);
}

bool pass_in_release(const struct pass *pass) {
  return pass->status->release != NULL;
}

int64_t pass_asked(const struct pass *pass) {
  int64_t parts;
  return percent_parse_parts(pass->status->weight.canary, &parts) ? parts : 0;
}

struct str pass_percent(struct pass *pass, int64_t parts) {
  return percent_format_parts(pass->arena, parts);
}

int64_t pass_progress_deadline(const struct pass *pass) {
  int64_t since = pass->status->last_progress_at > 0 ? pass->status->last_progress_at : pass->now;
  return since + pass->spec->progress_deadline_ms;
}

void pass_progress(struct pass *pass) {
  pass->status->last_progress_at = pass->now;
}
