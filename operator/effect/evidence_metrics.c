// SPDX-License-Identifier: Apache-2.0
// serin_rollout_* of what the judge knows: one gauge per metric of each release under way.
#include "manifests/base/bug.h"
#include "manifests/base/exposition.h"
#include "operator/effect/controller_parts.h"

struct row { // one metric of one release
  const struct release *release;
  const struct metric_verdict *metric;
};

static void sample(struct buf *out, const char *name, const struct row *row, const char *label,
                   const char *value, double number) {
  struct exposition_label labels[] = {{"namespace", row->release->ns},
                                      {"name", row->release->name},
                                      {"metric", row->metric->name},
                                      {label ? label : "", str_of(value ? value : "")}};
  exposition_sample(out, name, labels, label ? 4 : 3, number);
}

static void evidence(struct buf *out, const struct row *rows, size_t count) {
  const char *have = "serin_rollout_evidence_decades";
  const char *need = "serin_rollout_evidence_needed_decades";
  exposition_family(out, have, "gauge",
                    "Evidence against the canary (kind fail) and for it (kind pass), in decades.");
  for (size_t i = 0; i < count; i++)
    if (rows[i].metric->has_evidence) {
      sample(out, have, &rows[i], "kind", "fail", rows[i].metric->evidence);
      sample(out, have, &rows[i], "kind", "pass", rows[i].metric->pass_evidence);
    }
  exposition_family(out, need, "gauge", "With which this metric alone decides.");
  for (size_t i = 0; i < count; i++)
    if (rows[i].metric->has_evidence) {
      sample(out, need, &rows[i], "kind", "fail", rows[i].metric->evidence_need);
      sample(out, need, &rows[i], "kind", "pass", rows[i].metric->pass_need);
    }
}

static void rates(struct buf *out, const struct row *rows, size_t count) {
  const char *ratio = "serin_rollout_bad_ratio", *tolerated = "serin_rollout_tolerated_ratio";
  exposition_family(out, ratio, "gauge",
                    "Share of bad (or slow) requests since the step began, by version.");
  for (size_t i = 0; i < count; i++) {
    const struct metric_verdict *metric = rows[i].metric;
    if (metric->is_share && metric->has_canary)
      sample(out, ratio, &rows[i], "version", "canary", metric->canary / 100);
    if (metric->is_share && metric->has_stable)
      sample(out, ratio, &rows[i], "version", "stable", metric->stable / 100);
  }
  exposition_family(out, tolerated, "gauge", "The canary's share that is tolerated.");
  for (size_t i = 0; i < count; i++)
    if (rows[i].metric->is_share && rows[i].metric->has_evidence)
      sample(out, tolerated, &rows[i], NULL, NULL, rows[i].metric->tolerated / 100);
  exposition_family(out, "serin_rollout_metric_value", "gauge",
                    "Value of a metric with a query of the user's.");
  for (size_t i = 0; i < count; i++)
    if (!rows[i].metric->is_share && rows[i].metric->has_canary)
      sample(out, "serin_rollout_metric_value", &rows[i], NULL, NULL, rows[i].metric->canary);
  exposition_family(out, "serin_rollout_metric_requests", "gauge",
                    "The canary's requests behind it, since the step began.");
  for (size_t i = 0; i < count; i++)
    if (rows[i].metric->is_share)
      sample(out, "serin_rollout_metric_requests", &rows[i], NULL, NULL, rows[i].metric->requests);
  exposition_family(out, "serin_rollout_metric_verdict", "gauge", "1 for the verdict of a metric.");
  for (size_t i = 0; i < count; i++)
    sample(out, "serin_rollout_metric_verdict", &rows[i], "verdict",
           outcome_name(rows[i].metric->outcome), 1);
}

// Of whole releases.
static void combined(struct buf *out, const struct controller *controller) {
  static const struct {
    const char *name, *help;
  } FAMILIES[] = {
      {"serin_rollout_combined_evidence_decades",
       "Evidence against the canary, all metrics together."},
      {"serin_rollout_combined_evidence_needed_decades", "With which it is rolled back."},
      {"serin_rollout_expected_decision_seconds",
       "Until a decision, as things look now; absent when none is in sight."},
      {"serin_rollout_phi", "How clustered stable's errors are over its replicas; 1: not at all."},
      {"serin_rollout_share_mismatch_decades",
       "Evidence that the canary does not get the share that is asked; alarm at 3."}};
  for (size_t f = 0; f < ARRAY_LEN(FAMILIES); f++) {
    exposition_family(out, FAMILIES[f].name, "gauge", FAMILIES[f].help);
    struct map_iter it = map_begin(&controller->releases);
    while (map_each(&it)) {
      const struct release *release = it.value;
      const struct verdict *verdict = release->verdict;
      if (!verdict || !verdict->has_evidence)
        continue;
      const double values[] = {verdict->evidence, verdict->evidence_need,
                               (double)verdict->expected_ms / 1000, release->judgement.phi,
                               verdict->share_decades};
      if ((f == 2 && verdict->expected_ms < 0) || (f == 3 && release->judgement.phi <= 0))
        continue;
      struct exposition_label labels[] = {{"namespace", release->ns}, {"name", release->name}};
      exposition_sample(out, FAMILIES[f].name, labels, ARRAY_LEN(labels), values[f]);
    }
  }
}

void evidence_metrics(const struct controller *controller, struct buf *out) {
  struct arena arena;
  arena_init(&arena);
  size_t count = 0;
  struct row *rows = ARENA_ARRAY(&arena, struct row,
                                 map_count(&controller->releases) * ASSESSMENT_METRICS_MAX + 1);
  struct map_iter it = map_begin(&controller->releases);
  while (map_each(&it)) {
    const struct release *release = it.value;
    size_t metrics = release->verdict ? release->verdict->metric_count : 0;
    for (size_t i = 0; i < metrics && i < ASSESSMENT_METRICS_MAX; i++)
      rows[count++] = (struct row){release, &release->verdict->metrics[i]};
  }
  evidence(out, rows, count);
  rates(out, rows, count);
  combined(out, controller);
  arena_dispose(&arena);
}
