// SPDX-License-Identifier: Apache-2.0
// Deadlines of a server's connections, by their descriptors: whoever sends a byte now and then must
// not hold a connection for ever, and whoever has shown no credentials must not keep others out.
// Knows no HTTP: the server says what a connection may take how long, and closes it when its
// descriptor is shut down here.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct http_guard;

struct http_guarded {
  struct http_guard *guard;
  struct http_guarded *next, **link;
  int fd;
  int64_t deadline_ms; // of uv_now; 0: none
  bool trusted;        // has shown credentials
};

struct http_guard {
  uv_loop_t *loop;
  uv_timer_t timer;
  struct http_guarded *connections; // newest first
  unsigned count, untrusted;
  unsigned max_untrusted; // above it the oldest without credentials goes; 0: no bound
  void (*on_closed)(void *data);
  void *data;
};

void http_guard_open(struct http_guard *guard, uv_loop_t *loop, unsigned max_untrusted);
// Connections must be gone, or are shut down. `on_closed` (may be NULL) is called from the loop.
void http_guard_close(struct http_guard *guard, void (*on_closed)(void *data), void *data);

// A connection was taken: it has `first_ms` for its first request. Also asks the kernel to notice a
// peer that vanished.
struct http_guarded *http_guard_add(struct http_guard *guard, int fd, int64_t first_ms);
void http_guard_remove(struct http_guarded *connection);
void http_guard_trust(struct http_guarded *connection);
// From now on; 0: no deadline.
void http_guard_expect(struct http_guarded *connection, int64_t within_ms);
