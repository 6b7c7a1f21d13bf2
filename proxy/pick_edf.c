// SPDX-License-Identifier: Apache-2.0
#include "proxy/pick_edf.h"

#include "manifests/base/alloc.h"

#include <stdbool.h>

static bool is_before(const struct pick_edf_item *a, const struct pick_edf_item *b) {
  if (a->deadline < b->deadline || a->deadline > b->deadline)
    return a->deadline < b->deadline;
  return a->order < b->order;
}

static void sift_down(struct pick_edf *edf, uint32_t at) {
  struct pick_edf_item item = edf->heap[at];
  for (uint32_t child = 2 * at + 1; child < edf->count; child = 2 * at + 1) {
    if (child + 1 < edf->count && is_before(&edf->heap[child + 1], &edf->heap[child]))
      child++;
    if (!is_before(&edf->heap[child], &item))
      break;
    edf->heap[at] = edf->heap[child];
    at = child;
  }
  edf->heap[at] = item;
}

uint32_t pick_edf_next(struct pick_edf *edf, pick_edf_weight weight, void *ctx) {
  struct pick_edf_item *top = &edf->heap[0];
  uint32_t index = top->index;
  top->deadline += 1 / weight(ctx, index);
  top->order = edf->next_order++;
  sift_down(edf, 0);
  return index;
}

void pick_edf_init(struct pick_edf *edf, uint32_t count, uint32_t skip, pick_edf_weight weight,
                   void *ctx) {
  *edf = (struct pick_edf){.heap = xcalloc(count + 1, sizeof(*edf->heap)), .count = count};
  for (uint32_t i = 0; i < count; i++)
    edf->heap[i] = (struct pick_edf_item){1 / weight(ctx, i), edf->next_order++, i};
  for (uint32_t i = count / 2; i > 0; i--)
    sift_down(edf, i - 1);
  for (uint32_t i = 0; i < skip && count > 0; i++)
    (void)pick_edf_next(edf, weight, ctx);
}

void pick_edf_dispose(struct pick_edf *edf) {
  xfree(edf->heap);
  *edf = (struct pick_edf){0};
}
