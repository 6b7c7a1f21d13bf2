// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/pod_machine_state.h"

void machine_add_action(struct pod_actions *actions, struct pod_action action) {
  void *items = actions->items;
  struct pod_action *slot =
      arena_push(actions->arena, &items, &actions->count, &actions->capacity, sizeof *slot);
  actions->items = items;
  *slot = action;
}

static void add_do(struct pod_actions *actions, enum pod_action_type type, size_t container) {
  machine_add_action(actions, (struct pod_action){.type = type, .container = container});
}

void machine_add_event(struct pod_actions *actions, size_t container, bool warning,
                       const char *reason, struct str message) {
  machine_add_action(actions, (struct pod_action){.type = POD_DO_EVENT,
                                                  .container = container,
                                                  .warning = warning,
                                                  .reason = reason,
                                                  .message = message});
}

void pod_machine_init(struct pod_machine *machine, const struct pod *pod, struct arena *arena) {
  const struct pod_spec *spec = &pod->spec;
  *machine = (struct pod_machine){.pod = pod,
                                  .arena = arena,
                                  .count = spec->init_containers_count + spec->containers_count,
                                  .init_count = spec->init_containers_count,
                                  .changed = true};
  machine->items = ARENA_ARRAY(arena, struct pod_container_machine, machine->count + 1);
  for (size_t i = 0; i < machine->count; i++) {
    struct pod_container_machine *item = &machine->items[i];
    item->init = i < machine->init_count;
    item->spec =
        item->init ? &spec->init_containers[i] : &spec->containers[i - machine->init_count];
    item->sidecar = item->init && str_eq(item->spec->restart_policy, STR("Always"));
    for (int kind = 0; kind < POD_PROBE_KINDS; kind++)
      item->probes[kind].next_ms = -1;
  }
}

// --- what follows from an exit ---

bool machine_wants_restart(const struct pod_machine *machine,
                           const struct pod_container_machine *item) {
  struct str policy = machine->pod->spec.restart_policy;
  if (item->sidecar)
    return true;
  if (str_eq(policy, STR("Never")))
    return false;
  if (item->init || str_eq(policy, STR("OnFailure")))
    return item->last.code != 0;
  return true;
}

static void wait_again(struct pod_container_machine *item, int64_t now_ms) {
  item->backoff_ms = 0;
  if (item->crashes > 0) {
    int64_t doublings = item->crashes - 1;
    item->backoff_ms =
        doublings >= 5 ? POD_BACKOFF_MAX_MS : (int64_t)POD_BACKOFF_FIRST_MS << doublings;
  }
  item->crashes++;
  item->attempt++;
  item->state = POD_WAITING;
  item->start_at_ms = now_ms + item->backoff_ms;
}

struct pod_exit machine_exit_dup(struct pod_machine *machine, const struct pod_exit *exit) {
  struct pod_exit copy = *exit;
  copy.set = true;
  copy.reason = arena_str(machine->arena, exit->reason);
  copy.message = arena_str(machine->arena, exit->message);
  return copy;
}

static void reset_running(struct pod_container_machine *item) {
  item->ready = item->started = item->post_start = item->pre_stopped = item->termed = item->killed =
      false;
  item->kill_at_ms = 0;
  for (int kind = 0; kind < POD_PROBE_KINDS; kind++)
    item->probes[kind] = (struct pod_probe_state){.next_ms = -1};
}

void pod_machine_exited(struct pod_machine *machine, size_t i, int64_t now_ms,
                        const struct pod_exit *exit) {
  struct pod_container_machine *item = &machine->items[i];
  if (item->state == POD_EXITED || item->state == POD_WAITING)
    return;
  item->last = machine_exit_dup(machine, exit);
  bool ran_long = item->state != POD_STARTING && item->running_since_ms > 0 &&
                  now_ms - item->running_since_ms >= POD_BACKOFF_RESET_MS;
  if (ran_long)
    item->crashes = 0;
  reset_running(item);
  machine->changed = true;
  if (!machine->deleting && machine_wants_restart(machine, item))
    wait_again(item, now_ms);
  else
    item->state = POD_EXITED;
}

// --- starting ---

static void schedule_probe(struct pod_container_machine *item, enum pod_probe_kind kind,
                           int64_t now_ms) {
  const struct pod_probe *probe = pod_probe_of(item->spec, kind);
  if (!probe)
    return;
  int64_t first = item->running_since_ms + probe->initial_delay_s * 1000;
  item->probes[kind] = (struct pod_probe_state){
      .next_ms = first > now_ms ? first : now_ms, .fast_ms = POD_PROBE_FAST_MS, .counted_ms = -1};
}

