// SPDX-License-Identifier: Apache-2.0
#include "operator/reconcile/notice.h"
#include "operator/reconcile/pass.h"

#include <string.h>

#define CONDITION "NotificationsDelivered"

// --- which events ---

static const struct rollout_condition *stalled(const struct rollout_status *status) {
  const struct rollout_condition *condition = rollout_condition_find(status, "Stalled");
  return condition && condition->status == ROLLOUT_TRUE ? condition : NULL;
}

static const struct rollout_history *new_history(const struct rollout_status *before,
                                                 const struct rollout_status *after) {
  if (!after->history_count)
    return NULL;
  const struct rollout_history *now = &after->history[0], *then = before->history;
  bool same = before->history_count && now->revision == then->revision && now->when == then->when &&
              str_eq(now->result, then->result);
  return same ? NULL : now;
}

// The moment the traffic is taken away, which is the first pass of a rollback.
static struct str went_back(const struct rollout_status *before,
                            const struct rollout_status *after) {
  bool was_going = before->release && before->release->result.len;
  if (was_going)
    return STR_NULL;
  if (after->release)
    return after->release->result;
  const struct rollout_history *ended = new_history(before, after);
  return ended ? ended->result : STR_NULL;
}

static bool enters(const struct rollout_status *before, const struct rollout_status *after,
                   enum rollout_phase phase) {
  return after->phase == phase && before->phase != phase;
}

static bool becomes_stalled(const struct rollout_status *before,
                            const struct rollout_status *after) {
  const struct rollout_condition *now = stalled(after), *then = stalled(before);
  if (!now || (then && str_eq(now->reason, then->reason)))
    return false;
  // Those are said as what they are.
  return !str_eq_z(now->reason, "RolledBack") && !str_eq_z(now->reason, "Aborted") &&
         !str_eq_z(now->reason, "InvalidSpec");
}

size_t notice_due(const struct rollout_status *before, const struct rollout_status *after,
                  enum rollout_event ret_events[ROLLOUT_EVENTS]) {
  struct str back = went_back(before, after);
  const struct rollout_history *ended = new_history(before, after);
  const struct {
    bool is;
    enum rollout_event event;
  } events[] = {
      {str_eq_z(back, "RolledBack"), ROLLOUT_EVENT_ROLLED_BACK},
      {str_eq_z(back, "Aborted"), ROLLOUT_EVENT_ABORTED},
      {enters(before, after, ROLLOUT_DEGRADED), ROLLOUT_EVENT_FAILED},
      {becomes_stalled(before, after), ROLLOUT_EVENT_STALLED},
      {enters(before, after, ROLLOUT_HOLDING), ROLLOUT_EVENT_HOLDING},
      {enters(before, after, ROLLOUT_PAUSED), ROLLOUT_EVENT_PAUSED},
      {ended && str_eq_z(ended->result, "Promoted"), ROLLOUT_EVENT_PROMOTED},
  };
  size_t count = 0;
  for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
    if (events[i].is)
      ret_events[count++] = events[i].event;
  return count;
}

// --- what each says ---

static void fill_words(const struct rollout_status *before, const struct rollout_status *after,
                       struct rollout_notice *notice) {
  const struct rollout_condition *ready = rollout_condition_find(after, "Ready");
  const struct rollout_history *ended = new_history(before, after);
  const struct rollout_release *release = after->release;
  notice->reason = after->reason;
  notice->message = after->step.waiting_for.len ? after->step.waiting_for : after->message;
  switch (notice->event) {
  case ROLLOUT_EVENT_PAUSED: notice->who = after->paused ? after->paused->by : STR_NULL; return;
  case ROLLOUT_EVENT_HOLDING: return;
  case ROLLOUT_EVENT_STALLED:
    notice->reason = stalled(after)->reason;
    notice->message = stalled(after)->message;
    return;
  case ROLLOUT_EVENT_ROLLED_BACK:
  case ROLLOUT_EVENT_ABORTED:
    notice->reason = release ? release->reason : ended->reason;
    notice->message = release ? release->message : ended->message;
    notice->who = release ? release->who : ended->who;
    notice->weight = before->weight.canary;
    return;
  case ROLLOUT_EVENT_PROMOTED:
    notice->reason = ended->reason.len ? ended->reason : STR("Promoted");
    notice->message = ended->message;
    notice->who = ended->who;
    notice->weight = STR("100");
    return;
  case ROLLOUT_EVENT_FAILED:
    notice->reason = ready ? ready->reason : after->reason;
    notice->message = ready ? ready->message : after->message;
    return;
  }
}

static bool has_requests(const struct rollout_status *status) {
  for (size_t i = 0; i < status->metrics_count; i++)
    if (status->metrics[i].requests > 0)
      return true;
  return false;
}

