// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/tree.h"
#include "manifests/text/duration.h"
#include "manifests/text/percent.h"
#include "operator/cli/evidence_text.h"
#include "operator/cli/options.h"
#include "operator/cli/original_text.h"
#include "operator/cli/step_text.h"
#include "operator/cli/table_text.h"
#include "operator/cli/tree_line.h"
#include "operator/cli/tree_words.h"

#define LABEL_COLUMN 13
#define BAR_WIDTH 20
#define LATE_MS 1000

struct drawing {
  const struct tree_view *view;
  const struct rollout_status *status;
  struct arena *arena;
  struct tree_lines lines;
};

// ---- small parts ----

static enum tree_style phase_style(enum rollout_phase phase) {
  switch (phase) {
  case ROLLOUT_HEALTHY: return TREE_GREEN;
  case ROLLOUT_ROLLING_BACK:
  case ROLLOUT_ROLLED_BACK:
  case ROLLOUT_ABORTED:
  case ROLLOUT_DEGRADED: return TREE_RED;
  case ROLLOUT_PAUSED:
  case ROLLOUT_HOLDING: return TREE_YELLOW;
  case ROLLOUT_PHASE_NONE:
  case ROLLOUT_PENDING:
  case ROLLOUT_DEPLOYING:
  case ROLLOUT_PROGRESSING:
  case ROLLOUT_DECOMMISSIONING: break;
  }
  return TREE_CYAN;
}

// A branch of the first level (depth 0) or below it; `last` ends its level.
static void branch(struct drawing *drawing, int depth, bool parent_last, bool last) {
  bool ascii = drawing->view->ascii;
  if (depth > 0)
    tree_addz(&drawing->lines, TREE_DIM, parent_last ? "   " : ascii ? "|  " : "│  ");
  tree_addz(&drawing->lines, TREE_DIM, ascii ? (last ? "`- " : "|- ") : last ? "└─ " : "├─ ");
}

static void label(struct drawing *drawing, const char *name) {
  branch(drawing, 0, false, false);
  tree_addz(&drawing->lines, TREE_BOLD, name);
  tree_addz(&drawing->lines, TREE_PLAIN, "  ");
  tree_pad(&drawing->lines, LABEL_COLUMN);
}

static void bar(struct drawing *drawing, int64_t part, int64_t whole, enum tree_style style) {
  bool ascii = drawing->view->ascii;
  const char *full = ascii ? "#" : "█", *empty = ascii ? "." : "░";
  int64_t filled = whole > 0 ? (part * BAR_WIDTH + whole / 2) / whole : 0;
  if (part > 0 && filled == 0)
    filled = 1; // a little is not nothing
  filled = filled < 0 ? 0 : filled > BAR_WIDTH ? BAR_WIDTH : filled;
  struct buf cells;
  buf_init(&cells, 256);
  for (int64_t i = 0; i < filled; i++)
    buf_add_z(&cells, full);
  tree_add(&drawing->lines, style, buf_str(&cells));
  buf_reset(&cells);
  for (int64_t i = filled; i < BAR_WIDTH; i++)
    buf_add_z(&cells, empty);
  tree_add(&drawing->lines, TREE_DIM, buf_str(&cells));
  buf_dispose(&cells);
}

static struct str version_name(const struct rollout_identity *identity) {
  return identity->version.len ? identity->version : identity->deployment;
}

// ---- the parts of the tree ----

static void draw_head(struct drawing *drawing) {
  const struct rollout *rollout = drawing->view->rollout;
  const struct rollout_status *status = drawing->status;
  struct tree_lines *lines = &drawing->lines;
  tree_addf(lines, TREE_BOLD, "%.*s", STR_ARG(rollout->metadata.name));
  tree_addf(lines, TREE_DIM, " in %.*s   ", STR_ARG(rollout->metadata.namespace_));
  tree_addz(lines, phase_style(status->phase), tree_phase_word(status));
  bool hands_over = rollout->spec.workload_ref && status->stable && status->canary &&
                    str_eq(status->stable->hash, status->canary->hash);
  if (status->stable && status->canary && !hands_over)
    tree_addf(lines, TREE_PLAIN, "   %.*s %s %.*s", STR_ARG(version_name(status->stable)),
              drawing->view->ascii ? "->" : "→", STR_ARG(version_name(status->canary)));
  else if (status->stable)
    tree_addf(lines, TREE_PLAIN, "   %.*s", STR_ARG(version_name(status->stable)));
  if (!status->release && status->failed && status->history_count && status->history[0].version.len)
    tree_addf(lines, TREE_RED, "   %.*s was put back", STR_ARG(status->history[0].version));
  if (status->release && status->release->changed.len)
    tree_addf(lines, TREE_PLAIN, "   (%.*s changed)", STR_ARG(status->release->changed));
  if (status->release && status->release->started_at)
    tree_addf(lines, TREE_DIM, "   for %.*s",
              STR_ARG(duration_words(drawing->arena,
                                     drawing->view->now_ms - status->release->started_at)));
  tree_end(lines);
}

