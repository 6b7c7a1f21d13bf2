// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/http_daemon.h"
#include "manifests/base/bug.h"

#include <arpa/inet.h>
#include <errno.h>
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

int http_daemon_listen(const struct sockaddr_in *address, int backlog) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
      bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 && listen(fd, backlog) == 0)
    return fd;
  int error = errno;
  if (fd >= 0)
    close(fd);
  errno = error;
  return -1;
}

bool http_daemon_open(struct http_daemon *daemon, uv_loop_t *loop, struct MHD_Daemon *mhd) {
  const union MHD_DaemonInfo *info =
      mhd ? MHD_get_daemon_info(mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
  if (!info)
    return false;
  daemon->mhd = mhd;
  uv_poll_init(loop, &daemon->poll, info->epoll_fd);
  uv_timer_init(loop, &daemon->timer);
  daemon->open_handles = 2;
  uv_poll_start(&daemon->poll, UV_READABLE, on_poll);
  run(daemon);
  return true;
}

int http_daemon_port(const struct http_daemon *daemon) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon->mhd, MHD_DAEMON_INFO_LISTEN_FD);
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  if (!info || getsockname(info->listen_fd, (struct sockaddr *)&address, &size) != 0)
    return 0;
  return ntohs(address.sin_port);
}

static void closed(struct http_daemon *daemon) {
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
}