static struct rollout_notice notice_of(struct pass *pass, enum rollout_event event) {
  const struct rollout_status *before = &pass->snap->rollout->status, *after = pass->status;
  const struct rollout_history *ended = new_history(before, after);
  const struct rollout_release *release = after->release ? after->release : before->release;
  // Counts begin anew with each weight: right after a change the last ones say more.
  const struct rollout_status *measured =
      has_requests(after) || !before->metrics_count ? after : before;
  size_t metrics = measured->metrics_count;
  struct rollout_notice notice = {
      .number = ++pass->status->notice_number,
      .event = event,
      .at = pass->now,
      .release = release ? release->id : STR_NULL,
      .version = after->canary ? after->canary->version
                 : ended       ? ended->version
                               : STR_NULL,
      .stable_version = before->stable ? before->stable->version : STR_NULL,
      .weight = after->weight.canary,
      .metrics = measured->metrics,
      .metrics_count = metrics < ROLLOUT_NOTICE_METRICS_MAX ? metrics : ROLLOUT_NOTICE_METRICS_MAX};
  if (!notice.version.len && after->stable)
    notice.version = after->stable->version;
  fill_words(before, after, &notice);
  return notice;
}

// What goes to and fro is told once in a while; how a release ends always.
static bool was_just_told(const struct pass *pass, const struct rollout_notice *notice) {
  const struct rollout_notice_last *last = pass->status->last_notice;
  bool ends = notice->event == ROLLOUT_EVENT_ROLLED_BACK ||
              notice->event == ROLLOUT_EVENT_ABORTED || notice->event == ROLLOUT_EVENT_PROMOTED;
  return !ends && last && last->event == notice->event && str_eq(last->reason, notice->reason) &&
         str_eq(last->release, notice->release) && pass->now - last->at < NOTICE_FLAP_MS;
}

// --- status ---

static bool wanted(const struct pass *pass, enum rollout_event event) {
  const struct rollout_spec *spec = pass->spec;
  for (size_t i = 0; i < spec->notifications_count; i++)
    if (rollout_notification_wants(&spec->notifications[i], event))
      return true;
  return !spec->notifications_count && pass->snap->notify_default;
}

static void set_condition(struct pass *pass, enum notice_outcome outcome, struct str message) {
  const struct rollout_condition *old = rollout_condition_find(pass->status, CONDITION);
  bool was_fine = !old || old->status == ROLLOUT_TRUE;
  if (outcome == NOTICE_DELIVERED) {
    condition_set(pass, CONDITION, ROLLOUT_TRUE, "Delivered", STR(""));
    return;
  }
  bool dropped = outcome == NOTICE_DROPPED;
  if (was_fine || (dropped && !str_eq_z(old->reason, "GivenUp")))
    pass_decide(pass, (struct rollout_decision){
                          .warning = true,
                          .reason = STR("NotificationFailed"),
                          .measured = message,
                          .next = dropped ? STR("it is given up; the release goes on")
                                          : STR("it is tried again; the release goes on")});
  condition_set(pass, CONDITION, ROLLOUT_FALSE, dropped ? "GivenUp" : "Retrying", message);
}

static const struct notice_result *result_of(const struct pass *pass, int64_t number) {
  for (size_t i = 0; i < pass->snap->notices_count; i++)
    if (pass->snap->notices[i].number == number)
      return &pass->snap->notices[i];
  return NULL;
}

// Takes out what was delivered or given up, and what nobody wants any more.
static size_t keep_open(struct pass *pass, struct rollout_notice *kept) {
  const struct rollout_status *status = pass->status;
  size_t count = 0;
  for (size_t i = 0; i < status->notices_count; i++) {
    const struct rollout_notice *notice = &status->notices[i];
    const struct notice_result *result = result_of(pass, notice->number);
    if (result)
      set_condition(pass, result->outcome, result->message);
    bool ended = result && result->outcome != NOTICE_FAILING;
    if (!ended && wanted(pass, notice->event))
      kept[count++] = *notice;
  }
  return count;
}

void notice_run(struct pass *pass) {
  struct rollout_status *status = pass->status;
  enum rollout_event due[ROLLOUT_EVENTS];
  size_t due_count = notice_due(&pass->snap->rollout->status, status, due);
  if (!due_count && !status->notices_count)
    return;
  struct rollout_notice *notices =
      ARENA_ARRAY(pass->arena, struct rollout_notice, status->notices_count + ROLLOUT_EVENTS);
  size_t count = keep_open(pass, notices);
  for (size_t i = 0; i < due_count; i++) {
    struct rollout_notice notice = notice_of(pass, due[i]);
    if (!wanted(pass, due[i]) || was_just_told(pass, &notice)) {
      status->notice_number--;
      continue;
    }
    notices[count++] = notice;
    status->last_notice = ARENA_NEW(pass->arena, struct rollout_notice_last);
    *status->last_notice =
        (struct rollout_notice_last){notice.event, notice.reason, notice.release, notice.at};
  }
  size_t lost = count > ROLLOUT_NOTICES_MAX ? count - ROLLOUT_NOTICES_MAX : 0;
  if (lost)
    set_condition(pass, NOTICE_DROPPED,
                  pass_text(pass, "%zu of too many that waited were dropped, the oldest", lost));
  status->notices = notices + lost;
  status->notices_count = count - lost;
}
