// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/query_round.h"
#include "analysis/assessment_json.h"
#include "analysis/query.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"

#define FIRST_SCRAPE_MS 60000
#define SPACING_MAX_MS 120000
#define WINDOW_SCRAPES 5
#define REPEAT_MS 60000 // the same failure is logged once in that time

struct round_query {
  struct round *round;
  struct query_item *item;
  struct http_op op;
  struct str secrets[PROMETHEUS_SECRETS]; // of its request: no message may repeat them
};

struct round {
  struct controller *controller;
  struct round *next;
  struct arena arena;
  struct prometheus_source source;
  struct round_release *releases;
  size_t release_count;
  struct query_plan plan;
  struct round_query *queries;
  size_t pending;
  int64_t now_ms;
};

struct round *round_of(struct controller *controller, struct map *rounds,
                       const struct prometheus_source *source) {
  struct round *round = map_get(rounds, source->key);
  if (round)
    return round;
  round = XNEW(struct round);
  round->controller = controller;
  round->now_ms = clock_wall_ms();
  arena_init(&round->arena);
  // The texts of `source` are those of the first release's Rollout, which lives until it is judged:
  // the round's own copy does not depend on that.
  struct rollout_header *headers =
      ARENA_ARRAY(&round->arena, struct rollout_header, source->header_count + 1);
  for (size_t i = 0; i < source->header_count; i++) {
    headers[i].name = arena_str(&round->arena, source->headers[i].name);
    headers[i].value = arena_str(&round->arena, source->headers[i].value);
  }
  round->source = *source;
  round->source.headers = headers;
  round->source.key = arena_str(&round->arena, source->key);
  round->source.address = arena_str(&round->arena, source->address);
  round->source.secret_ns = arena_str(&round->arena, source->secret_ns);
  round->source.secret_name = arena_str(&round->arena, source->secret_name);
  round->releases =
      ARENA_ARRAY(&round->arena, struct round_release, map_count(&controller->releases));
  round->next = controller->rounds;
  controller->rounds = round;
  map_put(rounds, source->key, round);
  return round;
}

void round_join(struct round *round, const struct round_release *asked) {
  round->releases[round->release_count++] = *asked;
  asked->release->asking = true;
}

// --- what is known of a Prometheus ---

static struct prometheus_seen *seen_of(struct controller *controller, struct str source_key) {
  struct prometheus_seen *seen = map_get(&controller->servers, source_key);
  if (!seen) {
    seen = XNEW(struct prometheus_seen);
    map_put(&controller->servers, source_key, seen);
  }
  return seen;
}

int64_t round_scrape_ms(const struct controller *controller, struct str source_key) {
  const struct prometheus_seen *seen = map_get(&controller->servers, source_key);
  int64_t told_ms = controller->options.scrape_ms;
  // Half as much again is a missed scrape now and then, not another interval.
  return seen && seen->spacing_ms > told_ms + told_ms / 2 ? seen->spacing_ms : told_ms;
}

// --- the end ---

static void take_history(const struct round *round, struct round_release *asked) {
  const struct query_item *item = query_plan_find(&round->plan, QUERY_HISTORY, asked->subject, 0);
  struct stable_history history;
  if (!item || !item->result || item->result->status == PROM_ERROR)
    return; // asked again at the next look, as long as nothing is counted yet
  sample_history(item->result, asked->subject, &history);
  if (history.known)
    assessment_seed(asked->release->assessment, asked->subject, &asked->settings, &history);
  asked->release->has_history = true;
}

