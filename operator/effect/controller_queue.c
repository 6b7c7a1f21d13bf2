// SPDX-License-Identifier: Apache-2.0
// A start with thousands of releases, or an API server that comes back, must not meet thousands of
// requests at once: so many passes run, the others wait in line. A rollback does not stand in it.
#include "operator/effect/controller_parts.h"

#define PASSES_MAX 16 // each has one request under way

bool queue_holds(struct release *release) {
  struct controller *controller = release->controller;
  if (release->queued)
    return true;
  if (controller->running_passes < PASSES_MAX)
    return false;
  release->queued = true;
  release->next_queued = NULL;
  if (!controller->queue)
    controller->queue_end = &controller->queue;
  *controller->queue_end = release;
  controller->queue_end = &release->next_queued;
  return true;
}

void queue_next(struct controller *controller) {
  struct release *release = controller->queue;
  if (!release || controller->running_passes >= PASSES_MAX)
    return;
  queue_leave(release);
  release_due(release, 0);
}

void queue_leave(struct release *release) {
  struct controller *controller = release->controller;
  if (!release->queued)
    return;
  struct release **at = &controller->queue;
  while (*at != release)
    at = &(*at)->next_queued;
  *at = release->next_queued;
  if (!*at)
    controller->queue_end = at;
  release->queued = false;
}

size_t queue_length(const struct controller *controller) {
  size_t length = 0;
  for (const struct release *release = controller->queue; release; release = release->next_queued)
    length++;
  return length;
}
