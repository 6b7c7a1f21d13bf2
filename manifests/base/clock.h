// SPDX-License-Identifier: Apache-2.0
// The clocks, for effect files only. Pure code takes the time as an argument.
#pragma once

#include <stdint.h>

int64_t clock_wall_ms(void); // since 1970, UTC
int64_t clock_mono_ms(void); // steady, from an arbitrary start
int64_t clock_mono_us(void);
