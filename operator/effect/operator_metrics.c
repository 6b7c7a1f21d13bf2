// SPDX-License-Identifier: Apache-2.0
// serin_rollout_* and serin_operator_*: what /metrics of the operator says (docs/metrics.md).
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/exposition.h"
#include "manifests/schema/decode.h"
#include "operator/effect/controller_parts.h"

struct row { // one Rollout
  const struct release *release;
  const struct rollout *rollout;
};

static void sample(struct buf *out, const char *name, const struct row *row, const char *label,
                   struct str value, double number) {
  struct exposition_label labels[] = {
      {"namespace", row->release->ns}, {"name", row->release->name}, {label ? label : "", value}};
  exposition_sample(out, name, labels, label ? 3 : 2, number);
}

static void phases(struct buf *out, const struct row *rows, size_t count) {
  exposition_family(out, "serin_rollout_phase", "gauge", "1 for the phase the Rollout is in.");
  for (size_t i = 0; i < count; i++)
    sample(out, "serin_rollout_phase", &rows[i], "phase",
           str_of(rollout_phase_name(rows[i].rollout->status.phase)), 1);
}

static void weights(struct buf *out, const struct row *rows, size_t count) {
  exposition_family(out, "serin_rollout_weight_percent", "gauge",
                    "The canary's share of the traffic: asked, and as observed in the metrics.");
  for (size_t i = 0; i < count; i++) {
    const struct rollout_weight_status *weight = &rows[i].rollout->status.weight;
    double number;
    if (str_to_double(weight->canary, &number))
      sample(out, "serin_rollout_weight_percent", &rows[i], "kind", STR("asked"), number);
    if (str_to_double(weight->observed, &number))
      sample(out, "serin_rollout_weight_percent", &rows[i], "kind", STR("observed"), number);
  }
}

static void judgements(struct buf *out, const struct row *rows, size_t count) {
  exposition_family(out, "serin_rollout_judgement_age_seconds", "gauge",
                    "Since the last judgement of a running release.");
  for (size_t i = 0; i < count; i++)
    if (rows[i].rollout->status.release && rows[i].rollout->status.judge.at)
      sample(out, "serin_rollout_judgement_age_seconds", &rows[i], NULL, STR_NULL,
             (double)(clock_wall_ms() - rows[i].rollout->status.judge.at) / 1000);
}

static void results(struct buf *out, const struct row *rows, size_t count) {
  exposition_family(out, "serin_rollout_last_result", "gauge",
                    "1 for the result and reason of the last release.");
  for (size_t i = 0; i < count; i++) {
    const struct rollout_status *status = &rows[i].rollout->status;
    if (!status->history_count)
      continue;
    struct exposition_label labels[] = {{"namespace", rows[i].release->ns},
                                        {"name", rows[i].release->name},
                                        {"result", status->history[0].result},
                                        {"reason", status->history[0].reason}};
    exposition_sample(out, "serin_rollout_last_result", labels, ARRAY_LEN(labels), 1);
  }
}

static void counter(struct buf *out, const char *name, const char *help, double value) {
  exposition_family(out, name, "counter", help);
  exposition_sample(out, name, NULL, 0, value);
}

static void own(const struct controller *controller, struct buf *out) {
  const struct controller_counters *c = &controller->counters;
  size_t due = 0, running = 0;
  struct map_iter it = map_begin(&controller->releases);
  while (map_each(&it)) {
    const struct release *release = it.value;
    running += release->running;
    due += uv_is_active((const uv_handle_t *)&release->timer) &&
           uv_timer_get_due_in(&release->timer) == 0;
  }
  exposition_family(out, "serin_operator_queue_depth", "gauge",
                    "Rollouts that wait to be planned.");
  exposition_sample(out, "serin_operator_queue_depth", NULL, 0, (double)due);
  exposition_family(out, "serin_operator_passes_running", "gauge",
                    "Plans that are being carried out.");
  exposition_sample(out, "serin_operator_passes_running", NULL, 0, (double)running);
  exposition_family(out, "serin_operator_leader", "gauge", "1 while this process decides.");
  exposition_sample(out, "serin_operator_leader", NULL, 0, controller->leading);
  counter(out, "serin_operator_passes_total", "Plans carried out.", (double)c->passes);
  counter(out, "serin_operator_passes_failed_total", "Plans that met an error or a conflict.",
          (double)c->failed_passes);
  counter(out, "serin_operator_pass_seconds_total", "Time spent in plans, with their requests.",
          c->pass_seconds);
  counter(out, "serin_operator_api_errors_total",
          "Requests to the API server that failed, without conflicts.", (double)c->api_errors);
  counter(out, "serin_operator_prometheus_queries_total", "Queries asked.",
          (double)c->prometheus_queries);
  counter(out, "serin_operator_prometheus_errors_total", "Queries that failed.",
          (double)c->prometheus_errors);
  exposition_family(out, "serin_operator_actions_total", "counter", "Actions of plans, by kind.");
#define XX(name, text)                                                                             \
  exposition_sample(out, "serin_operator_actions_total",                                           \
                    &(struct exposition_label){"action", STR(#name)}, 1,                           \
                    (double)c->actions[PLAN_##name]);
  PLAN_ACTION_MAP(XX)
#undef XX
}

void controller_metrics(const struct controller *controller, struct buf *out) {
  struct arena arena;
  arena_init(&arena);
  struct row *rows = ARENA_ARRAY(&arena, struct row, map_count(&controller->releases) + 1);
  size_t count = 0;
  struct map_iter it = map_begin(&controller->releases);
  while (map_each(&it)) {
    const struct release *release = it.value;
    const struct json *json =
        kube_watch_get(controller->watches[WATCH_ROLLOUTS], release->ns, release->name);
    struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
    struct rollout *rollout = NULL;
    if (json)
      (void)kind_decode(&rollout_kind, json, &options, &arena, NULL, (void **)&rollout);
    if (rollout)
      rows[count++] = (struct row){release, rollout};
  }
  phases(out, rows, count);
  weights(out, rows, count);
  judgements(out, rows, count);
  results(out, rows, count);
  evidence_metrics(controller, out);
  if (controller->notifier)
    notifier_metrics(controller->notifier, out);
  own(controller, out);
  arena_dispose(&arena);
}
