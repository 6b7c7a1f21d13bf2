// SPDX-License-Identifier: Apache-2.0
// Asks Prometheus for all releases that are due in one round of a few queries, and turns the
// replies into judgements.
#include "analysis/assessment_json.h"
#include "analysis/query.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "manifests/kinds/rollout.h"
#include "manifests/schema/decode.h"
#include "operator/effect/controller_parts.h"
#include "operator/effect/subject_of.h"

#define LOOK_MS 200            // releases that are due within this of each other share a round
#define QUERY_DEADLINE_MS 5000 // Flagger's; longer than any healthy answer
#define INTERVAL_MIN_MS 500
#define FIRST_SCRAPE_MS 60000

struct round;

struct round_query {
  struct round *round;
  struct query_item *item;
  struct http_op op;
};

struct round_release {
  struct release *release;
  const struct judge *judge;
  struct judge_settings settings;
  struct arena arena; // of subject and verdict; becomes the release's
  struct subject *subject;
};

// One question to one Prometheus, for several releases.
struct round {
  struct controller *controller;
  struct round *next;
  struct arena arena;
  struct str address;
  struct round_release *releases;
  size_t release_count;
  struct query_plan plan;
  struct round_query *queries;
  size_t pending;
  int64_t now_ms;
};

// --- what a judgement is about ---

void release_forget_judgement(struct release *release) {
  if (release->has_assessment)
    assessment_dispose(&release->assessment);
  release->has_assessment = false;
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
  if (!release->has_assessment || !str_eq(release->release_id, status->release->id)) {
    release_forget_judgement(release);
    release->release_id = (struct str){xmemdup(status->release->id.ptr, status->release->id.len),
                                       status->release->id.len};
    struct arena arena;
    struct json *state = NULL;
    arena_init(&arena);
    assessment_init(&release->assessment, began_ms);
    if (status->judge.state.len && json_parse(status->judge.state, &arena, &state, NULL) == RC_OK) {
      assessment_dispose(&release->assessment);
      (void)assessment_from_json(&release->assessment, state, began_ms, NULL);
      if (release->assessment.began_ms < began_ms) { // of an earlier release
        assessment_dispose(&release->assessment);
        assessment_init(&release->assessment, began_ms);
      }
    }
    arena_dispose(&arena);
    release->has_assessment = true;
  }
  // An increment between two scrapes belongs to the new weight only if the first of them came after
  // the change.
  int64_t step_ms = status->weight.written_at
                        ? status->weight.written_at + release->controller->options.scrape_ms
                        : 0;
  if (step_ms > release->assessment.step_began_ms)
    assessment_step(&release->assessment, step_ms);
}

static struct rollout *decoded(const struct release *release, struct arena *arena) {
  const struct json *json =
      kube_watch_get(release->controller->watches[WATCH_ROLLOUTS], release->ns, release->name);
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
  struct rollout *rollout = NULL;
  if (json)
    (void)kind_decode(&rollout_kind, json, &options, arena, NULL, (void **)&rollout);
  return rollout;
}

// --- the end of a round ---

static void judge_one(const struct round *round, struct round_release *asked) {
  struct release *release = asked->release;
  int64_t lag_ms = round->controller->options.scrape_ms;
  assessment_update(&release->assessment, asked->subject, &round->plan, asked->judge,
                    &asked->settings, round->now_ms, lag_ms);
  // Prometheus answers, but its first scrape with a request of the canary is still to come: no
  // judgement yet.
  const struct assessment *state_now = &release->assessment;
  if (!state_now->failed_query && !state_now->watermark_ms &&
      round->now_ms - state_now->began_ms < FIRST_SCRAPE_MS)
    return;
  struct verdict *verdict = ARENA_NEW(&asked->arena, struct verdict);
  *verdict = assessment_verdict(&release->assessment, asked->subject, asked->judge,
                                &asked->settings, round->now_ms, &asked->arena);
  struct str state = json_text(&asked->arena, assessment_json(&release->assessment, &asked->arena));
  arena_dispose(&release->verdict_arena);
  release->verdict_arena = asked->arena;
  arena_init(&asked->arena);
  release->verdict = verdict;
  release->judgement =
      (struct judgement){.at_ms = clock_wall_ms(), .verdict = verdict, .state = state};
  release->judgement.has_observed =
      assessment_observed(&release->assessment, &release->judgement.observed);
  release_due(release, 0);
}

