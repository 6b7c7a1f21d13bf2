// SPDX-License-Identifier: Apache-2.0
// The lines that `serin analyze --replay` reads: one JSON object each,
//   {"t": 5, "canary": {"requests": 50, "errors": 1, "slow": {"250": 3, "500": 1}}, "stable":
//   {...}}
// with counts since the line before. Lines with "history": true come first and carry stable alone.
// Whatever is not so is refused.
#pragma once

#include "analysis/replay.h"
#include "manifests/base/err.h"
#include "manifests/text/json.h"

struct replay_reader {
  size_t line; // number of the line read last, from 1
  bool any, has_bounds, past_history;
  double last_s;
  size_t bound_count;
  double bounds_ms[REPLAY_BOUNDS_MAX]; // ascending; as the first line with "slow" has them
};

struct replay_line {
  bool blank; // nothing in it
  bool history, has_slow;
  struct replay_counts counts;
};

// Reads the next line. RC_PARSE and a message that says what was expected; the caller adds the file
// and reader->line.
int replay_line_read(struct replay_reader *reader, struct str text, struct replay_line *ret_line,
                     struct err *err);