static void draw_weight(struct drawing *drawing) {
  const struct rollout_weight_status *weight = &drawing->status->weight;
  struct tree_lines *lines = &drawing->lines;
  int64_t parts = 0;
  if (!weight->canary.len || !percent_parse_parts(weight->canary, &parts))
    return;
  label(drawing, "weight");
  if (!drawing->status->canary && parts == 0) { // no release: one version has it all
    bar(drawing, ROLLOUT_FULL, ROLLOUT_FULL, TREE_GREEN);
    tree_addf(lines, TREE_PLAIN, "  stable %.*s%%", STR_ARG(weight->stable));
    tree_end(lines);
    return;
  }
  bar(drawing, parts, ROLLOUT_FULL, TREE_CYAN);
  tree_addf(lines, TREE_PLAIN, "  canary %.*s%%, stable %.*s%%", STR_ARG(weight->canary),
            STR_ARG(weight->stable));
  if (weight->observed.len)
    tree_addf(lines, TREE_PLAIN, ", observed %.*s%%", STR_ARG(weight->observed));
  if (weight->acknowledged.len)
    tree_addf(lines, TREE_DIM, ", %.*s proxies", STR_ARG(weight->acknowledged));
  tree_end(lines);
}

// A monitoring that holds after its time has the release's deadline: no end of the step.
static bool is_over(const struct rollout_step *spec, int64_t whole_ms) {
  return spec->monitor && whole_ms > spec->monitor->duration_ms + LATE_MS;
}

static void draw_countdown(struct drawing *drawing, const struct rollout_step *spec,
                           const struct rollout_step_status *step) {
  int64_t now_ms = drawing->view->now_ms;
  if (!step->deadline || step->deadline <= step->started_at ||
      is_over(spec, step->deadline - step->started_at))
    return;
  int64_t whole = step->deadline - step->started_at, left = step->deadline - now_ms;
  tree_addf(&drawing->lines, TREE_PLAIN, "   %.*s left  ",
            STR_ARG(duration_words(drawing->arena, left > 0 ? left : 0)));
  bar(drawing, now_ms - step->started_at, whole, TREE_YELLOW);
}

enum step_state { STEP_DONE, STEP_CURRENT, STEP_BROKEN, STEP_AHEAD };

static const struct {
  const char *mark, *ascii;
  enum tree_style style, text;
} step_looks[] = {
    [STEP_DONE] = {"✓ ", "+ ", TREE_GREEN, TREE_PLAIN},
    [STEP_CURRENT] = {"▶ ", "> ", TREE_YELLOW, TREE_BOLD},
    [STEP_BROKEN] = {"✗ ", "x ", TREE_RED, TREE_BOLD},
    [STEP_AHEAD] = {"· ", "- ", TREE_DIM, TREE_DIM},
};

static void draw_step(struct drawing *drawing, size_t index, enum step_state state) {
  const struct rollout_spec *spec = &drawing->view->rollout->spec;
  branch(drawing, 1, false, index + 1 == spec->steps_count);
  tree_addz(&drawing->lines, step_looks[state].style,
            drawing->view->ascii ? step_looks[state].ascii : step_looks[state].mark);
  tree_add(&drawing->lines, step_looks[state].text, step_text(spec, index, drawing->arena));
  if (state == STEP_CURRENT)
    draw_countdown(drawing, &spec->steps[index], &drawing->status->step);
  tree_end(&drawing->lines);
}

