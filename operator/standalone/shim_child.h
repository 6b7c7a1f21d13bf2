// SPDX-License-Identifier: Apache-2.0
// The process of a container between fork and exec. Private to shim*.c.
#pragma once

#include "operator/standalone/shim_record.h"

// Waits for a byte on `go`, then becomes the container's command with its output to `output`; what
// fails is written to `report`.
_Noreturn void shim_child_run(const struct shim_start *start, const char *output, int go,
                              int report);
