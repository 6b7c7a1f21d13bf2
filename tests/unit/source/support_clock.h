// SPDX-License-Identifier: Apache-2.0
// The clocks of manifests/base/clock.h for this folder's tests: the machine's own, put forward by
// what a test asks for. They stand in for those of serin_base, whose object the linker then leaves
// out.
#pragma once

#include <stdint.h>

// All three clocks, from now on; never back. libuv's timers do not see it.
void clock_advance(int64_t ms);
