// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/judge_service.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "manifests/base/map.h"

#define TICK_MS 250
#define RUN_NAME_MAX 512u

struct judge_run {
  struct arena arena; // of the request
  struct judge_request request;
  struct str fingerprint; // of its parameters but the weight
  struct assessment assessment;
  bool has_history;
  int64_t next_ms, asked_ms; // steady clock
  struct arena verdict_arena;
  struct verdict *verdict;
};

struct judge_service {
  struct judge_service_options options;
  struct map runs; // name -> struct judge_run *
  uv_timer_t timer;
  bool closing;
  // The batch under way: one at a time.
  struct query_batch batch;
  struct arena arena;
  struct query_plan plan;
  struct judge_run **asked;
  size_t asked_count;
  int64_t now_ms;
  bool asking;
};

static void run_free(struct judge_run *run) {
  assessment_dispose(&run->assessment);
  arena_dispose(&run->verdict_arena);
  arena_dispose(&run->arena);
  xfree(run);
}

size_t judge_service_count(const struct judge_service *service) {
  return map_count(&service->runs);
}

// --- looking ---

static void seed(struct judge_service *service, struct judge_run *run) {
  const struct query_item *item =
      query_plan_find(&service->plan, QUERY_HISTORY, &run->request.subject, 0);
  struct stable_history history;
  if (!item || item->result->status == PROM_ERROR)
    return;
  sample_history(item->result, &run->request.subject, &history);
  if (history.known)
    assessment_seed(&run->assessment, &run->request.subject, &run->request.settings, &history);
  run->has_history = true;
}

static void judge(struct judge_service *service, struct judge_run *run) {
  const struct judge_request *request = &run->request;
  struct arena arena;
  arena_init(&arena);
  if (request->subject.wants_history)
    seed(service, run);
  assessment_update(&run->assessment, &request->subject, &service->plan, request->judge,
                    &request->settings, service->now_ms, service->options.scrape_ms);
  struct verdict *verdict = ARENA_NEW(&arena, struct verdict);
  *verdict = assessment_verdict(&run->assessment, &request->subject, request->judge,
                                &request->settings, service->now_ms, &arena);
  arena_dispose(&run->verdict_arena);
  run->verdict_arena = arena;
  run->verdict = verdict;
}

static void on_timer_closed(uv_handle_t *handle) {
  xfree(container_of((uv_timer_t *)handle, struct judge_service, timer));
}

static void finish(struct judge_service *service) {
  struct map_iter it = map_begin(&service->runs);
  while (map_each(&it))
    run_free(it.value);
  map_dispose(&service->runs);
  arena_dispose(&service->arena);
  uv_close((uv_handle_t *)&service->timer, on_timer_closed);
}

static void batch_end(struct judge_service *service) {
  query_plan_seal(&service->plan, &service->arena);
  for (size_t i = 0; i < service->asked_count && !service->closing; i++)
    judge(service, service->asked[i]);
  for (size_t i = 0; i < service->plan.count; i++)
    if (service->plan.items[i].result->status == PROM_ERROR)
      LOG(LOG_WARN, "query failed", LOG_S("prometheus", service->options.target.address),
          LOG_S("error", service->plan.items[i].result->error));
  arena_reset(&service->arena);
  service->asking = false;
  if (service->closing)
    finish(service);
}

static void on_done(struct query_batch *batch) {
  batch_end(container_of(batch, struct judge_service, batch));
}

static void ask(struct judge_service *service, size_t count) {
  const struct subject **subjects = ARENA_ARRAY(&service->arena, const struct subject *, count + 1);
  struct query_options options = {.counted_until_ms = INT64_MAX,
                                  .margin_ms = 5 * service->options.scrape_ms};
  service->now_ms = options.now_ms = clock_wall_ms();
  for (size_t i = 0; i < count; i++) {
    struct judge_run *run = service->asked[i];
    int64_t until_ms = assessment_counted_until(&run->assessment);
    run->request.subject.wants_history = !run->has_history && !run->assessment.watermark_ms;
    subjects[i] = &run->request.subject;
    if (until_ms < options.counted_until_ms)
      options.counted_until_ms = until_ms;
  }
  service->plan = query_plan_make(subjects, count, &options, &service->arena);
  service->batch = (struct query_batch){.http = service->options.http,
                                        .target = &service->options.target,
                                        .plan = &service->plan,
                                        .arena = &service->arena,
                                        .done = on_done};
  service->asking = true;
  if (!query_batch_start(&service->batch))
    batch_end(service);
}

