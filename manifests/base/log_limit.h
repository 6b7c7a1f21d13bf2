// SPDX-License-Identifier: Apache-2.0
// Keeps a line that would come again and again out of the log: the same text passes once per
// period, another text at once, but not more than one line a second. Pure: the time is an argument.
#pragma once

#include "manifests/base/str.h"

struct log_limit { // zeroed to begin with
  int64_t last_ms;
  uint64_t text; // hash of the last line's
  uint64_t held; // lines held back since
  bool any;
};

// True when the line may be written now; *ret_held lines were held back since the last one.
bool log_limit_pass(struct log_limit *limit, struct str text, int64_t now_ms, int64_t period_ms,
                    uint64_t *ret_held);
// All is well again: true when a line was written since the last time it was.
bool log_limit_over(struct log_limit *limit);
