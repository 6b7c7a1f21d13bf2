// SPDX-License-Identifier: Apache-2.0
// What `serin uninstall` does with the Deployment that a Rollout's workloadRef names.
#pragma once

#include "operator/cli/session.h"

// Lets it go as operator/reconcile/leaving.h says, when no release runs and routes are as they were
// found; else it stays paused. *ret_text: what became of it; empty: the Rollout has no workloadRef.
int uninstall_original(struct session *session, const struct json *rollout, bool dry_run,
                       struct arena *arena, struct str *ret_text, struct err *err);
