// SPDX-License-Identifier: Apache-2.0
// serin analyze --prometheus: what the judge would have done with what Prometheus has recorded. Raw
// samples by instant queries at past times, a chunk at a time, then looked at as the operator would
// have: one look per interval.
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/text/duration.h"
#include "manifests/text/time.h"
#include "operator/cli/analyze.h"
#include "operator/cli/print_object.h"
#include "operator/cli/session.h"
#include "operator/effect/judge_request.h"
#include "operator/effect/query_batch.h"

#include <stdio.h>

#define CHUNK_MS (10 * 60 * 1000) // of samples at once; with the margin below QUERY_WINDOW_MAX_MS
#define QUERY_TIMEOUT_MS 30000
#define LOOKS_MAX 1000000

struct backtest {
  const struct analyze_options *options;
  struct session session;
  struct prometheus_target target;
  struct judge_request request;
  struct assessment assessment;
  struct arena arena; // of the request
  int64_t start_ms, end_ms;
  bool json;
  // The first decision.
  enum outcome decision;
  int64_t decided_ms;
  struct str reason;
};

// "2026-11-24T10:00:00Z", seconds since 1970, or how long ago: "2h".
static bool read_time(struct str text, const char *option, int64_t fallback_ms, int64_t *ret_ms) {
  double seconds;
  int64_t ms;
  if (!text.len)
    *ret_ms = fallback_ms;
  else if (time_parse(text, ret_ms))
    return true;
  else if (str_to_double(text, &seconds) && seconds > 1e6 && seconds < 1e11)
    *ret_ms = (int64_t)(seconds * 1000);
  else if (duration_parse(text, &ms) && ms >= 0)
    *ret_ms = clock_wall_ms() - ms;
  else {
    fprintf(
        stderr,
        "serin analyze: --%s: expected a time such as 2026-11-24T10:00:00Z, seconds since 1970, "
        "or how long ago (2h), found \"%.*s\"\n",
        option, STR_ARG(text));
    return false;
  }
  return true;
}

static int read_request(struct backtest *test, struct err *err) {
  const struct analyze_options *o = test->options;
  struct arena *arena = &test->arena;
  const struct judge_param params[] = {
      {STR("service"), o->service},
      {STR("canaryService"), o->canary_service},
      {STR("canary"), o->canary},
      {STR("stable"), o->stable},
      {STR("label"), o->label},
      {STR("reporter"), o->reporter},
      {STR("metrics"), o->metrics},
      {STR("judge"), o->judge},
      {STR("preset"), o->preset},
      {STR("alpha"), o->alpha},
      {STR("beta"), o->beta},
      {STR("weight"), o->weight},
      {STR("min"), duration_format(arena, o->min_ms)},
      {STR("warmup"), duration_format(arena, o->warmup_ms)},
      {STR("minDetect"), o->min_detect_ms ? duration_format(arena, o->min_detect_ms) : STR("")},
      {STR("interval"), o->interval_ms ? duration_format(arena, o->interval_ms) : STR("")}};
  int rc = judge_request_of(params, ARRAY_LEN(params), arena, &test->request, err);
  if (rc == RC_OK)
    rc = prometheus_target_check(&test->target, err);
  if (rc == RC_OK && test->end_ms <= test->start_ms)
    rc = err_set(err, RC_INVALID, "--end is not after --start");
  if (rc == RC_OK &&
      (test->end_ms - test->start_ms) / test->request.subject.interval_ms > LOOKS_MAX)
    rc = err_set(err, RC_INVALID, "more than %d looks between --start and --end", LOOKS_MAX);
  return rc;
}

// --- asking ---

struct asking {
  struct query_batch batch;
  bool done;
  struct session *session;
};

static void on_done(struct query_batch *batch) {
  struct asking *asking = container_of(batch, struct asking, batch);
  asking->done = true;
  uv_stop(&asking->session->loop);
}

