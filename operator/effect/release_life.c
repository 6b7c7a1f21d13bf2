// SPDX-License-Identifier: Apache-2.0
// One release for each Rollout: made when it is first seen, planned when it is due, freed when the
// Rollout is gone and nothing runs.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "operator/effect/controller_parts.h"

#define LOOK_AT_LEAST_MS 3600000 // after an hour, whatever a plan thought

static void on_due(uv_timer_t *timer) {
  ready_add(container_of(timer, struct release, timer));
}

void release_due(struct release *release, int64_t delay_ms) {
  if (release->gone || release->controller->closing || release->ready.is_in)
    return;
  uv_timer_t *timer = &release->timer;
  if (uv_is_active((uv_handle_t *)timer) && (int64_t)uv_timer_get_due_in(timer) <= delay_ms)
    return;
  if (delay_ms > LOOK_AT_LEAST_MS)
    delay_ms = LOOK_AT_LEAST_MS;
  uv_update_time(release->controller->loop);
  uv_timer_start(timer, on_due, (uint64_t)(delay_ms > 0 ? delay_ms : 0), 0);
}

struct release *release_new(struct controller *controller, struct str key,
                            const struct json *rollout) {
  struct release *release = XNEW(struct release);
  size_t ns_len = kube_namespace(rollout).len;
  release->controller = controller;
  release->key = (struct str){xmemdup(key.ptr, key.len), key.len}; // "ns/name"
  release->ns = str_slice(release->key, 0, ns_len);
  release->name = str_slice(release->key, ns_len ? ns_len + 1 : 0, key.len);
  arena_init(&release->pass);
  arena_init(&release->verdict_arena);
  uv_timer_init(controller->loop, &release->timer);
  map_put(&controller->releases, release->key, release);
  controller->alive_releases++;
  return release;
}

static void free_str(struct str *s) {
  xfree((void *)(uintptr_t)s->ptr);
  *s = STR_NULL;
}

static void release_free(uv_handle_t *handle) {
  struct release *release = container_of((uv_timer_t *)handle, struct release, timer);
  struct controller *controller = release->controller;
  release_forget_judgement(release);
  replica_sets_forget(release);
  arena_dispose(&release->pass);
  arena_dispose(&release->verdict_arena);
  free_str(&release->key);
  release_forget_facts(release);
  release_forget_writes(release);
  free_str(&release->foreign_manager);
  xfree(release);
  controller->alive_releases--;
  controller_finish(controller);
}

void release_settle(struct release *release) {
  if (!release->gone || release->running || release->asking || replica_sets_are_asked(release) ||
      release->closed)
    return;
  release->closed = true;
  uv_close((uv_handle_t *)&release->timer, release_free);
}

void release_end(struct release *release) {
  if (release->gone)
    return;
  map_del(&release->controller->releases, release->key);
  if (!release->controller->closing)
    notifier_let_go(release->controller->notifier, release->key);
  index_forget_rollout(release);
  rows_leave(release);
  queue_next(release->controller);
  release->gone = true;
  claims_update(release, NULL);
  uv_timer_stop(&release->timer);
  release_settle(release);
}
