// SPDX-License-Identifier: Apache-2.0
#include "proxy/worker_spare.h"

#include <string.h>

static void drop_oldest(struct worker_spare *s, unsigned count) {
  for (unsigned i = 0; i < count; i++)
    s->dispose(s->items[i]);
  s->count -= count;
  memmove(s->items, s->items + count, s->count * sizeof(s->items[0]));
}

void *worker_spare_take(struct worker_spare *s) {
  if (s->count == 0)
    return NULL;
  s->count--;
  if (s->count < s->low)
    s->low = s->count;
  return s->items[s->count];
}

void worker_spare_put(struct worker_spare *s, void *item, int64_t now_ms) {
  if (now_ms >= s->look_ms) {
    drop_oldest(s, s->low);
    s->low = s->count;
    s->look_ms = now_ms + WORKER_SPARE_PERIOD_MS;
  }
  if (s->count == WORKER_SPARES_KEPT)
    drop_oldest(s, 1);
  s->items[s->count++] = item;
}

void worker_spare_free_all(struct worker_spare *s) {
  drop_oldest(s, s->count);
  s->low = 0;
}
