// SPDX-License-Identifier: Apache-2.0
// The last act of a clean stop: a shim's record is complete a moment before the shim itself has
// ended, and one that was started twice (its runtime was killed in between) may still wait for the
// other's lock. Who stops the machine waits for all of them.
#pragma once

#include "manifests/base/err.h"

// Waits until no `serin shim` for a folder below `pods_dir` runs. RC_TIMEOUT names one that is left
// after `timeout_ms`. Blocks: for the end of a process.
int shim_wait_all(const char *pods_dir, int timeout_ms, struct err *err);
