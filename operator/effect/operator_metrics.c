// SPDX-License-Identifier: Apache-2.0
// serin_rollout_* and serin_operator_*: what /metrics of the operator says (docs/metrics.md).
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/exposition.h"
#include "operator/effect/controller_parts.h"

static void sample(struct buf *out, const char *name, const struct release *release,
                   const char *label, struct str value, double number) {
  struct exposition_label labels[] = {
      {"namespace", release->ns}, {"name", release->name}, {label ? label : "", value}};
  exposition_sample(out, name, labels, label ? 3 : 2, number);
}

static void phase(struct buf *out, const struct release *release) {
  sample(out, "serin_rollout_phase", release, "phase",
         str_of(rollout_phase_name(release->facts.phase)), 1);
}

static void weight(struct buf *out, const struct release *release) {
  const struct release_facts *facts = &release->facts;
  if (facts->has_asked)
    sample(out, "serin_rollout_weight_percent", release, "kind", STR("asked"), facts->asked);
  if (facts->has_observed)
    sample(out, "serin_rollout_weight_percent", release, "kind", STR("observed"), facts->observed);
}

static void judgement(struct buf *out, const struct release *release) {
  if (release->facts.judged_at_ms)
    sample(out, "serin_rollout_judgement_age_seconds", release, NULL, STR_NULL,
           (double)(clock_wall_ms() - release->facts.judged_at_ms) / 1000);
}

static void result(struct buf *out, const struct release *release) {
  struct exposition_label labels[] = {{"namespace", release->ns},
                                      {"name", release->name},
                                      {"result", release->facts.result},
                                      {"reason", release->facts.reason}};
  if (release->facts.result.len)
    exposition_sample(out, "serin_rollout_last_result", labels, ARRAY_LEN(labels), 1);
}

static void rollouts(const struct controller *controller, struct buf *out) {
  static const struct {
    const char *name, *help;
    void (*write)(struct buf *out, const struct release *release);
  } families[] = {
      {"serin_rollout_phase", "1 for the phase the Rollout is in.", phase},
      {"serin_rollout_weight_percent",
       "The canary's share of the traffic: asked, and as observed in the metrics.", weight},
      {"serin_rollout_judgement_age_seconds", "Since the last judgement of a running release.",
       judgement},
      {"serin_rollout_last_result", "1 for the result and reason of the last release.", result}};
  for (size_t i = 0; i < ARRAY_LEN(families); i++) {
    exposition_family(out, families[i].name, "gauge", families[i].help);
    struct map_iter it = map_begin(&controller->releases);
    while (map_each(&it))
      families[i].write(out, it.value);
  }
}

static void counter(struct buf *out, const char *name, const char *help, double value) {
  exposition_family(out, name, "counter", help);
  exposition_sample(out, name, NULL, 0, value);
}

static void own(const struct controller *controller, struct buf *out) {
  const struct controller_counters *c = &controller->counters;
  size_t due = queue_length(controller), running = 0;
  struct map_iter it = map_begin(&controller->releases);
  while (map_each(&it)) {
    const struct release *release = it.value;
    running += release->running;
    due += release->ready.is_in || (uv_is_active((const uv_handle_t *)&release->timer) &&
                                    uv_timer_get_due_in(&release->timer) == 0);
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

void controller_metrics(struct controller *controller, struct buf *out) {
  rollouts(controller, out);
  evidence_metrics(controller, out);
  if (controller->notifier)
    notifier_metrics(controller->notifier, out);
  own(controller, out);
  controller_tidy_later(controller); // a page for thousands of Rollouts is as large as they are
}