static void round_end(struct round *round) {
  struct controller *controller = round->controller;
  for (size_t i = 0; i < round->release_count; i++) {
    struct round_release *asked = &round->releases[i];
    struct release *release = asked->release;
    release->asking = false;
    if (!release->gone && release->has_assessment)
      judge_one(round, asked);
    arena_dispose(&asked->arena);
    release_settle(release);
  }
  arena_dispose(&round->arena);
  struct round **at = &controller->rounds;
  while (*at != round)
    at = &(*at)->next;
  *at = round->next;
  xfree(round);
  controller_finish(controller);
}

static void on_reply(struct http_op *op, const struct http_reply *reply, const struct err *err) {
  struct round_query *query = container_of(op, struct round_query, op);
  struct round *round = query->round;
  query->item->result = reply ? prom_parse(reply->status, reply->body, &round->arena)
                              : prom_failed(&round->arena, arena_strz(&round->arena, err->msg));
  if (query->item->result->status == PROM_ERROR) {
    round->controller->counters.prometheus_errors++;
    LOG(LOG_WARN, "query failed", LOG_S("prometheus", round->address),
        LOG_S("error", query->item->result->error));
  }
  if (--round->pending == 0)
    round_end(round);
}

// --- the start of a round ---

static int ask_one(struct round *round, struct round_query *query) {
  struct err err = {0};
  struct arena *arena = &round->arena;
  struct http_header type = {STR("Content-Type"), STR("application/x-www-form-urlencoded")};
  struct http_request request = {
      .method = "POST",
      .url = arena_printf(arena, "%.*s/api/v1/query", STR_ARG(round->address)),
      .headers = &type,
      .header_count = 1,
      .body =
          arena_printf(arena, "query=%.*s&timeout=%ds",
                       STR_ARG(http_escape(arena, query->item->text)), QUERY_DEADLINE_MS / 1000),
      .deadline_ms = QUERY_DEADLINE_MS};
  round->controller->counters.prometheus_queries++;
  if (http_start(kube_client_http(round->controller->options.kube), &request, &query->op, on_reply,
                 &err) == RC_OK)
    return RC_OK;
  query->item->result = prom_failed(arena, arena_strz(arena, err.msg));
  round->controller->counters.prometheus_errors++;
  return err.rc;
}

static void ask_all(struct round *round) {
  const struct subject **subjects =
      ARENA_ARRAY(&round->arena, const struct subject *, round->release_count);
  int64_t counted_until_ms = INT64_MAX;
  for (size_t i = 0; i < round->release_count; i++) {
    int64_t until_ms = assessment_counted_until(&round->releases[i].release->assessment);
    subjects[i] = round->releases[i].subject;
    if (until_ms < counted_until_ms)
      counted_until_ms = until_ms;
  }
  struct query_options options = {.now_ms = round->now_ms,
                                  .counted_until_ms = counted_until_ms,
                                  .margin_ms = round->controller->options.scrape_ms * 5};
  round->plan = query_plan_make(subjects, round->release_count, &options, &round->arena);
  round->queries = ARENA_ARRAY(&round->arena, struct round_query, round->plan.count + 1);
  round->pending = 1; // ours, so that no reply ends the round before all are asked
  for (size_t i = 0; i < round->plan.count; i++) {
    struct query_item *item = &round->plan.items[i];
    round->queries[i] = (struct round_query){.round = round, .item = item};
    if (item->result)
      continue;
    if (str_is_empty(round->address))
      item->result = prom_failed(
          &round->arena, STR("no Prometheus is named: neither in spec.analysis.prometheus.address "
                             "nor by the operator's --prometheus"));
    else if (ask_one(round, &round->queries[i]) == RC_OK)
      round->pending++;
  }
  if (--round->pending == 0)
    round_end(round);
}

static struct str address_of(const struct controller *controller, const struct rollout *rollout) {
  struct str address = rollout->spec.analysis.prometheus.address;
  address = address.len ? address : controller->options.prometheus;
  while (str_ends(address, STR("/")))
    address = str_slice(address, 0, address.len - 1);
  return address;
}

