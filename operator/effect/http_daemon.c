// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/http_daemon.h"
#include "manifests/base/bug.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

static void run(struct http_daemon *daemon);

static void on_timer(uv_timer_t *timer) {
  run(container_of(timer, struct http_daemon, timer));
}

static void run(struct http_daemon *daemon) {
  MHD_UNSIGNED_LONG_LONG wait_ms;
  MHD_run(daemon->mhd);
  if (MHD_get_timeout(daemon->mhd, &wait_ms) == MHD_YES)
    uv_timer_start(&daemon->timer, on_timer, wait_ms, 0);
  else
    uv_timer_stop(&daemon->timer);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  run(container_of(poll, struct http_daemon, poll));
}

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static bool parse_address(struct str text, int port, union address *ret_address,
                          socklen_t *ret_size) {
  char copy[INET6_ADDRSTRLEN + 1] = {0};
  *ret_address = (union address){0};
  if (text.len >= sizeof copy)
    return false;
  memcpy(copy, text.ptr, text.len);
  if (inet_pton(AF_INET, copy, &ret_address->v4.sin_addr) == 1) {
    ret_address->v4.sin_family = AF_INET;
    ret_address->v4.sin_port = htons((uint16_t)port);
    *ret_size = sizeof ret_address->v4;
    return true;
  }
  ret_address->v6.sin6_family = AF_INET6;
  ret_address->v6.sin6_port = htons((uint16_t)port);
  *ret_size = sizeof ret_address->v6;
  return inet_pton(AF_INET6, copy, &ret_address->v6.sin6_addr) == 1;
}

int http_daemon_listen(struct str text, int port, int backlog, struct err *err) {
  union address address;
  socklen_t size;
  if (!parse_address(text, port, &address, &size)) {
    err_set(err, RC_INVALID, "expected an IP address to listen on, found \"%.*s\"", STR_ARG(text));
    return -1;
  }
  int one = 1, fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
      bind(fd, &address.any, size) == 0 && listen(fd, backlog) == 0)
    return fd;
  (void)err_errno(err, "%.*s port %d cannot be opened", STR_ARG(text), port);
  if (fd >= 0)
    close(fd);
  return -1;
}

void http_daemon_on_connection(void *cls, struct MHD_Connection *connection, void **context,
                               enum MHD_ConnectionNotificationCode code) {
  struct http_daemon *daemon = cls;
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    http_guard_remove(*context);
    return;
  }
  int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  *context = http_guard_add(&daemon->guard, fd, HTTP_DAEMON_CLIENT_MS);
}

void http_daemon_progress(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  if (info && info->socket_context)
    http_guard_expect(info->socket_context, HTTP_DAEMON_CLIENT_MS);
}

bool http_daemon_open(struct http_daemon *daemon, uv_loop_t *loop, struct MHD_Daemon *mhd,
                      unsigned connections_max) {
  const union MHD_DaemonInfo *info =
      mhd ? MHD_get_daemon_info(mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
  if (!info)
    return false;
  daemon->mhd = mhd;
  uv_poll_init(loop, &daemon->poll, info->epoll_fd);
  uv_timer_init(loop, &daemon->timer);
  http_guard_open(&daemon->guard, loop, connections_max / 4 * 3);
  daemon->open_handles = 3;
  uv_poll_start(&daemon->poll, UV_READABLE, on_poll);
  run(daemon);
  return true;
}

int http_daemon_port(const struct http_daemon *daemon) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon->mhd, MHD_DAEMON_INFO_LISTEN_FD);
  union address address;
  socklen_t size = sizeof address;
  if (!info || getsockname(info->listen_fd, &address.any, &size) != 0)
    return 0;
  return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static void closed(void *data) {
  struct http_daemon *daemon = data;
  if (--daemon->open_handles > 0)
    return;
  MHD_stop_daemon(daemon->mhd);
  daemon->on_closed(daemon);
}

static void on_poll_closed(uv_handle_t *handle) {
  closed(container_of((uv_poll_t *)handle, struct http_daemon, poll));
}

static void on_timer_closed(uv_handle_t *handle) {
  closed(container_of((uv_timer_t *)handle, struct http_daemon, timer));
}

void http_daemon_close(struct http_daemon *daemon, void (*on_closed)(struct http_daemon *daemon)) {
  if (uv_is_closing((uv_handle_t *)&daemon->poll))
    return;
  daemon->on_closed = on_closed;
  uv_close((uv_handle_t *)&daemon->poll, on_poll_closed);
  uv_close((uv_handle_t *)&daemon->timer, on_timer_closed);
  http_guard_close(&daemon->guard, closed, daemon);
}
