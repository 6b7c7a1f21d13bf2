// SPDX-License-Identifier: Apache-2.0
// Writes of the controllers. A controller plans for an owner (a Deployment, a ReplicaSet, a
// Service) again only when all it wrote for it before has been answered and seen in the watch
// caches: so a plan never repeats what is under way. After a refusal the owner rests a moment and
// is planned from what is true then.
#pragma once

#include "operator/standalone/runtime_state.h"

// Whether a plan may be made for this owner ("Deployment/<uid>") now.
bool write_is_settled(struct runtime *runtime, struct str owner);
void write_start(struct runtime *runtime, struct str owner, const struct deploy_action *action);
void write_dispose(struct runtime *runtime); // after the HTTP client has closed
