// SPDX-License-Identifier: Apache-2.0
#include "analysis/verdict.h"

#include "manifests/base/bug.h"

#include <math.h>

static const char *const CAUSE_NAMES[] = {
    [CAUSE_NONE] = "",
    [CAUSE_FEW_REQUESTS] = "FewRequests",
    [CAUSE_UNDECIDED] = "Undecided",
    [CAUSE_SHARED] = "SharedWithStable",
    [CAUSE_NO_CONTROL] = "NoControl",
    [CAUSE_NO_TRAFFIC] = "NoTraffic",
    [CAUSE_NO_DATA] = "NoData",
    [CAUSE_NAN] = "NotANumber",
    [CAUSE_MANY_SERIES] = "SeveralSeries",
    [CAUSE_STALE] = "StaleData",
    [CAUSE_QUERY_ERROR] = "QueryFailed",
};
static const char *const OUTCOME_NAMES[] = {"pass", "fail", "insufficient"};
static const char *const DECISION_NAMES[] = {"continue", "pass", "rollback", "hold"};

const char *outcome_name(enum outcome outcome) {
  BUG_ON((size_t)outcome >= ARRAY_LEN(OUTCOME_NAMES));
  return OUTCOME_NAMES[outcome];
}

const char *cause_name(enum cause cause) {
  BUG_ON((size_t)cause >= ARRAY_LEN(CAUSE_NAMES));
  return CAUSE_NAMES[cause];
}

const char *decision_name(enum decision decision) {
  BUG_ON((size_t)decision >= ARRAY_LEN(DECISION_NAMES));
  return DECISION_NAMES[decision];
}

// Whether `a` speaks louder than `b` in the fold.
static bool outweighs(const struct metric_verdict *a, const struct metric_verdict *b) {
  static const int RANK[] = {[OUTCOME_PASS] = 0, [OUTCOME_INSUFFICIENT] = 1, [OUTCOME_FAIL] = 2};
  if (a->outcome != b->outcome)
    return RANK[a->outcome] > RANK[b->outcome];
  if (a->cause != b->cause)
    return a->cause > b->cause;
  return a->outcome == OUTCOME_FAIL && a->evidence > b->evidence;
}

struct verdict verdict_fold(struct metric_verdict *metrics, size_t count, struct arena *arena) {
  if (!count)
    return (struct verdict){.outcome = OUTCOME_INSUFFICIENT,
                            .cause = CAUSE_NO_CONTROL,
                            .reason = STR("there is no metric to judge by")};
  const struct metric_verdict *loudest = &metrics[0];
  bool clean = true;
  for (size_t i = 0; i < count; i++) {
    clean = clean && metrics[i].clean;
    if (outweighs(&metrics[i], loudest))
      loudest = &metrics[i];
  }
  return (struct verdict){
      .outcome = loudest->outcome,
      .cause = loudest->cause,
      .clean = clean,
      .reason = arena_printf(arena, "%.*s: %.*s", STR_ARG(loudest->name), STR_ARG(loudest->reason)),
      .metrics = metrics,
      .metric_count = count,
  };
}

static enum decision decide_inconclusive(const struct verdict *verdict,
                                         const struct verdict_policy *policy) {
  switch (policy->on_inconclusive) {
  case ON_INCONCLUSIVE_PROMOTE_IF_CLEAN: return verdict->clean ? DECISION_PASS : DECISION_HOLD;
  case ON_INCONCLUSIVE_ROLLBACK: return DECISION_ROLLBACK;
  case ON_INCONCLUSIVE_HOLD: break;
  }
  return DECISION_HOLD;
}

static enum decision decide_no_data(const struct verdict_policy *policy) {
  switch (policy->on_no_data) {
  case ON_NO_DATA_PROMOTE: return DECISION_PASS;
  case ON_NO_DATA_ROLLBACK: return DECISION_ROLLBACK;
  case ON_NO_DATA_HOLD: break;
  }
  return DECISION_HOLD;
}

enum decision verdict_decide(const struct verdict *verdict, const struct verdict_policy *policy,
                             bool time_is_up) {
  if (verdict->outcome == OUTCOME_FAIL)
    return policy->on_failure == ON_FAILURE_HOLD ? DECISION_HOLD : DECISION_ROLLBACK;
  if (verdict->outcome == OUTCOME_PASS)
    return time_is_up || verdict->may_end_early ? DECISION_PASS : DECISION_CONTINUE;
  if (!time_is_up)
    return DECISION_CONTINUE;
  switch (verdict->cause) {
  case CAUSE_STALE:
  case CAUSE_QUERY_ERROR: return DECISION_HOLD;
  case CAUSE_NO_TRAFFIC:
  case CAUSE_NO_DATA: return decide_no_data(policy);
  case CAUSE_NONE:
  case CAUSE_FEW_REQUESTS:
  case CAUSE_UNDECIDED:
  case CAUSE_SHARED:
  case CAUSE_NO_CONTROL:
  case CAUSE_NAN:
  case CAUSE_MANY_SERIES: break;
  }
  return decide_inconclusive(verdict, policy);
}

struct json *metric_verdict_json(const struct metric_verdict *metric, struct arena *arena) {
  struct json *json = json_new_object(arena);
  const char *unit = metric->is_share ? "%" : "";
  json_put_string(arena, json, "name", metric->name);
  if (metric->has_canary)
    json_put_string(arena, json, "canary", arena_printf(arena, "%.4g%s", metric->canary, unit));
  if (metric->has_stable)
    json_put_string(arena, json, "stable", arena_printf(arena, "%.4g%s", metric->stable, unit));
  if (!str_is_empty(metric->limit))
    json_put_string(arena, json, "limit", metric->limit);
  json_put_int(arena, json, "requests", (int64_t)llround(fmin(metric->requests, 9e15)));
  json_put_int(arena, json, "bad", (int64_t)llround(fmin(metric->bad, 9e15)));
  json_put_z(arena, json, "verdict", outcome_name(metric->outcome));
  json_put_string(arena, json, "reason", metric->reason);
  return json;
}
