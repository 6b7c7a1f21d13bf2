// SPDX-License-Identifier: Apache-2.0
#include "proxy/worker_poll.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "proxy/worker.h"

#include <string.h>

static void grow(struct worker *worker, size_t count) {
  size_t old = worker->poll_count;
  worker->polls = xrealloc(worker->polls, count * sizeof(*worker->polls));
  memset(worker->polls + old, 0, (count - old) * sizeof(*worker->polls));
  worker->poll_count = count;
}

struct worker_poll *worker_poll_take(struct worker *worker, int fd, void *owner) {
  size_t at = (size_t)fd;
  if (at >= worker->poll_count)
    grow(worker, at < 32 ? 64 : at * 2);
  struct worker_poll *poll = worker->polls[at];
  if (!poll) {
    poll = worker->polls[at] = xmalloc(sizeof(*poll));
    BUG_ON(uv_poll_init(&worker->loop, &poll->handle, fd) != 0);
    poll->events = 0;
  }
  poll->handle.data = owner;
  return poll;
}

void worker_poll_set(struct worker_poll *poll, int events, uv_poll_cb ready) {
  if (events == poll->events)
    return;
  poll->events = events;
  if (events)
    (void)uv_poll_start(&poll->handle, events, ready);
  else
    (void)uv_poll_stop(&poll->handle);
}

void *worker_poll_owner(uv_poll_t *handle, int status) {
  if (status < 0)
    container_of(handle, struct worker_poll, handle)->events = 0;
  return handle->data;
}

void worker_poll_give(struct worker_poll *poll) {
  worker_poll_set(poll, 0, NULL);
  poll->handle.data = NULL;
}

void worker_poll_free_all(struct worker *worker) {
  for (size_t i = 0; i < worker->poll_count; i++) {
    if (worker->polls[i])
      uv_close((uv_handle_t *)&worker->polls[i]->handle, NULL);
  }
  if (worker->poll_count > 0)
    (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
  for (size_t i = 0; i < worker->poll_count; i++)
    xfree(worker->polls[i]);
  xfree(worker->polls);
}