// The plan's results as of at_ms, sealed. A failed query is an error: half an answer would be a
// wrong one.
static int ask(struct backtest *test, struct query_plan *plan, int64_t at_ms, struct arena *arena,
               struct err *err) {
  struct asking asking = {.batch = {.http = test->session.http,
                                    .target = &test->target,
                                    .plan = plan,
                                    .arena = arena,
                                    .at_ms = at_ms,
                                    .done = on_done},
                          .session = &test->session};
  if (query_batch_start(&asking.batch))
    while (!asking.done)
      uv_run(&test->session.loop, UV_RUN_DEFAULT);
  for (size_t i = 0; i < plan->count; i++)
    if (plan->items[i].result->status == PROM_ERROR)
      return err_set(err, RC_UNAVAILABLE, "%.*s: %.*s", STR_ARG(test->target.address),
                     STR_ARG(plan->items[i].result->error));
  query_plan_seal(plan, arena);
  return RC_OK;
}

static int seed(struct backtest *test, struct err *err) {
  struct arena arena;
  const struct subject *subject = &test->request.subject;
  arena_init(&arena);
  test->request.subject.wants_history = true;
  struct query_options options = {.now_ms = test->start_ms};
  struct query_plan plan = query_plan_make(&subject, 1, &options, &arena);
  test->request.subject.wants_history = false;
  int rc = ask(test, &plan, test->start_ms, &arena, err);
  const struct query_item *item = query_plan_find(&plan, QUERY_HISTORY, subject, 0);
  if (rc == RC_OK && item) {
    struct stable_history history;
    sample_history(item->result, subject, &history);
    if (history.known)
      assessment_seed(&test->assessment, subject, &test->request.settings, &history);
  }
  arena_dispose(&arena);
  return rc;
}

// --- looking ---

static struct json *look_json(const struct verdict *verdict, int64_t at_ms, struct arena *arena) {
  struct json *json = json_new_object(arena);
  struct json *metrics = json_new_array(arena);
  json_put(arena, json, "t", json_new_double(arena, (double)at_ms / 1000));
  for (size_t i = 0; i < verdict->metric_count; i++) {
    struct json *metric = metric_verdict_json(&verdict->metrics[i], arena);
    if (verdict->metrics[i].has_evidence) {
      json_put(arena, metric, "evidence", json_new_double(arena, verdict->metrics[i].evidence));
      json_put(arena, metric, "pass", json_new_double(arena, verdict->metrics[i].pass_evidence));
    }
    json_append(metrics, metric);
  }
  json_put(arena, json, "metrics", metrics);
  if (verdict->has_evidence)
    json_put(arena, json, "combined", json_new_double(arena, verdict->evidence));
  json_put_z(arena, json, "decision",
             verdict->outcome == OUTCOME_INSUFFICIENT ? "continue"
                                                      : outcome_name(verdict->outcome));
  json_put_string(arena, json, "reason", verdict->reason);
  return json;
}

static void print_look(const struct backtest *test, const struct verdict *verdict, int64_t at_ms,
                       struct arena *arena) {
  struct buf out;
  buf_init(&out, 1u << 20);
  if (test->json) {
    (void)json_write(&out, look_json(verdict, at_ms, arena));
  } else {
    buf_addf(&out, "%.*s  %-12s", STR_ARG(time_format(arena, at_ms)),
             outcome_name(verdict->outcome));
    if (verdict->has_evidence)
      buf_addf(&out, " %6.2f/%.1f", verdict->evidence, verdict->evidence_need);
    buf_addf(&out, "  %.*s", STR_ARG(verdict->reason));
  }
  buf_add_char(&out, '\n');
  print_buf(&out);
}

