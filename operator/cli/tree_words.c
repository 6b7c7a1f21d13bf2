// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/options.h"
#include "operator/cli/tree.h"
#include "operator/cli/tree_words.h"

const char *tree_phase_word(const struct rollout_status *status) {
  return status->phase == ROLLOUT_PHASE_NONE ? "Unknown" : rollout_phase_name(status->phase);
}

const char *tree_verdict_word(enum rollout_verdict verdict) {
  return verdict == ROLLOUT_PASS ? "pass" : verdict == ROLLOUT_FAIL ? "fail" : "insufficient";
}

struct str tree_now_text(const struct rollout_status *status, struct arena *arena) {
  if (status->step.waiting_for.len && !rollout_phase_is_final(status->phase))
    return arena_printf(arena, "waiting for %.*s%s%.*s", STR_ARG(status->step.waiting_for),
                        status->message.len ? ": " : "", STR_ARG(status->message));
  if (status->message.len)
    return status->message;
  if (status->phase == ROLLOUT_PHASE_NONE)
    return STR("no operator has looked at it yet; is `serin operator` running?");
  return status->reason.len ? status->reason : STR("nothing to do");
}

struct str tree_summary(const struct tree_view *view, struct arena *arena, struct str *ret_key) {
  const struct rollout *rollout = view->rollout;
  const struct rollout_status *status = &rollout->status;
  struct buf line;
  buf_init(&line, 65536);
  buf_addf(&line, "%.*s/%.*s %s", STR_ARG(rollout->metadata.namespace_),
           STR_ARG(rollout->metadata.name), tree_phase_word(status));
  if (status->release)
    buf_addf(&line, " step=%lld/%zu %.*s",
             (long long)(status->step.index < (int64_t)rollout->spec.steps_count
                             ? status->step.index + 1
                             : status->step.index),
             rollout->spec.steps_count, STR_ARG(status->step.name));
  if (status->weight.canary.len)
    buf_addf(&line, " weight=%.*s%%", STR_ARG(status->weight.canary));
  if (status->weight.acknowledged.len)
    buf_addf(&line, " ack=%.*s", STR_ARG(status->weight.acknowledged));
  for (size_t i = 0; i < status->metrics_count; i++)
    buf_addf(&line, " %.*s=%s", STR_ARG(status->metrics[i].name),
             tree_verdict_word(status->metrics[i].verdict));
  if (ret_key)
    *ret_key = arena_printf(arena, "%.*s %.*s", STR_ARG(buf_str(&line)), STR_ARG(status->reason));
  if (status->weight.observed.len)
    buf_addf(&line, " observed=%.*s%%", STR_ARG(status->weight.observed));
  if (status->reason.len)
    buf_addf(&line, " reason=%.*s", STR_ARG(status->reason));
  struct str now = tree_now_text(status, arena);
  buf_addf(&line, ": %.*s", STR_ARG(now));
  struct str text = arena_str(arena, buf_str(&line));
  buf_dispose(&line);
  return text;
}

int tree_exit_code(const struct rollout *rollout) {
  const struct rollout_status *status = &rollout->status;
  // What the operator has not seen yet is in progress, whatever the last release came to.
  if (status->observed_generation < rollout->metadata.generation)
    return EXIT_PROGRESS;
  switch (status->phase) {
  case ROLLOUT_HEALTHY: return EXIT_DONE;
  case ROLLOUT_ROLLED_BACK:
  case ROLLOUT_ABORTED:
  case ROLLOUT_DEGRADED: return EXIT_FAILED;
  case ROLLOUT_PAUSED:
  case ROLLOUT_HOLDING: return EXIT_WAITING;
  case ROLLOUT_PHASE_NONE:
  case ROLLOUT_PENDING:
  case ROLLOUT_DEPLOYING:
  case ROLLOUT_PROGRESSING:
  case ROLLOUT_ROLLING_BACK:
  case ROLLOUT_DECOMMISSIONING: break;
  }
  return EXIT_PROGRESS;
}
