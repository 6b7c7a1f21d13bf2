// SPDX-License-Identifier: Apache-2.0
// Memory that a worker keeps for its next use instead of giving it back: read blocks, the work of
// busy connections. The last one put is the first one taken, since it is still in the processor's
// cache; what lay at the bottom for ten seconds, while others came and went, was for a crowd that
// has left, and goes. Not synchronised: one worker's own.
#pragma once

#include <stdint.h>

#define WORKER_SPARES_KEPT 1024u
#define WORKER_SPARE_PERIOD_MS 10000

struct worker_spare {
  void (*dispose)(void *item); // of items that are not kept
  unsigned count;
  unsigned low;    // the fewest there were since the last look: nobody needed these
  int64_t look_ms; // when to look next
  void *items[WORKER_SPARES_KEPT];
};

// NULL when there is none.
void *worker_spare_take(struct worker_spare *spare);
// Never disposes of this item or of one put in the last period: others may still read them in this
// turn.
void worker_spare_put(struct worker_spare *spare, void *item, int64_t now_ms);
void worker_spare_free_all(struct worker_spare *spare);
