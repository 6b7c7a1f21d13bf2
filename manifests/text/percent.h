// SPDX-License-Identifier: Apache-2.0
// Shares: "1%", "0.1%" or a plain number of percent, kept exactly as parts of 10,000 (weights) or
// as a double (limits).
#pragma once

#include "manifests/base/arena.h"

// "10", "0.1", "12.34", with or without '%', as parts of 10,000 (12.34 % = 1234). False outside
// 0..100 or finer than 0.01.
bool percent_parse_parts(struct str text, int64_t *ret_parts);
// 1234 -> "12.34", 1000 -> "10".
struct str percent_format_parts(struct arena *arena, int64_t parts);
// "1%" -> 1.0; any finite number >= 0 with or without '%'.
bool percent_parse(struct str text, double *ret_percent);
