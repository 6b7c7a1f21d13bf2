// SPDX-License-Identifier: Apache-2.0
// RolloutAction (serin.dev/v1alpha1): one manual verb on one Rollout, made by the CLI or `kubectl
// create`. Immutable; handled exactly once by the operator, answered in its status, kept as the
// audit trail (the last 20 of a Rollout).
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

// Set by the embedded API server on create: the authenticated user. On another API server whoever
// makes the object says so, and only the admission policy of manifests/install makes it true.
#define ROLLOUT_ACTION_USER "serin.dev/user"
// Set by the CLI: who the user says they are.
#define ROLLOUT_ACTION_CLAIMED "serin.dev/claimed-user"

enum rollout_verb {
  ROLLOUT_PROMOTE = 1,  // ends the current step
  ROLLOUT_PROMOTE_FULL, // to 100 % at once, and bake
  ROLLOUT_ABORT,        // all traffic back to stable
  ROLLOUT_RETRY,        // a failed or aborted release again
  ROLLOUT_PAUSE,
  ROLLOUT_RESUME,
  ROLLOUT_UNDO, // back to an earlier version, as a release of its own
};

enum rollout_action_result { ROLLOUT_ACTION_DONE = 1, ROLLOUT_ACTION_REFUSED };

struct rollout_action_spec {
  struct str rollout;
  enum rollout_verb verb;
  struct str reason;
  int64_t to_revision; // undo: 0 is the version before this one
};

struct rollout_action_status {
  int64_t handled_at; // 0: not yet
  enum rollout_action_result result;
  struct str message;
};

struct rollout_action {
  struct object_meta metadata;
  struct rollout_action_spec spec;
  struct rollout_action_status status;
};

extern const struct kind_desc rollout_action_kind;
extern const struct enum_value rollout_verb_values[];
const char *rollout_verb_name(enum rollout_verb verb);
// Who asked, with " (claimed)" behind when the server did not vouch for it.
struct str rollout_action_who(const struct rollout_action *action, bool stamped,
                              struct arena *arena);
