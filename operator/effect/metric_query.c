// SPDX-License-Identifier: Apache-2.0
// When which release is looked at, and what is asked about it. Looks are aligned on the clock, so
// that all releases of one interval share a round of a few queries (query_round.c).
#include "analysis/assessment_json.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "manifests/kinds/metric_set.h"
#include "manifests/kinds/rollout.h"
#include "manifests/schema/decode.h"
#include "operator/effect/query_round.h"
#include "operator/effect/subject_of.h"

#define LOOK_MS 200 // releases that are due within this of each other share a round
#define INTERVAL_MIN_MS 500
#define SECRET_WAIT_MS 100
#define REPEAT_MS 60000 // the same trouble is logged once in that time

// --- what a judgement is about ---

void release_forget_judgement(struct release *release) {
  if (release->assessment)
    assessment_dispose(release->assessment);
  xfree(release->assessment);
  release->assessment = NULL;
  release->has_history = false;
  release->verdict = NULL;
  release->judgement = (struct judgement){0};
  arena_dispose(&release->verdict_arena);
  xfree((void *)(uintptr_t)release->release_id.ptr);
  release->release_id = STR_NULL;
}

// Takes up the evidence that status keeps, or begins anew; a weight that was verified since begins
// a new step.
static void follow(struct release *release, const struct rollout_status *status) {
  int64_t began_ms = status->release->traffic_at;
  if (!release->assessment || !str_eq(release->release_id, status->release->id)) {
    release_forget_judgement(release);
    release->release_id = (struct str){xmemdup(status->release->id.ptr, status->release->id.len),
                                       status->release->id.len};
    struct arena arena;
    struct json *state = NULL;
    arena_init(&arena);
    release->assessment = XNEW(struct assessment);
    assessment_init(release->assessment, began_ms);
    if (status->judge.state.len && json_parse(status->judge.state, &arena, &state, NULL) == RC_OK) {
      assessment_dispose(release->assessment);
      (void)assessment_from_json(release->assessment, state, began_ms, NULL);
      if (release->assessment->began_ms < began_ms) { // of an earlier release
        assessment_dispose(release->assessment);
        assessment_init(release->assessment, began_ms);
      }
    }
    arena_dispose(&arena);
  }
  // An increment between two scrapes belongs to the new weight only if the first of them came after
  // the change.
  int64_t step_ms = status->weight.written_at
                        ? status->weight.written_at + release->controller->options.scrape_ms
                        : 0;
  if (step_ms > release->assessment->step_began_ms)
    assessment_step(release->assessment, step_ms);
}

static struct rollout *decoded(const struct release *release, struct arena *arena) {
  const struct json *json =
      kube_watch_get(release->controller->watches[WATCH_ROLLOUTS], release->ns, release->name);
  struct decode_options options = {
      .unknown = UNKNOWN_IGNORE, .skip_checks = true, .skip_verbatim = true};
  struct rollout *rollout = NULL;
  // The cache's tree goes when we return to the loop: what is decoded refers to a copy.
  if (json)
    (void)kind_decode(&rollout_kind, json_dup(arena, json), &options, arena, NULL,
                      (void **)&rollout);
  return rollout;
}

// A metric that cannot be asked for is told as a judgement, so that status says it.
static void cannot_judge(struct release *release, const struct err *why) {
  uint64_t held;
  if (log_limit_pass(&release->judge_log, str_of(why->msg), clock_mono_ms(), REPEAT_MS, &held))
    LOG(LOG_WARN, "cannot be judged", LOG_S("rollout", release->key), LOG_Z("error", why->msg),
        LOG_I("repeated", (int64_t)held));
  arena_dispose(&release->verdict_arena);
  release->verdict = ARENA_NEW(&release->verdict_arena, struct verdict);
  *release->verdict = (struct verdict){.outcome = OUTCOME_INSUFFICIENT,
                                       .cause = CAUSE_QUERY_ERROR,
                                       .reason = arena_strz(&release->verdict_arena, why->msg)};
  release->judgement = (struct judgement){.at_ms = clock_wall_ms(), .verdict = release->verdict};
  release_due(release, 0);
}

// The MetricSets that the Rollout names, as they are now.
static struct metric_sets sets_of(const struct release *release, const struct rollout *rollout,
                                  struct arena *arena) {
  const struct rollout_analysis *analysis = &rollout->spec.analysis;
  const struct metric_set **items =
      ARENA_ARRAY(arena, const struct metric_set *, analysis->metric_sets_count + 1);
  struct metric_sets sets = {.items = items};
  for (size_t i = 0; i < analysis->metric_sets_count; i++) {
    const struct json *json = kube_watch_get(release->controller->watches[WATCH_SETS], release->ns,
                                             analysis->metric_sets[i].name);
    struct decode_options options = {
        .unknown = UNKNOWN_IGNORE, .skip_checks = true, .skip_verbatim = true};
    void *set = NULL;
    // The cache's object may go before the round ends: what is decoded refers to a copy.
    if (json)
      (void)kind_decode(&metric_set_kind, json_dup(arena, json), &options, arena, NULL, &set);
    if (set)
      items[sets.count++] = set;
  }
  return sets;
}

