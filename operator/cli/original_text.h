// SPDX-License-Identifier: Apache-2.0
// What a Rollout with workloadRef does with its Deployment, for people: which one, whether it is
// paused, what runs beside it, what comes next and what a person has to do. Pure, from status.
#pragma once

#include "manifests/kinds/rollout.h"

struct original_text {
  struct str now;  // empty: the Rollout has no workloadRef
  struct str next; // what happens by itself; empty: nothing
  struct str todo; // for a person; empty: nothing
};

struct original_text original_text(const struct rollout *rollout, struct arena *arena);