// Only of a release that runs or is done well: of one that was put back, status keeps no step.
static void draw_steps(struct drawing *drawing) {
  const struct rollout_spec *spec = &drawing->view->rollout->spec;
  const struct rollout_status *status = drawing->status;
  bool running = status->release != NULL, done = status->phase == ROLLOUT_HEALTHY;
  if (!running && !done)
    return;
  size_t at = status->step.index < 0 ? 0 : (size_t)status->step.index;
  if (!running || at > spec->steps_count)
    at = spec->steps_count;
  label(drawing, "steps");
  tree_addf(&drawing->lines, TREE_PLAIN, "%zu of %zu", at < spec->steps_count ? at + 1 : at,
            spec->steps_count);
  tree_end(&drawing->lines);
  enum step_state current = status->phase == ROLLOUT_ROLLING_BACK ? STEP_BROKEN : STEP_CURRENT;
  for (size_t i = 0; i < spec->steps_count; i++)
    draw_step(drawing, i, i < at ? STEP_DONE : i == at ? current : STEP_AHEAD);
}

static struct str or_dash(struct str text) {
  return text.len ? text : STR("-");
}

static enum tree_style verdict_style(enum rollout_verdict verdict) {
  return verdict == ROLLOUT_PASS ? TREE_GREEN : verdict == ROLLOUT_FAIL ? TREE_RED : TREE_YELLOW;
}

struct metric_widths {
  size_t name, verdict, canary, stable, limit, requests;
};

static void widen(size_t *width, struct str text) {
  size_t own = table_text_width(text);
  *width = own > *width ? own : *width;
}

static struct str requests_text(struct drawing *drawing,
                                const struct rollout_metric_status *metric) {
  return arena_printf(drawing->arena, "%lld requests", (long long)metric->requests);
}

static struct metric_widths measure(struct drawing *drawing) {
  struct metric_widths widths = {0};
  for (size_t i = 0; i < drawing->status->metrics_count; i++) {
    const struct rollout_metric_status *metric = &drawing->status->metrics[i];
    widen(&widths.name, metric->name);
    widen(&widths.verdict, str_of(tree_verdict_word(metric->verdict)));
    widen(&widths.canary, or_dash(metric->canary));
    widen(&widths.stable, or_dash(metric->stable));
    widen(&widths.limit, or_dash(metric->limit));
    widen(&widths.requests, requests_text(drawing, metric));
  }
  return widths;
}

static void cell(struct drawing *drawing, const char *title, enum tree_style style, struct str text,
                 size_t width) {
  struct tree_lines *lines = &drawing->lines;
  if (*title)
    tree_addz(lines, TREE_DIM, title);
  tree_add(lines, style, text);
  tree_pad(lines, lines->used + width - table_text_width(text) + 2);
}

static void draw_metric(struct drawing *drawing, const struct rollout_metric_status *metric,
                        const struct metric_widths *widths) {
  struct tree_lines *lines = &drawing->lines;
  cell(drawing, "", TREE_PLAIN, metric->name, widths->name);
  cell(drawing, "", verdict_style(metric->verdict), str_of(tree_verdict_word(metric->verdict)),
       widths->verdict);
  cell(drawing, "canary ", TREE_PLAIN, or_dash(metric->canary), widths->canary);
  cell(drawing, "stable ", TREE_PLAIN, or_dash(metric->stable), widths->stable);
  cell(drawing, "limit ", TREE_PLAIN, or_dash(metric->limit), widths->limit);
  cell(drawing, "", TREE_PLAIN, requests_text(drawing, metric), widths->requests);
  tree_add(lines, TREE_DIM, metric->reason);
}

// The judge's message often is that of one metric, which says it itself.
static bool says_more(const struct rollout_status *status) {
  for (size_t i = 0; i < status->metrics_count; i++)
    if (status->metrics[i].reason.len &&
        str_contains(status->judge.message, status->metrics[i].reason))
      return false;
  return status->judge.message.len > 0;
}

static void draw_evidence(struct drawing *drawing, struct str text, bool last) {
  if (!text.len)
    return;
  bool ascii = drawing->view->ascii;
  tree_addz(&drawing->lines, TREE_DIM, ascii ? "|  " : "│  ");
  tree_addz(&drawing->lines, TREE_DIM, last ? "     " : ascii ? "|    " : "│    ");
  tree_addf(&drawing->lines, TREE_DIM, "evidence %.*s", STR_ARG(text));
  tree_end(&drawing->lines);
}

