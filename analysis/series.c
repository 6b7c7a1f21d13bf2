// SPDX-License-Identifier: Apache-2.0
#include "analysis/series.h"

static void reserve(struct series *series, struct arena *arena) {
  if (!series->points)
    series->points = ARENA_ARRAY(arena, struct series_point, SERIES_MAX);
}

bool series_count(struct series *series, const struct tally *block, int64_t from_ms, int64_t to_ms,
                  int64_t slot_ms, struct tally *ret_slot) {
  if (!series->open.at_ms)
    series->open.at_ms = from_ms > 0 ? from_ms : 1;
  series->tally.n_c += block->n_c;
  series->tally.x_c += block->x_c;
  series->tally.n_s += block->n_s;
  series->tally.x_s += block->x_s;
  if (to_ms - series->open.at_ms < slot_ms)
    return false;
  *ret_slot = series->tally;
  series->tally = (struct tally){0};
  series->open.at_ms = to_ms;
  return true;
}

void series_push(struct series *series, struct series_point point, struct arena *arena) {
  reserve(series, arena);
  if (series->count == SERIES_MAX) {
    series->points[series->first] = point;
    series->first = (series->first + 1) % SERIES_MAX;
    return;
  }
  series->points[(series->first + series->count++) % SERIES_MAX] = point;
}

const struct series_point *series_at(const struct series *series, size_t index) {
  return &series->points[(series->first + index) % SERIES_MAX];
}
