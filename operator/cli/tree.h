// SPDX-License-Identifier: Apache-2.0
// A Rollout drawn as a tree, and told in one line. Pure: the snapshot, the time and the terminal's
// width come in, text comes out.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/kinds/rollout.h"

struct tree_workload { // replicas of a version's Deployment
  bool is_known;
  int64_t wanted, ready;
};

struct tree_view {
  const struct rollout *rollout;
  struct tree_workload stable, canary;
  int64_t now_ms;
  size_t width; // columns; 0: no bound
  bool color;
  bool ascii; // no box drawing, for terminals without UTF-8
};

void tree_write(const struct tree_view *view, struct arena *arena, struct buf *out);
// "team1/agent Progressing step 3/7 monitor weight=10% observed=9.8% ack=1/1 error-rate=pass:
// waiting for ...". *ret_key (may be NULL) is the part that changes only when something happened
// (no countdowns).
struct str tree_summary(const struct tree_view *view, struct arena *arena, struct str *ret_key);
// The exit code of `status` (options.h) for a phase.
int tree_exit_code(const struct rollout *rollout);
