// SPDX-License-Identifier: Apache-2.0
// A pod's status as the API shows it, from the state machine. Pure.
#pragma once

#include "operator/standalone/pod_machine.h"
#include "operator/standalone/pod_source.h"

// `old` is the status the API has now (may be NULL): times of last transition and the start time
// are taken over where nothing changed.
struct json *pod_status_write(const struct pod_machine *machine, const struct pod_facts *facts,
                              const struct json *old, int64_t now_wall_ms, struct arena *arena);
// True when the two say the same.
bool pod_status_equal(const struct json *a, const struct json *b);
