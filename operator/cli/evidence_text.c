// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/evidence_text.h"
#include "manifests/base/buf.h"
#include "manifests/text/duration.h"

#include <math.h>

#define TEXT_MAX 4096u
#define CHANCE_FROM 0.3 // decades from which a chance is worth a word
#define CHANCE_MAX 15.0

static void add_chance(struct buf *out, struct str evidence) {
  double decades = 0;
  if (str_to_double(evidence, &decades) && decades >= CHANCE_FROM)
    buf_addf(out, " (a chance of at most 1 in %.0f if the canary were within tolerance)",
             pow(10, fmin(decades, CHANCE_MAX)));
}

static void add_expected(struct buf *out, const struct rollout_status *status, int64_t now_ms,
                         struct arena *arena) {
  const struct rollout_judge_status *judge = &status->judge;
  bool decided = str_eq_z(judge->verdict, "pass") || str_eq_z(judge->verdict, "fail");
  if (decided || !status->release)
    return;
  if (!judge->expected_at) {
    buf_add_z(out, "; no decision is in sight at these rates");
    return;
  }
  int64_t left_ms = judge->expected_at > now_ms ? judge->expected_at - now_ms : 0;
  buf_addf(out, "; a decision is expected in about %.*s", STR_ARG(duration_words(arena, left_ms)));
  if (judge->needed_requests > 0)
    buf_addf(out, ", after about %lld more canary requests", (long long)judge->needed_requests);
}

struct str evidence_text_all(const struct rollout_status *status, int64_t now_ms,
                             struct arena *arena) {
  const struct rollout_judge_status *judge = &status->judge;
  struct buf out;
  if (!judge->evidence.len)
    return STR_NULL;
  buf_init(&out, TEXT_MAX);
  buf_addf(&out, "evidence against %.*s of %.*s decades", STR_ARG(judge->evidence),
           STR_ARG(judge->evidence_need));
  add_chance(&out, judge->evidence);
  add_expected(&out, status, now_ms, arena);
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

struct str evidence_text_metric(const struct rollout_metric_status *metric, struct arena *arena) {
  struct buf out;
  if (!metric->evidence.len)
    return STR_NULL;
  buf_init(&out, TEXT_MAX);
  buf_addf(&out, "against %.*s/%.*s, for %.*s/%.*s", STR_ARG(metric->evidence),
           STR_ARG(metric->evidence_need), STR_ARG(metric->pass_evidence),
           STR_ARG(metric->pass_need));
  if (metric->canary_interval.len)
    buf_addf(&out, "; canary %.*s", STR_ARG(metric->canary_interval));
  if (metric->stable_interval.len)
    buf_addf(&out, "%s stable %.*s", metric->canary_interval.len ? "," : ";",
             STR_ARG(metric->stable_interval));
  if (metric->tolerated.len)
    buf_addf(&out, ", tolerated %.*s", STR_ARG(metric->tolerated));
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}