// The startup probe passed, or there is none: the others begin.
void machine_enter_started(struct pod_machine *machine, struct pod_container_machine *item,
                           int64_t now_ms) {
  item->started = true;
  item->probes[POD_STARTUP].next_ms = -1;
  schedule_probe(item, POD_LIVENESS, now_ms);
  schedule_probe(item, POD_READINESS, now_ms);
  item->ready = !item->spec->readiness_probe;
  machine->changed = true;
}

void machine_begin_probes(struct pod_machine *machine, struct pod_container_machine *item,
                          int64_t now_ms) {
  if (item->spec->startup_probe)
    schedule_probe(item, POD_STARTUP, now_ms);
  else
    machine_enter_started(machine, item, now_ms);
}

void pod_machine_started(struct pod_machine *machine, size_t i, int64_t now_ms, int64_t wall_ms) {
  struct pod_container_machine *item = &machine->items[i];
  if (item->state != POD_STARTING)
    return;
  item->state = POD_RUNNING;
  item->running_since_ms = now_ms;
  item->started_wall_ms = wall_ms;
  item->wait_reason = item->wait_message = STR_NULL;
  machine->changed = true;
  item->post_start = item->spec->lifecycle && item->spec->lifecycle->post_start;
  if (!item->post_start)
    machine_begin_probes(machine, item, now_ms);
}

void pod_machine_blocked(struct pod_machine *machine, size_t i, struct str reason,
                         struct str message) {
  struct pod_container_machine *item = &machine->items[i];
  if (item->state != POD_STARTING)
    return;
  item->state = machine->deleting ? POD_EXITED : POD_WAITING;
  item->blocked = true;
  if (!str_eq(item->wait_reason, reason) || !str_eq(item->wait_message, message))
    machine->changed = true;
  item->wait_reason = arena_str(machine->arena, reason);
  item->wait_message = arena_str(machine->arena, message);
}

void pod_machine_retry(struct pod_machine *machine) {
  for (size_t i = 0; i < machine->count; i++)
    machine->items[i].blocked = false;
}

static void start_if_due(struct pod_machine *machine, size_t i, int64_t now_ms,
                         struct pod_actions *actions) {
  struct pod_container_machine *item = &machine->items[i];
  if (item->state != POD_WAITING || item->blocked || now_ms < item->start_at_ms)
    return;
  item->state = POD_STARTING;
  item->backoff_ms = 0;
  machine->changed = true;
  add_do(actions, POD_DO_START, i);
}

static bool init_is_done(const struct pod_container_machine *item) {
  if (item->sidecar)
    return item->started;
  return item->state == POD_EXITED && item->last.set && item->last.code == 0;
}

bool pod_machine_is_initialized(const struct pod_machine *machine) {
  for (size_t i = 0; i < machine->init_count; i++)
    if (!init_is_done(&machine->items[i]) &&
        // A sidecar that restarts does not undo what came after it.
        !(machine->items[i].sidecar && machine->items[i].last.set))
      return false;
  return true;
}

bool machine_init_has_failed(const struct pod_machine *machine) {
  for (size_t i = 0; i < machine->init_count; i++)
    if (machine->items[i].state == POD_EXITED && !init_is_done(&machine->items[i]))
      return true;
  return false;
}

static void step_start(struct pod_machine *machine, int64_t now_ms, struct pod_actions *actions) {
  for (size_t i = 0; i < machine->init_count; i++) {
    start_if_due(machine, i, now_ms, actions);
    bool restarting = machine->items[i].sidecar && machine->items[i].last.set;
    if (!init_is_done(&machine->items[i]) && !restarting)
      return;
  }
  for (size_t i = machine->init_count; i < machine->count; i++)
    start_if_due(machine, i, now_ms, actions);
}

// --- stopping ---

void machine_begin_stop(struct pod_machine *machine, size_t i, int64_t now_ms, int64_t grace_ms,
                        struct pod_actions *actions) {
  struct pod_container_machine *item = &machine->items[i];
  if (item->state != POD_RUNNING)
    return;
  item->state = POD_STOPPING;
  item->ready = false;
  item->kill_at_ms = now_ms + grace_ms;
  machine->changed = true;
  bool hook = item->spec->lifecycle && item->spec->lifecycle->pre_stop && grace_ms > 0;
  item->termed = !hook;
  add_do(actions, hook ? POD_DO_PRE_STOP : POD_DO_TERM, i);
}

void pod_machine_pre_stopped(struct pod_machine *machine, size_t i) {
  struct pod_container_machine *item = &machine->items[i];
  item->pre_stopped |= item->state == POD_STOPPING;
}

static void step_stop(struct pod_machine *machine, size_t i, int64_t now_ms,
                      struct pod_actions *actions) {
  struct pod_container_machine *item = &machine->items[i];
  if (item->state != POD_STOPPING)
    return;
  if (!item->termed && item->pre_stopped) {
    item->termed = true;
    add_do(actions, POD_DO_TERM, i);
  }
  if (!item->killed && now_ms >= item->kill_at_ms) {
    item->killed = true;
    add_do(actions, POD_DO_KILL, i);
  }
}

