// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/rollout_text.h"
#include "manifests/text/duration.h"
#include "manifests/text/time.h"
#include "operator/cli/evidence_text.h"
#include "operator/cli/original_text.h"
#include "operator/cli/step_text.h"
#include "operator/cli/table_text.h"

static struct str ago(struct arena *arena, int64_t now_ms, int64_t then_ms) {
  if (!then_ms)
    return STR("-");
  int64_t ms = now_ms > then_ms ? now_ms - then_ms : 0;
  return arena_printf(arena, "%.*s ago", STR_ARG(duration_words(arena, ms)));
}

static struct str or_dash(struct str text) {
  return text.len ? text : STR("-");
}

// What began it, where that is not the template alone, and what ended it.
static struct str why_of(const struct rollout_history *row, struct arena *arena) {
  struct str end = row->message.len ? row->message : row->reason;
  if (!row->changed.len)
    return or_dash(end);
  return arena_printf(arena, "%.*s changed%s%.*s", STR_ARG(row->changed), end.len ? "; " : "",
                      STR_ARG(end));
}

void rollout_text_history(const struct rollout *rollout, int64_t now_ms, struct arena *arena,
                          struct buf *out) {
  static const char *const titles[] = {"REVISION", "VERSION", "RESULT", "WHEN",
                                       "TOOK",     "WHO",     "WHY"};
  const size_t columns = sizeof titles / sizeof titles[0];
  const struct rollout_status *status = &rollout->status;
  struct table_text table;
  if (status->history_count == 0) {
    buf_addf(out, "%.*s has no finished release yet\n", STR_ARG(rollout->metadata.name));
    return;
  }
  table_text_init(&table, arena, columns);
  for (size_t i = 0; i < columns; i++)
    table_text_addz(&table, titles[i]);
  for (size_t i = 0; i < status->history_count; i++) {
    const struct rollout_history *row = &status->history[i];
    table_text_add(&table, arena_printf(arena, "%lld", (long long)row->revision));
    table_text_add(&table, or_dash(row->version.len ? row->version : row->deployment));
    table_text_add(&table, or_dash(row->result));
    table_text_add(&table, ago(arena, now_ms, row->when));
    table_text_add(&table, duration_words(arena, row->duration_ms));
    table_text_add(&table, row->who.len ? row->who : STR("operator"));
    table_text_add(&table, why_of(row, arena));
  }
  table_text_write(&table, out);
}

static void fact(struct buf *out, const char *name, struct str text) {
  if (text.len)
    buf_addf(out, "    %-9s %.*s\n", name, STR_ARG(text));
}

static void explain_now(const struct rollout *rollout, struct arena *arena, struct buf *out) {
  const struct rollout_status *status = &rollout->status;
  buf_addf(out, "%.*s is %s.\n", STR_ARG(rollout->metadata.name),
           status->phase == ROLLOUT_PHASE_NONE ? "not seen by an operator yet"
                                               : rollout_phase_name(status->phase));
  if (status->message.len)
    buf_addf(out, "  %.*s\n", STR_ARG(status->message));
  size_t at = status->step.index < 0 ? 0 : (size_t)status->step.index;
  if (status->release && at < rollout->spec.steps_count)
    buf_addf(out, "  Step %zu of %zu: %.*s.\n", at + 1, rollout->spec.steps_count,
             STR_ARG(step_text(&rollout->spec, at, arena)));
  if (status->step.waiting_for.len)
    buf_addf(out, "  It waits for %.*s.\n", STR_ARG(status->step.waiting_for));
}

static void explain_original(const struct rollout *rollout, struct arena *arena, struct buf *out) {
  struct original_text text = original_text(rollout, arena);
  if (text.now.len)
    buf_addf(out, "  Deployment %.*s.\n  Next: %.*s.\n", STR_ARG(text.now), STR_ARG(text.next));
  if (text.todo.len)
    buf_addf(out, "  For a person: %.*s.\n", STR_ARG(text.todo));
}

static void explain_metric(const struct rollout_metric_status *metric, struct arena *arena,
                           struct buf *out) {
  struct str evidence = evidence_text_metric(metric, arena);
  buf_addf(out, "- %.*s: %s\n", STR_ARG(metric->name),
           metric->verdict ? enum_name(rollout_verdict_values, (int)metric->verdict)
                           : "not judged");
  fact(out, "because", metric->reason);
  fact(out, "evidence", evidence);
}

// What is known now; of a release that is over, what it ended with.
static void explain_judge(const struct rollout *rollout, int64_t now_ms, struct arena *arena,
                          struct buf *out) {
  const struct rollout_status *status = &rollout->status;
  const struct rollout_judge_status *judge = &status->judge;
  struct str all = evidence_text_all(status, now_ms, arena);
  if (!status->metrics_count)
    return;
  buf_addf(out, "\nThe judge says %.*s (%.*s)%s\n",
           STR_ARG(judge->verdict.len ? judge->verdict : STR("nothing yet")),
           STR_ARG(ago(arena, now_ms, judge->at)), judge->message.len ? ":" : ".");
  if (judge->message.len)
    buf_addf(out, "  %.*s.\n", STR_ARG(judge->message));
  if (all.len)
    buf_addf(out, "  All metrics together: %.*s.\n", STR_ARG(all));
  for (size_t i = 0; i < status->metrics_count; i++)
    explain_metric(&status->metrics[i], arena, out);
}

void rollout_text_explain(const struct rollout *rollout, int64_t now_ms, struct arena *arena,
                          struct buf *out) {
  const struct rollout_status *status = &rollout->status;
  explain_now(rollout, arena, out);
  explain_original(rollout, arena, out);
  explain_judge(rollout, now_ms, arena, out);
  if (status->decisions_count == 0)
    buf_add_z(out, "No decision is on record yet.\n");
  else
    buf_add_z(out, "\nDecisions, the oldest first:\n");
  for (size_t i = 0; i < status->decisions_count; i++) {
    const struct rollout_decision *decision = &status->decisions[i];
    buf_addf(out, "%s %.*s (%.*s)  %.*s\n", decision->warning ? "!" : "-",
             STR_ARG(time_format(arena, decision->time)),
             STR_ARG(ago(arena, now_ms, decision->time)), STR_ARG(decision->reason));
    fact(out, "asked", decision->asked);
    fact(out, "measured", decision->measured);
    fact(out, "bound", decision->bound);
    fact(out, "verdict", decision->verdict);
    fact(out, "next", decision->next);
  }
}