static void look(struct backtest *test, const struct query_plan *plan, int64_t at_ms) {
  struct arena arena;
  const struct judge_request *request = &test->request;
  arena_init(&arena);
  assessment_update(&test->assessment, &request->subject, plan, request->judge, &request->settings,
                    at_ms, 0);
  struct verdict verdict = assessment_verdict(&test->assessment, &request->subject, request->judge,
                                              &request->settings, at_ms, &arena);
  print_look(test, &verdict, at_ms, &arena);
  if (verdict.outcome != OUTCOME_INSUFFICIENT && !test->decided_ms) {
    test->decision = verdict.outcome;
    test->decided_ms = at_ms;
    test->reason = arena_str(&test->arena, verdict.reason);
  }
  arena_dispose(&arena);
}

static bool is_over(const struct backtest *test) {
  return test->options->stop && test->decided_ms;
}

static int walk(struct backtest *test, struct err *err) {
  const struct subject *subject = &test->request.subject;
  int64_t interval_ms = subject->interval_ms, at_ms = test->start_ms;
  int rc = RC_OK;
  while (at_ms < test->end_ms && rc == RC_OK && !is_over(test)) {
    struct arena arena;
    arena_init(&arena);
    int64_t to_ms = at_ms + CHUNK_MS < test->end_ms ? at_ms + CHUNK_MS : test->end_ms;
    struct query_options options = {
        .now_ms = to_ms, .counted_until_ms = at_ms > interval_ms ? at_ms - interval_ms : 0};
    struct query_plan plan = query_plan_make(&subject, 1, &options, &arena);
    rc = ask(test, &plan, to_ms, &arena, err);
    for (; rc == RC_OK && at_ms + interval_ms <= to_ms && !is_over(test);)
      look(test, &plan, at_ms += interval_ms);
    if (at_ms + interval_ms > test->end_ms)
      at_ms = test->end_ms; // what is left is less than one look
    arena_dispose(&arena);
  }
  return rc;
}

static int conclude(struct backtest *test) {
  struct str after = duration_words(&test->arena, test->decided_ms - test->start_ms);
  if (!test->decided_ms) {
    if (!test->json)
      printf("\nNo decision: the step's time limit and onInconclusive would have decided.\n");
    return EXIT_WAITING;
  }
  bool failed = test->decision == OUTCOME_FAIL;
  if (!test->json)
    printf("\nIt would have %s at %.*s, %.*s after the start: %.*s\n",
           failed ? "been rolled back" : "passed",
           STR_ARG(time_format(&test->arena, test->decided_ms)), STR_ARG(after),
           STR_ARG(test->reason));
  return failed ? EXIT_FAILED : EXIT_DONE;
}

int analyze_backtest(const struct analyze_options *options) {
  struct err err = {0};
  struct backtest test = {.options = options,
                          .json = str_eq_z(options->output, "json"),
                          .target = {.address = options->prometheus,
                                     .credentials = options->credentials,
                                     .timeout_ms = QUERY_TIMEOUT_MS}};
  if (options->output.len && !test.json) {
    fprintf(stderr, "serin analyze: -o: expected json, found \"%.*s\"\n", STR_ARG(options->output));
    return EXIT_USAGE;
  }
  int64_t now_ms = clock_wall_ms();
  if (!read_time(options->start, "start", now_ms - 3600 * 1000, &test.start_ms) ||
      !read_time(options->end, "end", now_ms, &test.end_ms))
    return EXIT_USAGE;
  arena_init(&test.arena);
  if (read_request(&test, &err) != RC_OK) {
    fprintf(stderr, "serin analyze: %s\n", err.msg);
    arena_dispose(&test.arena);
    return EXIT_USAGE;
  }
  session_open_bare(&test.session, 0);
  assessment_init(&test.assessment, test.start_ms);
  int rc = seed(&test, &err);
  if (rc == RC_OK)
    rc = walk(&test, &err);
  int code = rc == RC_OK ? conclude(&test) : EXIT_NOT_FOUND;
  if (rc != RC_OK)
    fprintf(stderr, "serin analyze: %s\n", err.msg);
  assessment_dispose(&test.assessment);
  session_close(&test.session);
  arena_dispose(&test.arena);
  return code;
}