// Puts the release into the round of its Prometheus.
static void join(struct controller *controller, struct map *rounds, struct release *release,
                 const struct rollout *rollout, struct round_release *asked) {
  struct str address = address_of(controller, rollout);
  struct round *round = map_get(rounds, address);
  if (!round) {
    round = XNEW(struct round);
    round->controller = controller;
    round->now_ms = clock_wall_ms();
    arena_init(&round->arena);
    round->address = arena_str(&round->arena, address);
    round->releases =
        ARENA_ARRAY(&round->arena, struct round_release, map_count(&controller->releases));
    round->next = controller->rounds;
    controller->rounds = round;
    map_put(rounds, address, round);
  }
  round->releases[round->release_count++] = *asked;
  release->asking = true;
}

// A metric that cannot be asked for is told as a judgement, so that status says it.
static void cannot_judge(struct release *release, const struct err *why) {
  LOG(LOG_WARN, "cannot be judged", LOG_S("rollout", release->key), LOG_Z("error", why->msg));
  arena_dispose(&release->verdict_arena);
  release->verdict = ARENA_NEW(&release->verdict_arena, struct verdict);
  *release->verdict = (struct verdict){.outcome = OUTCOME_INSUFFICIENT,
                                       .cause = CAUSE_QUERY_ERROR,
                                       .reason = arena_strz(&release->verdict_arena, why->msg)};
  release->judgement = (struct judgement){.at_ms = clock_wall_ms(), .verdict = release->verdict};
  release_due(release, 0);
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
  int64_t interval_ms = rollout->spec.analysis.interval_ms;
  release->next_query_ms =
      clock_mono_ms() + (interval_ms > INTERVAL_MIN_MS ? interval_ms : INTERVAL_MIN_MS);
  const struct json *rule = kube_watch_get(controller->watches[WATCH_RULES], release->ns,
                                           rollout->spec.traffic.destination_rule);
  asked.subject = ARENA_NEW(&asked.arena, struct subject);
  asked.settings = subject_judge_settings(rollout);
  asked.judge = judge_find(str_of(subject_judge_name(rollout)), &err);
  // The rule's strings are the cache's: a copy lives as long as the subject.
  struct json *kept_rule = rule ? json_dup(&asked.arena, rule) : NULL;
  if (!asked.judge || subject_of(rollout, kept_rule, &asked.arena, asked.subject, &err) != RC_OK) {
    cannot_judge(release, &err);
    arena_dispose(&asked.arena);
    return;
  }
  follow(release, &rollout->status);
  join(controller, rounds, release, rollout, &asked);
}

static void arm(struct controller *controller);

static void on_judge_timer(uv_timer_t *timer) {
  struct controller *controller = container_of(timer, struct controller, judge_timer);
  struct map rounds;
  int64_t now_ms = clock_mono_ms();
  map_init(&rounds);
  struct map_iter it = map_begin(&controller->releases);
  while (controller->leading && map_each(&it)) {
    struct release *release = it.value;
    if (release->next_query_ms && release->next_query_ms <= now_ms + LOOK_MS && !release->asking)
      prepare(controller, &rounds, release);
  }
  struct map_iter round = map_begin(&rounds);
  while (map_each(&round))
    ask_all(round.value);
  map_dispose(&rounds);
  arm(controller);
}

// The timer runs only while something is judged: an idle operator sleeps.
static void arm(struct controller *controller) {
  int64_t next_ms = INT64_MAX;
  struct map_iter it = map_begin(&controller->releases);
  while (map_each(&it)) {
    const struct release *release = it.value;
    if (release->next_query_ms && release->next_query_ms < next_ms)
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
    bool ended = !rollout->status.release && release->has_assessment && !release->asking;
    if (ended)
      release_forget_judgement(release);
    release->next_query_ms = 0;
    return;
  }
  if (release->next_query_ms || release->asking)
    return;
  release->next_query_ms = clock_mono_ms();
  arm(release->controller);
}

void metric_query_open(struct controller *controller) {
  uv_timer_init(controller->loop, &controller->judge_timer);
  controller->open_handles++;
}

void metric_query_close(struct controller *controller, uv_close_cb closed) {
  for (struct round *round = controller->rounds; round; round = round->next)
    for (size_t i = 0; i < round->plan.count; i++)
      http_cancel(&round->queries[i].op);
  uv_close((uv_handle_t *)&controller->judge_timer, closed);
}
