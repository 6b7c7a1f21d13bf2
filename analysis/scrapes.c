// SPDX-License-Identifier: Apache-2.0
#include "analysis/scrapes.h"

#include "manifests/base/bug.h"

#include <stdlib.h>
#include <string.h>

#define SCRAPES_BUCKETS 256u

struct target {
  struct target *next;
  struct str job, instance;
  int64_t *at_ms; // after scrapes_seal: ascending, each once
  size_t count, capacity;
};

struct scrapes {
  struct arena *arena;
  struct target *buckets[SCRAPES_BUCKETS];
  bool sealed;
};

struct scrapes *scrapes_new(struct arena *arena) {
  struct scrapes *scrapes = ARENA_NEW(arena, struct scrapes);
  scrapes->arena = arena;
  return scrapes;
}

static struct target *target_find(const struct scrapes *scrapes, struct str job,
                                  struct str instance, size_t *ret_bucket) {
  *ret_bucket = (str_hash(instance) ^ str_hash(job)) % SCRAPES_BUCKETS;
  for (struct target *target = scrapes->buckets[*ret_bucket]; target; target = target->next)
    if (str_eq(target->job, job) && str_eq(target->instance, instance))
      return target;
  return NULL;
}

static struct target *target_of(const struct scrapes *scrapes, const struct prom_series *series) {
  size_t bucket = 0;
  BUG_ON(!scrapes->sealed);
  return target_find(scrapes, prom_label(series, STR("job")), prom_label(series, STR("instance")),
                     &bucket);
}

static void add_points(struct scrapes *scrapes, const struct prom_series *series, bool only_ones) {
  struct str job = prom_label(series, STR("job"));
  struct str instance = prom_label(series, STR("instance"));
  if (str_is_empty(job) && str_is_empty(instance))
    return;
  size_t bucket = 0;
  struct target *target = target_find(scrapes, job, instance, &bucket);
  if (!target) {
    target = ARENA_NEW(scrapes->arena, struct target);
    target->job = job;
    target->instance = instance;
    target->next = scrapes->buckets[bucket];
    scrapes->buckets[bucket] = target;
  }
  for (size_t i = 0; i < series->point_count; i++) {
    if (only_ones && !(series->points[i].value >= 1))
      continue;
    void *items = target->at_ms;
    int64_t *at = arena_push(scrapes->arena, &items, &target->count, &target->capacity, sizeof *at);
    target->at_ms = items;
    *at = series->points[i].at_ms;
  }
}

static void add_all(struct scrapes *scrapes, const struct prom_result *result, bool only_ones) {
  BUG_ON(scrapes->sealed);
  if (!result || result->status != PROM_DATA)
    return;
  for (size_t i = 0; i < result->series_count; i++)
    add_points(scrapes, &result->series[i], only_ones);
}

void scrapes_add_up(struct scrapes *scrapes, const struct prom_result *up) {
  add_all(scrapes, up, true);
}

void scrapes_add(struct scrapes *scrapes, const struct prom_result *result) {
  add_all(scrapes, result, false);
}

static int time_order(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

void scrapes_seal(struct scrapes *scrapes) {
  scrapes->sealed = true;
  for (size_t b = 0; b < SCRAPES_BUCKETS; b++)
    for (struct target *target = scrapes->buckets[b]; target; target = target->next) {
      if (!target->count)
        continue;
      qsort(target->at_ms, target->count, sizeof *target->at_ms, time_order);
      size_t kept = 1;
      for (size_t i = 1; i < target->count; i++)
        if (target->at_ms[i] != target->at_ms[kept - 1])
          target->at_ms[kept++] = target->at_ms[i];
      target->count = kept;
    }
}

bool scrapes_any_between(const struct scrapes *scrapes, const struct prom_series *series,
                         int64_t after_ms, int64_t before_ms) {
  const struct target *target = target_of(scrapes, series);
  if (!target)
    return false;
  size_t low = 0, high = target->count;
  while (low < high) { // the first scrape later than after_ms
    size_t middle = low + (high - low) / 2;
    if (target->at_ms[middle] > after_ms)
      high = middle;
    else
      low = middle + 1;
  }
  return low < target->count && target->at_ms[low] < before_ms;
}

bool scrapes_any_before(const struct scrapes *scrapes, const struct prom_series *series,
                        int64_t at_ms) {
  return scrapes_any_between(scrapes, series, INT64_MIN, at_ms);
}

bool scrapes_is_empty(const struct scrapes *scrapes) {
  for (size_t b = 0; b < SCRAPES_BUCKETS; b++)
    for (const struct target *target = scrapes->buckets[b]; target; target = target->next)
      if (target->count)
        return false;
  return true;
}
