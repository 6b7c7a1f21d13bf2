// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/step_text.h"
#include "manifests/text/duration.h"
#include "manifests/text/percent.h"

static struct str words(struct arena *arena, int64_t ms) {
  return duration_words(arena, ms);
}

static struct str deploy_text(const struct rollout_deploy_step *step, struct arena *arena) {
  const struct int_or_string *replicas = &step->replicas;
  if (replicas->is_set && !replicas->is_string)
    return arena_printf(arena, "deploy %lld replicas", (long long)replicas->integer);
  if (replicas->is_set && replicas->text.len)
    return arena_printf(arena, "deploy %.*s", STR_ARG(replicas->text));
  return STR("deploy proportional");
}

static struct str monitor_text(const struct rollout_monitor_step *step, struct arena *arena) {
  struct str most = words(arena, step->duration_ms);
  if (step->min_ms >= step->duration_ms)
    return arena_printf(arena, "monitor %.*s", STR_ARG(most));
  return arena_printf(arena, "monitor %.*s, at least %.*s", STR_ARG(most),
                      STR_ARG(words(arena, step->min_ms)));
}

static const char *decommission_name(enum rollout_decommission action) {
  switch (action) {
  case ROLLOUT_DECOMMISSION_DELETE: return "delete";
  case ROLLOUT_DECOMMISSION_NONE: return "none";
  case ROLLOUT_DECOMMISSION_SCALE_DOWN: break;
  }
  return "scaleDown";
}

struct str step_text(const struct rollout_spec *spec, size_t index, struct arena *arena) {
  const struct rollout_step *step = &spec->steps[index];
  switch (rollout_step_kind(step)) {
  case ROLLOUT_STEP_DEPLOY: return deploy_text(step->deploy, arena);
  case ROLLOUT_STEP_SET_WEIGHT:
    return arena_printf(arena, "setWeight %.*s%%",
                        STR_ARG(percent_format_parts(arena, rollout_step_parts(step))));
  case ROLLOUT_STEP_MONITOR: return monitor_text(step->monitor, arena);
  case ROLLOUT_STEP_PAUSE:
    if (!step->pause->has_duration_ms)
      return STR("pause until promoted");
    return arena_printf(arena, "pause %.*s", STR_ARG(words(arena, step->pause->duration_ms)));
  case ROLLOUT_STEP_DECOMMISSION:
    if (spec->workload_ref)
      return arena_printf(arena, "hand over to Deployment %.*s", STR_ARG(spec->workload_ref->name));
    return arena_printf(arena, "decommission %s", decommission_name(step->decommission->action));
  case ROLLOUT_STEP_NONE: break;
  }
  return STR("unknown step");
}
