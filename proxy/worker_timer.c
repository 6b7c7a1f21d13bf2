// SPDX-License-Identifier: Apache-2.0
#include "proxy/worker_timer.h"

#include "manifests/base/bug.h"

static void arm(struct worker_timer *timer);

static void on_timer(uv_timer_t *handle) {
  struct worker_timer *timer = container_of(handle, struct worker_timer, timer);
  timer->armed_ms = 0;
  if (timer->due_ms == 0)
    return;
  if (timer->due_ms > uv_now(handle->loop)) {
    arm(timer);
    return;
  }
  timer->due_ms = 0;
  timer->fire(timer);
}

static void arm(struct worker_timer *timer) {
  uint64_t now = uv_now(timer->timer.loop);
  timer->armed_ms = timer->due_ms > now ? timer->due_ms : now;
  (void)uv_timer_start(&timer->timer, on_timer, timer->armed_ms - now, 0);
}

void worker_timer_init(struct worker_timer *timer, uv_loop_t *loop,
                       void (*fire)(struct worker_timer *timer)) {
  (void)uv_timer_init(loop, &timer->timer);
  timer->due_ms = timer->armed_ms = 0;
  timer->fire = fire;
}

void worker_timer_set(struct worker_timer *timer, uint64_t due_ms) {
  timer->due_ms = due_ms;
  if (due_ms != 0 && (timer->armed_ms == 0 || due_ms < timer->armed_ms))
    arm(timer);
}

void worker_timer_close(struct worker_timer *timer, uv_close_cb closed) {
  uv_close((uv_handle_t *)&timer->timer, closed);
}