static void judge_one(const struct round *round, struct round_release *asked) {
  struct release *release = asked->release;
  int64_t lag_ms = round_scrape_ms(round->controller, round->source.key);
  if (asked->subject->wants_history)
    take_history(round, asked);
  assessment_update(release->assessment, asked->subject, &round->plan, asked->judge,
                    &asked->settings, round->now_ms, lag_ms);
  // Prometheus answers, but its first scrape with a request of the canary is still to come: no
  // judgement yet.
  const struct assessment *state_now = release->assessment;
  if (!state_now->failed_query && !state_now->watermark_ms &&
      round->now_ms - state_now->began_ms < FIRST_SCRAPE_MS)
    return;
  struct verdict *verdict = ARENA_NEW(&asked->arena, struct verdict);
  *verdict = assessment_verdict(release->assessment, asked->subject, asked->judge, &asked->settings,
                                round->now_ms, &asked->arena);
  struct str state = json_text(&asked->arena, assessment_json(release->assessment, &asked->arena));
  arena_dispose(&release->verdict_arena);
  release->verdict_arena = asked->arena;
  arena_init(&asked->arena);
  release->verdict = verdict;
  release->judgement =
      (struct judgement){.at_ms = clock_wall_ms(), .verdict = verdict, .state = state};
  release->judgement.phi =
      release->assessment->phi.expected > 0 ? phi_hat(&release->assessment->phi) : 0;
  release->judgement.seen_since_ms =
      release->assessment->step_began_ms - round->controller->options.scrape_ms; // as in follow()
  release->judgement.seen_canary = release->assessment->step.n_c;
  release->judgement.seen_all = release->assessment->step.n_c + release->assessment->step.n_s;
  release->judgement.has_observed =
      assessment_observed(release->assessment, &release->judgement.observed);
  release_due(release, 0);
}

static void learn_spacing(struct round *round) {
  struct prometheus_seen *seen = seen_of(round->controller, round->source.key);
  for (size_t i = 0; i < round->plan.count; i++) {
    const struct query_item *item = &round->plan.items[i];
    int64_t spacing_ms = item->kind == QUERY_REQUESTS ? sample_spacing_ms(item->result) : 0;
    if (spacing_ms > 0)
      seen->spacing_ms = spacing_ms < SPACING_MAX_MS ? spacing_ms : SPACING_MAX_MS;
  }
}

static void round_end(struct round *round) {
  struct controller *controller = round->controller;
  query_plan_seal(&round->plan, &round->arena);
  learn_spacing(round);
  for (size_t i = 0; i < round->release_count; i++) {
    struct round_release *asked = &round->releases[i];
    struct release *release = asked->release;
    release->asking = false;
    if (!release->gone && release->assessment)
      judge_one(round, asked);
    arena_dispose(&asked->arena);
    release_settle(release);
  }
  struct round **at = &controller->rounds;
  while (*at != round)
    at = &(*at)->next;
  *at = round->next;
  arena_dispose(&round->arena);
  xfree(round);
  metric_query_arm(controller);
  controller_finish(controller);
}

// --- answers ---

// An answer over a cap: from now on this server gets smaller questions.
static void ask_less(struct round *round) {
  struct prometheus_seen *seen = seen_of(round->controller, round->source.key);
  size_t less = (seen->batch ? seen->batch : QUERY_BATCH) / 2;
  if (less < 1 || less >= round->release_count)
    less = round->release_count > 1 ? round->release_count / 2 : 1;
  seen->batch = less;
  LOG(LOG_WARN, "answers are too large: asking for fewer rollouts at once",
      LOG_S("prometheus", round->source.address), LOG_I("rollouts", (int64_t)less));
}

// One line for one trouble, not one for each query of each look.
static void log_failure(struct round *round, struct str error) {
  struct prometheus_seen *seen = seen_of(round->controller, round->source.key);
  uint64_t held;
  if (log_limit_pass(&seen->failure_log, error, clock_mono_ms(), REPEAT_MS, &held))
    LOG(LOG_WARN, "query failed", LOG_S("prometheus", round->source.address), LOG_S("error", error),
        LOG_I("repeated", (int64_t)held));
}