int64_t machine_stop_grace_ms(const struct pod_machine *machine, const struct pod_probe *probe) {
  if (probe && probe->has_termination_grace_period_s)
    return probe->termination_grace_period_s * 1000;
  return machine->pod->spec.termination_grace_period_s * 1000;
}

void pod_machine_delete(struct pod_machine *machine, int64_t now_ms, int64_t grace_ms) {
  machine->changed |= !machine->deleting;
  machine->deleting = true;
  machine->grace_ms = grace_ms;
  for (size_t i = 0; i < machine->count; i++) {
    struct pod_container_machine *item = &machine->items[i];
    if (item->state == POD_WAITING)
      item->state = POD_EXITED; // never runs again; `last` says what was before
    else if (item->state == POD_STOPPING && now_ms + grace_ms < item->kill_at_ms)
      item->kill_at_ms = now_ms + grace_ms;
  }
}

static void step_delete(struct pod_machine *machine, int64_t now_ms, struct pod_actions *actions) {
  bool mains_left = false, any_left = false;
  for (size_t i = machine->count; i-- > 0;) {
    struct pod_container_machine *item = &machine->items[i];
    // Sidecars serve the containers until the last of these has ended.
    if (!(item->sidecar && mains_left))
      machine_begin_stop(machine, i, now_ms, machine->grace_ms, actions);
    bool left = item->state != POD_EXITED;
    mains_left |= left && !item->sidecar;
    any_left |= left;
  }
  if (!any_left && !machine->done_told) {
    machine->done_told = true;
    add_do(actions, POD_DO_FORGET, 0);
  }
}

// When every container has ended for good, the sidecars go, too.
static void step_sidecars(struct pod_machine *machine, int64_t now_ms,
                          struct pod_actions *actions) {
  for (size_t i = machine->init_count; i < machine->count; i++)
    if (machine->items[i].state != POD_EXITED)
      return;
  for (size_t i = 0; i < machine->init_count; i++) {
    struct pod_container_machine *item = &machine->items[i];
    if (item->sidecar && item->state == POD_WAITING)
      item->state = POD_EXITED;
    else if (item->sidecar)
      machine_begin_stop(machine, i, now_ms, machine_stop_grace_ms(machine, NULL), actions);
  }
}

void pod_machine_post_started(struct pod_machine *machine, size_t i, int64_t now_ms, bool ok,
                              struct str message, struct pod_actions *actions) {
  struct pod_container_machine *item = &machine->items[i];
  if (item->state != POD_RUNNING || !item->post_start)
    return;
  item->post_start = false;
  if (ok) {
    machine_begin_probes(machine, item, now_ms);
    return;
  }
  machine_add_event(actions, i, true, "FailedPostStartHook", arena_str(actions->arena, message));
  machine_begin_stop(machine, i, now_ms, machine_stop_grace_ms(machine, NULL), actions);
}

// --- the whole ---

void pod_machine_step(struct pod_machine *machine, int64_t now_ms, struct pod_actions *actions) {
  if (machine->deleting) {
    step_delete(machine, now_ms, actions);
  } else {
    if (!machine_init_has_failed(machine))
      step_start(machine, now_ms, actions);
    step_sidecars(machine, now_ms, actions);
  }
  for (size_t i = 0; i < machine->count; i++) {
    step_stop(machine, i, now_ms, actions);
    machine_step_probes(machine, i, now_ms, actions);
  }
}

static void sooner(int64_t *due, int64_t at) {
  if (at >= 0 && (*due < 0 || at < *due))
    *due = at;
}

int64_t pod_machine_due(const struct pod_machine *machine) {
  int64_t due = -1;
  bool may_start = !machine->deleting && !machine_init_has_failed(machine);
  bool initialized = pod_machine_is_initialized(machine);
  bool earlier_done = true;
  for (size_t i = 0; i < machine->count; i++) {
    const struct pod_container_machine *item = &machine->items[i];
    bool turn = item->init ? earlier_done : initialized;
    if (item->init)
      earlier_done = earlier_done && (init_is_done(item) || (item->sidecar && item->last.set));
    if (item->state == POD_WAITING && may_start && turn && !item->blocked)
      sooner(&due, item->start_at_ms);
    if (item->state == POD_STOPPING && !item->killed)
      sooner(&due, item->kill_at_ms);
    for (int kind = 0; item->state == POD_RUNNING && kind < POD_PROBE_KINDS; kind++)
      if (!item->probes[kind].in_flight)
        sooner(&due, item->probes[kind].next_ms);
  }
  return due;
}