static void draw_metrics(struct drawing *drawing) {
  const struct rollout_status *status = drawing->status;
  struct tree_lines *lines = &drawing->lines;
  if (status->metrics_count == 0)
    return;
  struct metric_widths widths = measure(drawing);
  label(drawing, "analysis");
  tree_add(lines, TREE_PLAIN, or_dash(status->judge.verdict));
  if (status->judge.at)
    tree_addf(lines, TREE_DIM, ", judged %.*s ago",
              STR_ARG(duration_words(drawing->arena, drawing->view->now_ms - status->judge.at)));
  if (says_more(status))
    tree_addf(lines, TREE_DIM, ": %.*s", STR_ARG(status->judge.message));
  tree_end(lines);
  struct str all = evidence_text_all(status, drawing->view->now_ms, drawing->arena);
  for (size_t i = 0; i < status->metrics_count; i++) {
    bool last = i + 1 == status->metrics_count && !all.len;
    branch(drawing, 1, false, last);
    draw_metric(drawing, &status->metrics[i], &widths);
    tree_end(lines);
    draw_evidence(drawing, evidence_text_metric(&status->metrics[i], drawing->arena), last);
  }
  if (all.len) {
    branch(drawing, 1, false, true);
    tree_add(lines, TREE_PLAIN, all);
    tree_end(lines);
  }
}

static void draw_version(struct drawing *drawing, const char *role,
                         const struct rollout_identity *identity,
                         const struct tree_workload *workload, bool last) {
  struct tree_lines *lines = &drawing->lines;
  branch(drawing, 1, false, last);
  tree_addf(lines, TREE_PLAIN, "%s  %.*s", role, STR_ARG(identity->deployment));
  if (identity->version.len)
    tree_addf(lines, TREE_DIM, "  %.*s", STR_ARG(identity->version));
  if (workload->is_known)
    tree_addf(lines, workload->ready < workload->wanted ? TREE_YELLOW : TREE_PLAIN,
              "  %lld/%lld ready", (long long)workload->ready, (long long)workload->wanted);
  tree_end(lines);
}

static void draw_versions(struct drawing *drawing) {
  const struct rollout_status *status = drawing->status;
  if (!status->stable && !status->canary)
    return;
  label(drawing, "versions");
  tree_addf(&drawing->lines, TREE_DIM, "revision %lld", (long long)status->revision);
  tree_end(&drawing->lines);
  if (status->stable)
    draw_version(drawing, "stable", status->stable, &drawing->view->stable, !status->canary);
  if (status->canary)
    draw_version(drawing, "canary", status->canary, &drawing->view->canary, true);
}

// Workload form: the Deployment that somebody else changes.
static void draw_original(struct drawing *drawing) {
  struct original_text text = original_text(drawing->view->rollout, drawing->arena);
  struct tree_lines *lines = &drawing->lines;
  if (!text.now.len)
    return;
  label(drawing, "workload");
  tree_addf(lines, TREE_PLAIN, "Deployment %.*s", STR_ARG(text.now));
  tree_end(lines);
  branch(drawing, 1, false, !text.todo.len);
  tree_addf(lines, TREE_DIM, "next   %.*s", STR_ARG(text.next));
  tree_end(lines);
  if (!text.todo.len)
    return;
  branch(drawing, 1, false, true);
  tree_addf(lines, TREE_YELLOW, "to do  %.*s", STR_ARG(text.todo));
  tree_end(lines);
}

static void draw_condition(struct drawing *drawing, const char *type) {
  const struct rollout_condition *condition = rollout_condition_find(drawing->status, type);
  if (!condition || condition->status != ROLLOUT_TRUE)
    return;
  label(drawing, type);
  tree_addf(&drawing->lines, TREE_RED, "%.*s: %.*s", STR_ARG(condition->reason),
            STR_ARG(condition->message));
  tree_end(&drawing->lines);
}

void tree_write(const struct tree_view *view, struct arena *arena, struct buf *out) {
  struct drawing drawing = {
      .view = view,
      .status = &view->rollout->status,
      .arena = arena,
      .lines = {.out = out, .width = view->width, .color = view->color},
  };
  draw_head(&drawing);
  draw_weight(&drawing);
  draw_steps(&drawing);
  draw_metrics(&drawing);
  draw_versions(&drawing);
  draw_original(&drawing);
  static const char *const alarms[] = {"Stalled", "Contended", "WeightUnverified", "RolledOutside"};
  for (size_t i = 0; i < sizeof alarms / sizeof alarms[0]; i++)
    draw_condition(&drawing, alarms[i]);
  branch(&drawing, 0, false, true);
  tree_add(&drawing.lines, phase_style(drawing.status->phase),
           tree_now_text(drawing.status, arena));
  tree_end(&drawing.lines);
}
