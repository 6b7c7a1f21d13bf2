// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/plan_text.h"
#include "analysis/latency.h"
#include "analysis/sequential_words.h"
#include "manifests/text/duration.h"
#include "manifests/text/percent.h"
#include "operator/cli/step_text.h"
#include "operator/cli/table_text.h"
#include "operator/effect/subject_of.h"
#include "operator/reconcile/content.h"

#include <math.h>

struct walk {
  const struct rollout *rollout;
  struct arena *arena;
  int64_t weight;            // parts of ROLLOUT_FULL after the step
  int64_t least_ms, most_ms; // up to and with the step
  bool open_end;             // a pause until promoted came: nobody knows how long
};

static struct str span(struct arena *arena, int64_t least_ms, int64_t most_ms, bool open_end) {
  struct str least = duration_words(arena, least_ms), most = duration_words(arena, most_ms);
  if (open_end)
    return arena_printf(arena, "%.*s or more", STR_ARG(least));
  return least_ms == most_ms ? most
                             : arena_printf(arena, "%.*s to %.*s", STR_ARG(least), STR_ARG(most));
}

static bool is_sequential(const struct rollout *rollout) {
  return str_eq_z(str_of(subject_judge_name(rollout)), "sequential");
}

// A deploy step ends when the replicas are ready; only its bound is known.
static void step_span(const struct rollout_step *step, bool is_sequential, int64_t *ret_least,
                      int64_t *ret_most, bool *ret_open) {
  *ret_least = *ret_most = 0;
  *ret_open = false;
  switch (rollout_step_kind(step)) {
  case ROLLOUT_STEP_DEPLOY: *ret_most = step->deploy->timeout_ms; break;
  case ROLLOUT_STEP_MONITOR:
    *ret_most = step->monitor->duration_ms;
    // Only a judge of evidence ends a step before its time.
    *ret_least = is_sequential && step->monitor->min_ms < step->monitor->duration_ms
                     ? step->monitor->min_ms
                     : step->monitor->duration_ms;
    break;
  case ROLLOUT_STEP_PAUSE:
    *ret_open = !step->pause->has_duration_ms;
    *ret_least = *ret_most = step->pause->has_duration_ms ? step->pause->duration_ms : 0;
    break;
  case ROLLOUT_STEP_NONE:
  case ROLLOUT_STEP_SET_WEIGHT:
  case ROLLOUT_STEP_DECOMMISSION: break;
  }
}

#define USUAL_ERRORS 0.001 // of a service that is well; a pass takes about as many from 0 to 2 %
#define PASS_PHI 2

// Canary requests until a good canary has passed by evidence, or that a verdict needs at least.
static double canary_requests(const struct walk *walk) {
  const struct rollout_judge *judge = &walk->rollout->spec.analysis.judge;
  if (!is_sequential(walk->rollout))
    return (double)judge->min_requests;
  if (walk->weight >= ROLLOUT_FULL)
    return 0; // no control group: only limits are watched
  const struct judge_preset *preset =
      judge_preset_find(str_of(subject_preset_name(walk->rollout)), NULL);
  struct line accept = {preset->errors_accept.ratio, preset->errors_accept.percent / 100};
  struct rates rates = {USUAL_ERRORS, USUAL_ERRORS};
  double stable = (double)(ROLLOUT_FULL - walk->weight) / (double)walk->weight;
  return expected_to_pass(&accept, &rates, stable, PASS_PHI, 0,
                          -log10(judge->beta > 0 ? judge->beta : preset->beta));
}

// What the service must get in all so that the canary's share is enough for a verdict.
static struct str requests_needed(const struct walk *walk, const struct rollout_step *step) {
  if (rollout_step_kind(step) != ROLLOUT_STEP_MONITOR || walk->weight <= 0)
    return STR("-");
  double least = canary_requests(walk);
  if (!(least > 0) || !isfinite(least))
    return STR("-");
  double all = ceil(least * ROLLOUT_FULL / (double)walk->weight);
  double per_s =
      all * 1000 / (double)(step->monitor->duration_ms > 0 ? step->monitor->duration_ms : 1);
  return arena_printf(walk->arena, "%s%.0f (%.3g/s), %.0f of them to the canary",
                      is_sequential(walk->rollout) ? "about " : "", all, per_s, ceil(least));
}

static void add_step(struct walk *walk, struct table_text *table, size_t index) {
  const struct rollout_step *step = &walk->rollout->spec.steps[index];
  int64_t least_ms, most_ms;
  bool open_end;
  step_span(step, is_sequential(walk->rollout), &least_ms, &most_ms, &open_end);
  if (rollout_step_kind(step) == ROLLOUT_STEP_SET_WEIGHT)
    walk->weight = rollout_step_parts(step);
  walk->least_ms += least_ms;
  walk->most_ms += most_ms;
  walk->open_end |= open_end;
  table_text_add(table, arena_printf(walk->arena, "%zu", index + 1));
  table_text_add(table, step_text(&walk->rollout->spec, index, walk->arena));
  table_text_add(table, arena_printf(walk->arena, "%.*s%%",
                                     STR_ARG(percent_format_parts(walk->arena, walk->weight))));
  table_text_add(table, most_ms || open_end ? span(walk->arena, least_ms, most_ms, open_end)
                                            : STR("at once"));
  table_text_add(table, span(walk->arena, walk->least_ms, walk->most_ms, walk->open_end));
  table_text_add(table, requests_needed(walk, step));
}

