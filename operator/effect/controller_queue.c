// SPDX-License-Identifier: Apache-2.0
// A start with thousands of releases, or an API server that comes back, makes thousands of plans
// and may not keep the loop from all else meanwhile (watches, the Lease, /metrics): some are made,
// then the loop has its turn. Nor may their requests meet the server at once: so many passes run,
// the others wait in line. A rollback does not stand in it.
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "operator/effect/controller_parts.h"

#define PASSES_MAX 16 // each has one request under way
#define TURN_US 5000  // of plans between two looks at what came

// --- rows ---

static void row_add(struct release_row *row, struct row_link *link) {
  if (link->is_in)
    return;
  *link = (struct row_link){.is_in = true};
  if (!row->first)
    row->end = &row->first;
  *row->end = link;
  row->end = &link->next;
}

static void row_leave(struct release_row *row, struct row_link *link) {
  if (!link->is_in)
    return;
  struct row_link **at = &row->first;
  while (*at != link)
    at = &(*at)->next;
  *at = link->next;
  if (!*at)
    row->end = at;
  *link = (struct row_link){0};
}

// --- who is planned soon ---

static void plan_some(uv_idle_t *planner) {
  struct controller *controller = container_of(planner, struct controller, planner);
  int64_t until_us = clock_mono_us() + TURN_US;
  while (controller->ready.first && clock_mono_us() < until_us) {
    struct row_link *link = controller->ready.first;
    row_leave(&controller->ready, link);
    release_plan(container_of(link, struct release, ready));
  }
  if (!controller->ready.first)
    uv_idle_stop(planner);
}

void ready_open(struct controller *controller) {
  uv_idle_init(controller->loop, &controller->planner);
  controller->planner.data = controller;
  controller->open_handles++;
}

void ready_add(struct release *release) {
  struct controller *controller = release->controller;
  row_add(&controller->ready, &release->ready);
  if (!controller->closing)
    uv_idle_start(&controller->planner, plan_some);
}

// --- who writes ---

bool queue_holds(struct release *release) {
  struct controller *controller = release->controller;
  if (release->queued.is_in)
    return true;
  if (controller->running_passes < PASSES_MAX)
    return false;
  row_add(&controller->queue, &release->queued);
  return true;
}

void queue_next(struct controller *controller) {
  struct row_link *link = controller->queue.first;
  if (!link || controller->running_passes >= PASSES_MAX)
    return;
  row_leave(&controller->queue, link);
  release_due(container_of(link, struct release, queued), 0);
}

void queue_leave(struct release *release) {
  row_leave(&release->controller->queue, &release->queued);
}

void rows_leave(struct release *release) {
  queue_leave(release);
  row_leave(&release->controller->ready, &release->ready);
}

size_t queue_length(const struct controller *controller) {
  size_t length = 0;
  for (const struct row_link *link = controller->queue.first; link; link = link->next)
    length++;
  return length;
}
