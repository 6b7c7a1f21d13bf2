// SPDX-License-Identifier: Apache-2.0
// An operator that always comes back, and is killed at two of three writes.
#include "support_world_parts.h"

// Of three writes the first is lost and the process with it, after the second it dies, and the
// third goes through: what is written to and fro by each new process would never end.
static size_t until_killed(const struct plan *plan, uint64_t *writes, bool *ret_killed) {
  *ret_killed = true;
  for (size_t i = 0; i < plan->count; i++) {
    uint64_t turn = plan->actions[i].kind == PLAN_EVENT ? 2 : (*writes)++ % 3;
    if (turn < 2)
      return i + turn;
  }
  *ret_killed = false;
  return plan->count;
}

void world_run_killed(struct world *world, const char *phase, int plans, uint64_t *writes) {
  for (int i = 0; i < plans && !str_eq_z(world_phase(world), phase); i++) {
    struct arena arena;
    bool killed;
    arena_init(&arena);
    struct plan *plan = world_plan(world, &arena);
    size_t count = until_killed(plan, writes, &killed);
    (void)world_apply(world, plan, count);
    world->now_ms += killed || plan->count == 0 ? 1000 : 1;
    world->first_look = world->sets_late = killed; // nothing is known of ReplicaSets at first
    world_ready(world);
    arena_dispose(&arena);
  }
}
