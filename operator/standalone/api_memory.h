// SPDX-License-Identifier: Apache-2.0
// Memory that requests took goes back to the system when they have become few: a list of thousands
// of objects takes tens of megabytes for a moment.
#pragma once

#include <uv.h>

struct api_kinds;

struct api_memory {
  struct api_kinds *kinds;
  uv_timer_t timer; // its owner closes it
  unsigned uses, seen, looks;
};

// For the whole process, before anything is allocated.
void api_memory_thresholds(void);
void api_memory_open(struct api_memory *memory, uv_loop_t *loop, struct api_kinds *kinds);
// A request is over.
void api_memory_used(struct api_memory *memory);
