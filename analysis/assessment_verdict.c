// SPDX-License-Identifier: Apache-2.0
// What is said of an assessment: the judge's outcome for each metric, unless something speaks
// against any answer at all.
#include "analysis/assessment.h"

#include "analysis/confidence.h"
#include "analysis/latency.h"

#include <math.h>

#define DEFAULT_STALE_MS 60000
#define FIRST_SCRAPE_MS 10000 // so long nobody wonders that a step has no requests yet

static void insufficient(struct metric_verdict *verdict, enum cause cause, struct str reason) {
  verdict->outcome = OUTCOME_INSUFFICIENT;
  verdict->cause = cause;
  verdict->clean = false;
  verdict->reason = reason;
}

static void no_traffic(const struct assessment *state, const struct subject *subject,
                       struct metric_verdict *verdict, struct arena *arena) {
  if (!state->series && !state->scraped) {
    insufficient(verdict, CAUSE_NO_DATA,
                 STR("Prometheus has no successful scrape of any target in the window"));
  } else if (!state->series) {
    insufficient(
        verdict, CAUSE_NO_TRAFFIC,
        arena_printf(arena,
                     "no requests to %.*s are seen in istio_requests_total: there is no traffic, "
                     "or its proxies are not scraped",
                     STR_ARG(subject->service)));
  } else {
    insufficient(verdict, CAUSE_NO_TRAFFIC,
                 arena_printf(arena,
                              "no requests to canary %.*s since the step began (stable %.*s: %.0f)",
                              STR_ARG(subject->canary), STR_ARG(subject->stable), state->step.n_s));
  }
}

// What speaks against any answer on a built-in metric, whatever has been counted. False: nothing
// does.
static bool has_trouble(const struct assessment *state, const struct subject *subject,
                        const struct judge_settings *settings, int64_t now_ms,
                        struct metric_verdict *verdict, struct arena *arena) {
  int64_t stale_ms = settings->stale_after_ms > 0 ? settings->stale_after_ms : DEFAULT_STALE_MS;
  if (state->failed_query)
    insufficient(verdict, CAUSE_QUERY_ERROR, arena_str(arena, state->trouble));
  else if (!state->watermark_ms && !state->answered)
    insufficient(verdict, CAUSE_STALE, STR("Prometheus has not answered yet"));
  else if (state->step.n_c <= 0 && now_ms < state->step_began_ms + FIRST_SCRAPE_MS)
    insufficient(verdict, CAUSE_FEW_REQUESTS, STR("no request of this step has been scraped yet"));
  else if (state->newest_ms && now_ms - state->newest_ms > stale_ms)
    insufficient(verdict, CAUSE_STALE,
                 arena_printf(arena, "the newest sample of %.*s is %lld s old",
                              STR_ARG(subject->service),
                              (long long)((now_ms - state->newest_ms) / 1000)));
  else if (state->step.n_c <= 0)
    no_traffic(state, subject, verdict, arena);
  else
    return false;
  return true;
}

static void decide_metric(const struct assessment *state, const struct subject *subject,
                          const struct judge_scene *scene, size_t index, const struct judge *judge,
                          int64_t now_ms, struct arena *arena, struct metric_verdict *verdict) {
  const struct metric_spec *spec = &subject->metrics[index];
  const struct judge_settings *settings = scene->settings;
  const struct metric_state *metric = &scene->metrics[index];
  *verdict = (struct metric_verdict){.name = spec->name,
                                     .outcome = OUTCOME_INSUFFICIENT,
                                     .cause = CAUSE_FEW_REQUESTS,
                                     .limit = metric_limit_text(spec, arena)};
  verdict->reason = STR("not measured yet");
  judge->decide(scene, index, arena, verdict);
  if (verdict->outcome != OUTCOME_INSUFFICIENT)
    verdict->cause = CAUSE_NONE;
  if (verdict->outcome == OUTCOME_FAIL)
    return;
  if (spec->kind == METRIC_CUSTOM) {
    if (str_is_empty(metric->name))
      insufficient(verdict, CAUSE_STALE, STR("the query has not been answered yet"));
    return;
  }
  if (has_trouble(state, subject, settings, now_ms, verdict, arena))
    return;
  bool warming = now_ms < state->step_began_ms + settings->warmup_ms;
  if (spec->kind == METRIC_LATENCY && (warming || !metric->test_count))
    latency_missing(metric, state, settings, now_ms, arena, verdict);
}

// What is known of the subject's metrics, in their order; nothing of one that is new.
static struct metric_state *metrics_of(const struct assessment *state,
                                       const struct subject *subject, size_t count,
                                       struct arena *arena) {
  struct metric_state *metrics = ARENA_ARRAY(arena, struct metric_state, count + 1);
  for (size_t i = 0; i < count; i++) {
    metrics[i].reading.kind = READING_ERROR;
    for (size_t k = 0; k < state->metric_count; k++)
      if (str_eq(state->metrics[k].name, subject->metrics[i].name))
        metrics[i] = state->metrics[k];
  }
  return metrics;
}

struct verdict assessment_verdict(const struct assessment *state, const struct subject *subject,
                                  const struct judge *judge, const struct judge_settings *settings,
                                  int64_t now_ms, struct arena *arena) {
  size_t count = subject->metric_count;
  if (count > ASSESSMENT_METRICS_MAX)
    count = ASSESSMENT_METRICS_MAX;
  struct metric_verdict *metrics = ARENA_ARRAY(arena, struct metric_verdict, count + 1);
  struct judge_scene scene = {.settings = settings,
                              .specs = subject->metrics,
                              .metrics = metrics_of(state, subject, count, arena),
                              .count = count,
                              .to_ms = assessment_counted_until(state),
                              .step_began_ms = state->step_began_ms,
                              .in_step = true,
                              .phi = assessment_phi(state),
                              .arena = arena};
  for (size_t i = 0; i < count; i++)
    decide_metric(state, subject, &scene, i, judge, now_ms, arena, &metrics[i]);
  struct verdict verdict = verdict_fold(metrics, count, arena);
  verdict.may_end_early = judge->ends_early;
  if (judge->conclude)
    judge->conclude(&scene, arena, &verdict);
  verdict.share_decades =
      share_log_bayes(state->step.n_c, state->step.n_s, settings->weight / 100) / log(10);
  if (!str_is_empty(state->warnings))
    verdict.reason = arena_printf(arena, "%.*s (Prometheus warns: %.*s)", STR_ARG(verdict.reason),
                                  STR_ARG(state->warnings));
  return verdict;
}
