// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/http_guard.h"
#include "manifests/base/alloc.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define LOOK_MS 500

static void shut(struct http_guarded *connection) {
  connection->deadline_ms = 0;
  (void)shutdown(connection->fd, SHUT_RDWR);
}

static void on_timer(uv_timer_t *timer) {
  struct http_guard *guard = timer->data;
  int64_t now_ms = (int64_t)uv_now(guard->loop);
  for (struct http_guarded *it = guard->connections; it; it = it->next)
    if (it->deadline_ms && it->deadline_ms <= now_ms)
      shut(it);
}

void http_guard_open(struct http_guard *guard, uv_loop_t *loop, unsigned max_untrusted) {
  *guard = (struct http_guard){.loop = loop, .max_untrusted = max_untrusted};
  uv_timer_init(loop, &guard->timer);
  guard->timer.data = guard;
}

static void on_closed(uv_handle_t *handle) {
  struct http_guard *guard = handle->data;
  if (guard->on_closed)
    guard->on_closed(guard->data);
}

void http_guard_close(struct http_guard *guard, void (*closed)(void *data), void *data) {
  for (struct http_guarded *it = guard->connections; it; it = it->next)
    shut(it);
  guard->on_closed = closed;
  guard->data = data;
  uv_close((uv_handle_t *)&guard->timer, on_closed);
}

// A client on loopback cannot vanish without a word, but a server may be reached from elsewhere.
static void watch_peer(int fd) {
  int on = 1, idle_s = 60, every_s = 15, times = 4;
  unsigned silent_ms = 120000;
  (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof every_s);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent_ms, sizeof silent_ms);
}

static void drop_oldest(struct http_guard *guard) {
  struct http_guarded *oldest = NULL;
  for (struct http_guarded *it = guard->connections; it; it = it->next)
    if (!it->trusted)
      oldest = it;
  if (!oldest)
    return;
  shut(oldest);
  oldest->trusted = true; // on its way out: not counted any more
  guard->untrusted--;
}

struct http_guarded *http_guard_add(struct http_guard *guard, int fd, int64_t first_ms) {
  struct http_guarded *connection = XNEW(struct http_guarded);
  if (guard->max_untrusted && guard->untrusted >= guard->max_untrusted)
    drop_oldest(guard);
  if (!guard->count++)
    uv_timer_start(&guard->timer, on_timer, LOOK_MS, LOOK_MS);
  guard->untrusted++;
  watch_peer(fd);
  connection->guard = guard;
  connection->fd = fd;
  connection->next = guard->connections;
  connection->link = &guard->connections;
  if (connection->next)
    connection->next->link = &connection->next;
  guard->connections = connection;
  http_guard_expect(connection, first_ms);
  return connection;
}

void http_guard_remove(struct http_guarded *connection) {
  struct http_guard *guard = connection->guard;
  *connection->link = connection->next;
  if (connection->next)
    connection->next->link = connection->link;
  guard->untrusted -= !connection->trusted;
  if (!--guard->count && !uv_is_closing((uv_handle_t *)&guard->timer))
    uv_timer_stop(&guard->timer);
  xfree(connection);
}

void http_guard_trust(struct http_guarded *connection) {
  connection->guard->untrusted -= !connection->trusted;
  connection->trusted = true;
}

void http_guard_expect(struct http_guarded *connection, int64_t within_ms) {
  connection->deadline_ms = within_ms ? (int64_t)uv_now(connection->guard->loop) + within_ms : 0;
}
