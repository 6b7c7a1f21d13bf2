// SPDX-License-Identifier: Apache-2.0
// One evaluation: where its memory is, what it may still cost, and the patterns it has compiled.
#pragma once

#include "manifests/base/map.h"
#include "manifests/cel/value.h"
#include "manifests/kinds/regex.h"

struct cel_run {
  struct arena *arena;
  struct cel_value *slots; // of the variables
  uint64_t cost, limit;
  size_t memory_limit; // of arena->used, where this run ends
  bool stopped;        // over a limit: every value is an error now
  struct map patterns; // text -> struct regex
  struct regex *compiled;
  struct regex_worker worker;
};

#define CEL_STOPPED "operation cancelled: actual cost limit exceeded"

// False: the run is over its limits, and stopped.
bool cel_charge(struct cel_run *run, uint64_t cost);
// ceil(size / 10): the cost of looking at so many characters.
uint64_t cel_text_cost(uint64_t size);
struct cel_value cel_stopped(void);
// Room for `bytes` in the arena; NULL when that is over the limit.
void *cel_room(struct cel_run *run, size_t bytes);
// The compiled pattern; NULL with *ret_error.
const struct regex *cel_pattern(struct cel_run *run, struct str pattern,
                                struct cel_value *ret_error);
// A buffer's content as a text value; the buffer is disposed.
struct cel_value cel_take_text(struct cel_run *run, struct buf *text);
