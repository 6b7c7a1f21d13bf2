// SPDX-License-Identifier: Apache-2.0
// libmicrohttpd on a libuv loop, without a thread of its own: what the operator's small servers
// share. Handlers run on the loop's thread. Who uses it starts the daemon with MHD_USE_EPOLL, its
// own limits and a socket of http_daemon_listen.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <uv.h>

struct http_daemon {
  struct MHD_Daemon *mhd;
  uv_poll_t poll;
  uv_timer_t timer;
  int open_handles;
  void (*on_closed)(struct http_daemon *daemon);
};

// A listening socket on this IPv4 or IPv6 address (port 0: any free one), or -1 and *err.
int http_daemon_listen(struct str address, int port, int backlog, struct err *err);
// Takes `mhd` over, which may be NULL (it could not be started): false then, and `daemon` is not in
// use.
bool http_daemon_open(struct http_daemon *daemon, uv_loop_t *loop, struct MHD_Daemon *mhd);
int http_daemon_port(const struct http_daemon *daemon); // 0: unknown
// Ends with the loop's next turns; then `on_closed` is called, once. A second call does nothing.
void http_daemon_close(struct http_daemon *daemon, void (*on_closed)(struct http_daemon *daemon));