static void on_reply(struct http_op *op, const struct http_reply *reply, const struct err *err) {
  struct round_query *query = container_of(op, struct round_query, op);
  struct round *round = query->round;
  struct prom_result *result =
      reply ? prom_parse_hiding(reply->status, reply->body, query->secrets, PROMETHEUS_SECRETS,
                                &round->arena)
            : prom_failed(&round->arena, arena_strz(&round->arena, err->msg));
  if (query->item->member_count)
    prom_sort(result, STR("destination_service"));
  if (result->too_large || (err && err->rc == RC_LIMIT))
    ask_less(round);
  query->item->result = result;
  if (result->status == PROM_ERROR) {
    round->controller->counters.prometheus_errors++;
    log_failure(round, result->error);
  } else if (log_limit_over(&seen_of(round->controller, round->source.key)->failure_log)) {
    LOG(LOG_INFO, "queries are answered again", LOG_S("prometheus", round->source.address));
  }
  if (--round->pending == 0)
    round_end(round);
}

// --- questions ---

static int ask_one(struct round *round, struct round_query *query) {
  struct controller *controller = round->controller;
  struct err err = {0};
  struct arena *arena = &round->arena;
  struct http_request request;
  int rc = prometheus_source_request(controller->secrets, &round->source, "/api/v1/query",
                                     "application/x-www-form-urlencoded", arena, &request, &err);
  controller->counters.prometheus_queries += rc == RC_OK;
  if (rc == RC_OK) {
    prometheus_request_secrets(&request, arena, query->secrets);
    request.body = arena_printf(arena, "query=%.*s&timeout=%lldms",
                                STR_ARG(http_escape(arena, query->item->text)),
                                (long long)round->source.timeout_ms);
    rc = http_start(kube_client_http(controller->options.kube), &request, &query->op, on_reply,
                    &err);
  }
  if (rc == RC_OK)
    return RC_OK;
  query->item->result = prom_failed(arena, arena_strz(arena, err.msg));
  controller->counters.prometheus_errors++;
  return rc;
}

static void make_plan(struct round *round) {
  const struct subject **subjects =
      ARENA_ARRAY(&round->arena, const struct subject *, round->release_count + 1);
  int64_t counted_until_ms = INT64_MAX;
  for (size_t i = 0; i < round->release_count; i++) {
    int64_t until_ms = assessment_counted_until(round->releases[i].release->assessment);
    subjects[i] = round->releases[i].subject;
    if (until_ms < counted_until_ms)
      counted_until_ms = until_ms;
  }
  const struct prometheus_seen *seen = seen_of(round->controller, round->source.key);
  int64_t scrape_ms = round_scrape_ms(round->controller, round->source.key);
  struct query_options options = {
      .now_ms = round->now_ms,
      .counted_until_ms = counted_until_ms,
      // Until it is known how far apart samples are, the window is a wide one.
      .margin_ms = seen->spacing_ms ? scrape_ms * WINDOW_SCRAPES : 0,
      .scrape_match = round->controller->options.scrape_match,
      .batch = seen->batch};
  round->plan = query_plan_make(subjects, round->release_count, &options, &round->arena);
}

void round_ask(struct round *round) {
  struct err err = {0};
  make_plan(round);
  round->queries = ARENA_ARRAY(&round->arena, struct round_query, round->plan.count + 1);
  bool named = !str_is_empty(round->source.address);
  if (!named)
    err_set(&err, RC_INVALID,
            "no Prometheus is named: neither in spec.analysis.prometheus.address "
            "nor by the operator's --prometheus");
  else
    (void)prometheus_source_ready(round->controller->secrets, &round->source, &err);
  round->pending = 1; // ours, so that no reply ends the round before all are asked
  for (size_t i = 0; i < round->plan.count; i++) {
    struct query_item *item = &round->plan.items[i];
    round->queries[i] = (struct round_query){.round = round, .item = item};
    if (item->result)
      continue;
    if (err.rc)
      item->result = prom_failed(&round->arena, arena_strz(&round->arena, err.msg));
    else if (ask_one(round, &round->queries[i]) == RC_OK)
      round->pending++;
  }
  if (--round->pending == 0)
    round_end(round);
}

void round_cancel_all(struct controller *controller) {
  for (struct round *round = controller->rounds; round; round = round->next)
    for (size_t i = 0; i < round->plan.count; i++)
      http_cancel(&round->queries[i].op);
}
