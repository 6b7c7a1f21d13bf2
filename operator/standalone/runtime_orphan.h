// SPDX-License-Identifier: Apache-2.0
// Folders below DATA/pods whose Pod is no longer in the API (deleted while no runtime ran): what
// still runs of them is ended with its grace period, then the folder goes.
#pragma once

#include "operator/standalone/runtime_state.h"

struct runtime_orphan;

// Looks through DATA/pods once; all Pods must be in the cache.
void orphan_find_all(struct runtime *runtime);
// Waits no longer for any of them; their processes go on.
void orphan_close_all(struct runtime *runtime);

// Without a runtime: ends all containers below DATA/pods, TERM first and KILL after their grace
// period. Returns how many there were. Blocks.
size_t orphan_stop_blocking(const char *pods_dir);
