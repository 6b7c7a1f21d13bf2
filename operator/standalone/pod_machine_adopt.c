// SPDX-License-Identifier: Apache-2.0
// What was there before this process, and what a machine amounts to.
#include "operator/standalone/pod_machine_state.h"

// --- adoption ---

void pod_machine_adopt_running(struct pod_machine *machine, size_t i, int64_t attempt,
                               int64_t now_ms, int64_t uptime_ms, int64_t wall_ms, bool started,
                               bool ready) {
  struct pod_container_machine *item = &machine->items[i];
  item->state = POD_STARTING;
  item->attempt = attempt;
  pod_machine_started(machine, i, now_ms, wall_ms);
  item->post_start = false; // it ran when the container started
  item->running_since_ms = now_ms - uptime_ms;
  if (!started) {
    machine_begin_probes(machine, item, now_ms);
    return;
  }
  machine_enter_started(machine, item, now_ms);
  if (item->spec->readiness_probe && ready) {
    // Stays ready until a probe says otherwise: an adoption must not be seen from outside.
    item->ready = true;
    item->probes[POD_READINESS].ever_ok = true;
  }
}

void pod_machine_adopt_exit(struct pod_machine *machine, size_t i, int64_t attempt,
                            const struct pod_exit *exit) {
  struct pod_container_machine *item = &machine->items[i];
  item->last = machine_exit_dup(machine, exit);
  item->attempt = attempt;
  if (machine_wants_restart(machine, item)) {
    item->attempt++;
    item->crashes = 1; // at once now, with back-off from then on
  } else {
    item->state = POD_EXITED;
  }
}

// --- what it amounts to ---

bool pod_machine_is_ready(const struct pod_machine *machine) {
  if (machine->deleting || !pod_machine_is_initialized(machine))
    return false;
  for (size_t i = 0; i < machine->count; i++) {
    const struct pod_container_machine *item = &machine->items[i];
    if ((!item->init || item->sidecar) && !(item->state == POD_RUNNING && item->ready))
      return false;
  }
  return true;
}

const char *pod_machine_phase(const struct pod_machine *machine) {
  if (machine_init_has_failed(machine))
    return "Failed";
  bool all_ended = true, any_ran = false, any_failed = false;
  for (size_t i = machine->init_count; i < machine->count; i++) {
    const struct pod_container_machine *item = &machine->items[i];
    any_ran |= item->last.set || item->state == POD_RUNNING || item->state == POD_STOPPING;
    any_failed |= item->state == POD_EXITED && (!item->last.set || item->last.code != 0);
    all_ended &= item->state == POD_EXITED;
  }
  if (all_ended && machine->count > machine->init_count)
    return any_failed ? "Failed" : "Succeeded";
  return any_ran ? "Running" : "Pending";
}