static void on_tick(uv_timer_t *timer) {
  struct judge_service *service = container_of(timer, struct judge_service, timer);
  int64_t now_ms = clock_mono_ms();
  if (service->asking)
    return;
  service->asked = ARENA_ARRAY(&service->arena, struct judge_run *, map_count(&service->runs) + 1);
  service->asked_count = 0;
  struct map_iter it = map_begin(&service->runs);
  while (map_each(&it)) {
    struct judge_run *run = it.value;
    if (now_ms - run->asked_ms > service->options.expire_ms) {
      LOG(LOG_INFO, "run expired", LOG_S("run", it.key));
      map_del(&service->runs, it.key);
      run_free(run);
    } else if (run->next_ms <= now_ms) {
      int64_t interval_ms = run->request.subject.interval_ms;
      run->next_ms = now_ms + interval_ms - clock_wall_ms() % interval_ms;
      service->asked[service->asked_count++] = run;
    }
  }
  if (service->asked_count)
    ask(service, service->asked_count);
  else
    arena_reset(&service->arena);
  if (!map_count(&service->runs))
    uv_timer_stop(timer); // an idle service sleeps
}

// --- asking for a run ---

static struct str fingerprint_of(const struct judge_param *params, size_t count,
                                 struct arena *arena) {
  struct buf out;
  buf_init(&out, 1u << 20);
  for (size_t i = 0; i < count; i++)
    if (!str_eq_z(params[i].name, "weight"))
      buf_addf(&out, "%.*s=%.*s\n", STR_ARG(params[i].name), STR_ARG(params[i].value));
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

static int run_new(struct judge_service *service, struct str name, const struct judge_param *params,
                   size_t count, struct judge_run **ret_run, struct err *err) {
  if (!name.len || name.len > RUN_NAME_MAX)
    return err_set(err, RC_INVALID, "run: expected a name of 1 to %u bytes", RUN_NAME_MAX);
  if ((int64_t)map_count(&service->runs) >= service->options.max_runs)
    return err_set(err, RC_TOO_MANY, "there are %lld runs already (--max-runs)",
                   (long long)service->options.max_runs);
  struct judge_run *run = XNEW(struct judge_run);
  arena_init(&run->arena);
  arena_init(&run->verdict_arena);
  assessment_init(&run->assessment, clock_wall_ms());
  int rc = judge_request_of(params, count, &run->arena, &run->request, err);
  if (rc != RC_OK) {
    run_free(run);
    return rc;
  }
  run->fingerprint = fingerprint_of(params, count, &run->arena);
  if (run->request.settings.scrape_ms < service->options.scrape_ms)
    run->request.settings.scrape_ms = service->options.scrape_ms;
  map_put(&service->runs, name, run);
  LOG(LOG_INFO, "run begins", LOG_S("run", name), LOG_S("service", run->request.subject.service));
  uv_update_time(service->options.loop);
  if (!uv_is_active((uv_handle_t *)&service->timer))
    uv_timer_start(&service->timer, on_tick, 0, TICK_MS);
  *ret_run = run;
  return RC_OK;
}

// Only the weight may change from one request to the next; it begins a new step.
static int follow(struct judge_run *run, const struct judge_param *params, size_t count,
                  struct err *err) {
  struct arena arena;
  struct judge_request request;
  arena_init(&arena);
  int rc = judge_request_of(params, count, &arena, &request, err);
  if (rc == RC_OK && !str_eq(fingerprint_of(params, count, &arena), run->fingerprint))
    rc = err_set(err, RC_CONFLICT,
                 "this run began with other parameters: give it another name to begin anew");
  if (rc == RC_OK && request.subject.weight != run->request.subject.weight) {
    run->request.subject.weight = run->request.settings.weight = request.subject.weight;
    assessment_step(&run->assessment, clock_wall_ms());
  }
  arena_dispose(&arena);
  return rc;
}

int judge_service_ask(struct judge_service *service, struct str name,
                      const struct judge_param *params, size_t count,
                      const struct verdict **ret_verdict, struct err *err) {
  struct judge_run *run = map_get(&service->runs, name);
  int rc = run ? follow(run, params, count, err) : run_new(service, name, params, count, &run, err);
  if (rc != RC_OK)
    return rc;
  run->asked_ms = clock_mono_ms();
  *ret_verdict = run->verdict;
  return RC_OK;
}

struct judge_service *judge_service_new(const struct judge_service_options *options) {
  struct judge_service *service = XNEW(struct judge_service);
  service->options = *options;
  map_init(&service->runs);
  arena_init(&service->arena);
  uv_timer_init(options->loop, &service->timer);
  return service;
}

void judge_service_close(struct judge_service *service) {
  service->closing = true;
  uv_timer_stop(&service->timer);
  if (service->asking)
    query_batch_cancel(&service->batch); // its end frees the service
  else
    finish(service);
}
