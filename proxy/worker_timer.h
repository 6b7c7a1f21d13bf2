// SPDX-License-Identifier: Apache-2.0
// A deadline that is moved far more often than it fires: moving it later is one store, because the
// timer behind it looks at the wanted time when it fires and goes back to sleep if that is not yet
// there. So a busy keep-alive connection touches the loop's timer heap about once per timeout, not
// once per request.
#pragma once

#include <uv.h>

struct worker_timer {
  uv_timer_t timer;
  uint64_t due_ms;   // on the loop's clock; 0: not wanted
  uint64_t armed_ms; // when the uv timer will fire; 0: not running
  void (*fire)(struct worker_timer *timer);
};

void worker_timer_init(struct worker_timer *timer, uv_loop_t *loop,
                       void (*fire)(struct worker_timer *timer));
// 0 switches it off.
void worker_timer_set(struct worker_timer *timer, uint64_t due_ms);
void worker_timer_close(struct worker_timer *timer, uv_close_cb closed);
