// SPDX-License-Identifier: Apache-2.0
// Recordings for `serin analyze --replay`: each line is read or refused, and whatever is read is
// judged with finite numbers.
#include "analysis/replay_line.h"
#include "manifests/base/bug.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct str text = {(const char *)data, size}, part;
  struct replay_reader reader = {0};
  struct replay_rules rules = replay_rules(judge_preset_find(STR(""), NULL));
  struct replay replay;
  struct replay_line line;
  bool ready = false;
  while (str_next(&text, '\n', &part)) {
    if (replay_line_read(&reader, part, &line, NULL) || line.blank)
      continue;
    // The boundaries are known with the first line that has them.
    if (!ready && !line.history) {
      replay_init(&replay, &rules, reader.bound_count);
      ready = true;
    }
    if (!ready || line.history)
      continue;
    struct replay_tick tick = replay_next(&replay, &line.counts);
    BUG_ON(!isfinite(tick.combined));
    for (size_t i = 0; i < replay.count; i++)
      BUG_ON(!isfinite(tick.against[i]) || !isfinite(tick.pass[i]));
  }
  return 0;
}
