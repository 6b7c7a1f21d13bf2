// SPDX-License-Identifier: Apache-2.0
// A rollout's status on the screen: once, or followed until it ends. The drawing itself is tree.h
// (pure).
#pragma once

#include "operator/cli/session.h"

// Draws once. Returns the exit code that the phase means.
int status_view_once(struct session *session, const char *command, struct str name);
// On a terminal the tree is redrawn in place; else one line is printed per change. Ends when the
// release has ended (0 or 1), or after --timeout (124).
int status_view_follow(struct session *session, const char *command, struct str name);
