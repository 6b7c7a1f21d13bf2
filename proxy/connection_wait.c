// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_wait.h"

#include "proxy/worker.h"

int connection_wanted_events(const struct connection *c) {
  const struct connection_work *work = c->work;
  int events = work && pump_kept(&work->out) > 0 ? UV_WRITABLE : 0;
  if (c->eof)
    return events;
  switch (c->state) {
  case CONNECTION_IDLE:
  case CONNECTION_HEAD:
  case CONNECTION_LINGER: return events | UV_READABLE;
  case CONNECTION_BUSY:
    // With the request complete one more read notices the end of the connection or holds the next
    // request; more than that waits in the kernel.
    if (work->request_complete
            ? work->at == work->len
            : work->len < WORKER_BLOCK &&
                  exchange_run_wants_request(&work->run, work->kept + work->copy.len))
      events |= UV_READABLE;
    return events;
  case CONNECTION_CLOSED: return 0;
  }
  return 0;
}

// How long a connection without a request may go on waiting.
static int64_t idle_ms(const struct connection *c, int64_t now_ms) {
  const struct worker_limits *limits = c->worker->settings.limits;
  if (c->worker->draining || c->close)
    return limits->drain_idle_ms;
  if (limits->connection_ms == 0)
    return limits->idle_timeout_ms;
  int64_t left = c->opened_ms + limits->connection_ms - now_ms;
  if (left > limits->idle_timeout_ms)
    return limits->idle_timeout_ms;
  return left > 0 ? left : 0;
}

bool connection_is_used_up(const struct connection *c) {
  int64_t most = c->worker->settings.limits->connection_ms;
  return most > 0 && worker_now_ms(c->worker) >= c->opened_ms + most;
}

uint64_t connection_due_ms(const struct connection *c) {
  const struct worker_limits *limits = c->worker->settings.limits;
  int64_t after = 0, now = worker_now_ms(c->worker);
  switch (c->state) {
  case CONNECTION_IDLE: after = idle_ms(c, now); break;
  case CONNECTION_HEAD: after = limits->header_timeout_ms; break;
  case CONNECTION_LINGER: after = limits->linger_ms; break;
  case CONNECTION_BUSY: return (uint64_t)exchange_deadline(&c->work->run.exchange);
  case CONNECTION_CLOSED: return 0;
  }
  // Heads and farewells are counted from their beginning: a further byte is no new chance.
  if (c->state != CONNECTION_IDLE && c->timer.due_ms != 0)
    return c->timer.due_ms;
  return (uint64_t)(now + after);
}