// A limit that is no bucket boundary cannot be judged as written.
static void write_note(struct str name, struct str limit, struct arena *arena, struct buf *out) {
  struct metric_spec spec;
  if (!metric_builtin(name, &spec) || metric_limit_parse(&spec, limit, NULL) != RC_OK)
    return;
  struct str note = latency_note(&spec, arena);
  if (note.len)
    buf_addf(out, "    %.*s\n", STR_ARG(note));
}

static void write_metrics(const struct rollout *rollout, struct arena *arena, struct buf *out) {
  const struct rollout_analysis *analysis = &rollout->spec.analysis;
  buf_add_z(out, "\nJudged by:\n");
  for (size_t i = 0; i < analysis->metrics_count; i++) {
    struct str limit = rollout_metric_limit(&analysis->metrics[i], arena);
    buf_addf(out, "  %.*s", STR_ARG(analysis->metrics[i].name));
    if (limit.len)
      buf_addf(out, ", limit %.*s", STR_ARG(limit));
    if (!analysis->metrics[i].query.len)
      buf_add_z(out, ", canary beside stable");
    buf_add_char(out, '\n');
    if (limit.len && !analysis->metrics[i].query.len)
      write_note(analysis->metrics[i].name, limit, arena, out);
  }
  buf_addf(out, "every %.*s; a failure %s, no data %s.\n",
           STR_ARG(duration_words(arena, analysis->interval_ms)),
           analysis->on_failure == ROLLOUT_FAILURE_HOLD ? "holds" : "rolls back",
           analysis->on_no_data == ROLLOUT_NO_DATA_PROMOTE    ? "promotes"
           : analysis->on_no_data == ROLLOUT_NO_DATA_ROLLBACK ? "rolls back"
                                                              : "holds");
}

// What comes after the steps, and what is not told by them.
static void write_original(const struct rollout *rollout, struct buf *out) {
  const struct rollout_workload_ref *ref = rollout->spec.workload_ref;
  static const char *const leavings[] = {
      [0] = "stays paused, and says so in an annotation",
      [ROLLOUT_ON_DELETE_KEEP_PAUSED] = "stays paused, and says so in an annotation",
      [ROLLOUT_ON_DELETE_PUT_BACK] = "gets the template back that its pods run, and is resumed",
      [ROLLOUT_ON_DELETE_ROLL] = "is resumed, and rolls to that template at once"};
  if (!ref)
    return;
  struct str name = ref->name;
  buf_addf(out,
           "\nDeployment %.*s is kept paused: its pods stay until all traffic is on the canary. "
           "Then it rolls to the\nnew template, gets the traffic back, and the canary goes. After "
           "a failure it keeps the template, which is not\ntried again until `serin retry`; "
           "`serin undo` puts the old one back.\nWhen the Rollout is deleted while its template is "
           "not what its pods run, it %s.\n",
           STR_ARG(name), leavings[ref->on_delete]);
}

// Without a cluster: what is there, and what an annotation leaves out, is not known.
static void write_tracked(const struct rollout *rollout, const struct json *pod_template,
                          struct arena *arena, struct buf *out) {
  enum rollout_config_tracking which = rollout->spec.config_tracking;
  size_t count, told = 0;
  const struct content_ref *refs = content_refs(pod_template, arena, &count);
  for (size_t i = 0; i < count; i++) {
    bool is_secret = str_eq_z(refs[i].kind, "Secret");
    if (which == ROLLOUT_TRACK_NONE || (is_secret && which != ROLLOUT_TRACK_ALL))
      continue;
    buf_addf(out, "%s%.*s %.*s",
             told++ ? ", " : "A change of the content of these is a release, too: ",
             STR_ARG(refs[i].kind), STR_ARG(refs[i].name));
  }
  if (told)
    buf_add_z(out, ".\n\n");
}

void plan_text_write(const struct rollout *rollout, const struct json *pod_template,
                     struct arena *arena, struct buf *out) {
  static const char *const titles[] = {"STEP",  "WHAT",        "CANARY",
                                       "TAKES", "SINCE START", "REQUESTS NEEDED"};
  const size_t columns = sizeof titles / sizeof titles[0];
  const struct rollout_spec *spec = &rollout->spec;
  struct walk walk = {.rollout = rollout, .arena = arena};
  struct table_text table;
  if (rollout_form(spec) == ROLLOUT_FORM_PAIR)
    buf_addf(out, "%.*s: from %.*s to %.*s\n\n", STR_ARG(rollout->metadata.name),
             STR_ARG(spec->stable->deployment), STR_ARG(spec->canary->deployment));
  else if (rollout_form(spec) == ROLLOUT_FORM_WORKLOAD)
    buf_addf(out,
             "%.*s: from what Deployment %.*s runs to its template; the canary runs beside it, and "
             "at the end it takes the version over without traffic\n\n",
             STR_ARG(rollout->metadata.name), STR_ARG(spec->workload_ref->name));
  else
    buf_addf(out, "%.*s: from the version that serves to the template\n\n",
             STR_ARG(rollout->metadata.name));
  if (rollout_form(spec) != ROLLOUT_FORM_PAIR)
    write_tracked(rollout, pod_template ? pod_template : spec->pod_template, arena, out);
  table_text_init(&table, arena, columns);
  for (size_t i = 0; i < columns; i++)
    table_text_addz(&table, titles[i]);
  for (size_t i = 0; i < spec->steps_count; i++)
    add_step(&walk, &table, i);
  table_text_write(&table, out);
  write_metrics(rollout, arena, out);
  write_original(rollout, out);
  if (walk.open_end)
    buf_addf(out, "In all %.*s of its own, and as long as people take at the pauses.\n",
             STR_ARG(duration_words(arena, walk.least_ms)));
  else
    buf_addf(out, "In all %.*s.\n", STR_ARG(span(arena, walk.least_ms, walk.most_ms, false)));
}
