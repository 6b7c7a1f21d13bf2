// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/pod_machine_state.h"

const char *pod_probe_name(enum pod_probe_kind kind) {
  static const char *const names[] = {"Startup", "Liveness", "Readiness", ""};
  return names[kind];
}

const struct pod_probe *pod_probe_of(const struct pod_container *spec, enum pod_probe_kind kind) {
  switch (kind) {
  case POD_STARTUP: return spec->startup_probe;
  case POD_LIVENESS: return spec->liveness_probe;
  case POD_READINESS: return spec->readiness_probe;
  case POD_PROBE_KINDS: break;
  }
  return NULL;
}

static int64_t period_ms(const struct pod_probe *probe) {
  return probe->period_s > 0 ? probe->period_s * 1000 : 10000;
}

static int64_t failure_limit(const struct pod_probe *probe) {
  return probe->failure_threshold > 0 ? probe->failure_threshold : 3;
}

static int64_t success_limit(const struct pod_probe *probe) {
  return probe->success_threshold > 0 ? probe->success_threshold : 1;
}

void machine_step_probes(struct pod_machine *machine, size_t i, int64_t now_ms,
                         struct pod_actions *actions) {
  struct pod_container_machine *item = &machine->items[i];
  for (int kind = 0; item->state == POD_RUNNING && kind < POD_PROBE_KINDS; kind++) {
    struct pod_probe_state *state = &item->probes[kind];
    if (state->in_flight || state->next_ms < 0 || now_ms < state->next_ms)
      continue;
    state->in_flight = true;
    machine_add_action(actions, (struct pod_action){.type = POD_DO_PROBE,
                                                    .container = i,
                                                    .probe = (enum pod_probe_kind)kind});
  }
}

static void probe_passed(struct pod_machine *machine, struct pod_container_machine *item,
                         enum pod_probe_kind kind, const struct pod_probe *probe, int64_t now_ms) {
  struct pod_probe_state *state = &item->probes[kind];
  state->failures = 0;
  state->successes++;
  state->ever_ok = true;
  if (state->successes < success_limit(probe))
    return;
  if (kind == POD_STARTUP) {
    machine_enter_started(machine, item, now_ms);
  } else if (kind == POD_READINESS && !item->ready) {
    item->ready = true;
    machine->changed = true;
  }
}

static void probe_failed(struct pod_machine *machine, size_t i, enum pod_probe_kind kind,
                         const struct pod_probe *probe, int64_t now_ms, struct str message,
                         struct pod_actions *actions) {
  struct pod_container_machine *item = &machine->items[i];
  struct pod_probe_state *state = &item->probes[kind];
  state->successes = 0;
  // The short delays before the first success must not use up the threshold; the first one only
  // starts the count.
  bool counts =
      state->ever_ok || state->counted_ms < 0 || now_ms - state->counted_ms >= period_ms(probe);
  if (!counts)
    return;
  state->counted_ms = now_ms;
  state->failures++;
  int64_t limit = failure_limit(probe);
  // The first refusal while a process still starts is no news.
  if (state->failures == limit || (state->ever_ok && state->failures == 1))
    machine_add_event(actions, i, true, "Unhealthy",
                      arena_printf(actions->arena, "%s probe failed: %.*s", pod_probe_name(kind),
                                   STR_ARG(message)));
  if (state->failures < limit)
    return;
  if (kind == POD_READINESS) {
    machine->changed |= item->ready;
    item->ready = false;
    return;
  }
  machine_add_event(
      actions, i, false, "Killing",
      arena_printf(actions->arena, "Container %.*s failed %s probe, will be restarted",
                   STR_ARG(item->spec->name), kind == POD_STARTUP ? "startup" : "liveness"));
  machine_begin_stop(machine, i, now_ms, machine_stop_grace_ms(machine, probe), actions);
}

static int64_t next_delay(struct pod_probe_state *state, enum pod_probe_kind kind, bool ok,
                          const struct pod_probe *probe) {
  int64_t period = period_ms(probe);
  if (ok || state->ever_ok || kind == POD_LIVENESS)
    return period;
  int64_t delay = state->fast_ms < period ? state->fast_ms : period;
  if (state->fast_ms < period)
    state->fast_ms *= 2;
  return delay;
}

void pod_machine_probed(struct pod_machine *machine, size_t i, enum pod_probe_kind kind,
                        int64_t now_ms, bool ok, struct str message, struct pod_actions *actions) {
  struct pod_container_machine *item = &machine->items[i];
  struct pod_probe_state *state = &item->probes[kind];
  const struct pod_probe *probe = pod_probe_of(item->spec, kind);
  if (item->state != POD_RUNNING || !state->in_flight || !probe)
    return; // answered too late: it is about an earlier attempt
  state->in_flight = false;
  if (ok)
    probe_passed(machine, item, kind, probe, now_ms);
  else
    probe_failed(machine, i, kind, probe, now_ms, message, actions);
  if (state->next_ms >= 0)
    state->next_ms = now_ms + next_delay(state, kind, ok, probe);
}