// To the next tick of a clock that all releases of this interval share.
static int64_t until_next_look(const struct rollout *rollout) {
  int64_t interval_ms = rollout->spec.analysis.interval_ms;
  interval_ms = interval_ms > INTERVAL_MIN_MS ? interval_ms : INTERVAL_MIN_MS;
  int64_t left_ms = interval_ms - clock_wall_ms() % interval_ms;
  return left_ms <= LOOK_MS ? left_ms + interval_ms : left_ms; // this tick is being served
}

// Prepares one due release; the decoded Rollout lives in the same arena as the subject made of it.
static void prepare(struct controller *controller, struct map *rounds, struct release *release) {
  struct round_release asked = {.release = release};
  struct err err = {0};
  arena_init(&asked.arena);
  struct rollout *rollout = decoded(release, &asked.arena);
  release->next_query_ms = 0;
  if (!rollout || !subject_is_judged(&rollout->status)) {
    arena_dispose(&asked.arena);
    return;
  }
  release->next_query_ms = clock_mono_ms() + until_next_look(rollout);
  const struct json *rule = kube_watch_get(controller->watches[WATCH_RULES], release->ns,
                                           rollout->spec.traffic.destination_rule);
  asked.subject = ARENA_NEW(&asked.arena, struct subject);
  asked.judge = judge_find(str_of(subject_judge_name(rollout)), &err);
  // The rule's strings are the cache's: a copy lives as long as the subject.
  struct json *kept_rule = rule ? json_dup(&asked.arena, rule) : NULL;
  struct metric_sets sets = sets_of(release, rollout, &asked.arena);
  if (!asked.judge ||
      subject_of(rollout, kept_rule, &sets, &asked.arena, asked.subject, &err) != RC_OK) {
    cannot_judge(release, &err);
    arena_dispose(&asked.arena);
    return;
  }
  struct prometheus_source source =
      prometheus_source_of(&rollout->spec.analysis.prometheus, &controller->options.prometheus,
                           release->ns, &asked.arena);
  if (prometheus_source_ready(controller->secrets, &source, &err) == SOURCE_WAITS) {
    release->next_query_ms = clock_mono_ms() + SECRET_WAIT_MS;
    arena_dispose(&asked.arena);
    return;
  }
  follow(release, &rollout->status);
  asked.settings = subject_judge_settings(rollout, round_scrape_ms(controller, source.key));
  // Evidence that was taken up from status has its stable rate already.
  asked.subject->wants_history = !release->has_history && !release->assessment->watermark_ms;
  round_join(round_of(controller, rounds, &source), &asked);
}

static void on_judge_timer(uv_timer_t *timer) {
  struct controller *controller = container_of(timer, struct controller, judge_timer);
  struct map rounds;
  int64_t now_ms = clock_mono_ms();
  map_init(&rounds);
  struct map_iter it = map_begin(&controller->releases);
  while (controller_is_leading(controller) && map_each(&it)) {
    struct release *release = it.value;
    if (release->next_query_ms && release->next_query_ms <= now_ms + LOOK_MS && !release->asking)
      prepare(controller, &rounds, release);
  }
  struct map_iter round = map_begin(&rounds);
  while (map_each(&round))
    round_ask(round.value);
  map_dispose(&rounds);
  metric_query_arm(controller);
}

// The timer runs only while something is to be asked: an idle operator sleeps.
void metric_query_arm(struct controller *controller) {
  int64_t next_ms = INT64_MAX;
  struct map_iter it = map_begin(&controller->releases);
  while (map_each(&it)) {
    const struct release *release = it.value;
    if (release->next_query_ms && release->next_query_ms < next_ms && !release->asking)
      next_ms = release->next_query_ms;
  }
  if (next_ms == INT64_MAX || controller->closing) {
    uv_timer_stop(&controller->judge_timer);
    return;
  }
  int64_t left_ms = next_ms - clock_mono_ms();
  uv_update_time(controller->loop);
  uv_timer_start(&controller->judge_timer, on_judge_timer, (uint64_t)(left_ms > 0 ? left_ms : 0),
                 0);
}

void metric_query_consider(struct release *release, const struct rollout *rollout) {
  if (!subject_is_judged(&rollout->status)) {
    bool ended = !rollout->status.release && release->assessment && !release->asking;
    if (ended)
      release_forget_judgement(release);
    release->next_query_ms = 0;
    return;
  }
  if (release->next_query_ms || release->asking)
    return;
  release->next_query_ms = clock_mono_ms();
  if (!release->controller->closing) // now is the next look of all: none need be searched for
    uv_timer_start(&release->controller->judge_timer, on_judge_timer, 0, 0);
}

static void on_secret_released(void *data) {
  controller_finish(data);
}

void metric_query_open(struct controller *controller) {
  uv_timer_init(controller->loop, &controller->judge_timer);
  controller->open_handles++;
  controller->secrets =
      prometheus_secrets_new(controller->options.kube, on_secret_released, controller);
  map_init(&controller->servers);
}

void metric_query_close(struct controller *controller, uv_close_cb closed) {
  round_cancel_all(controller);
  prometheus_secrets_close(controller->secrets);
  uv_close((uv_handle_t *)&controller->judge_timer, closed);
}
