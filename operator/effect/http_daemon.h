// SPDX-License-Identifier: Apache-2.0
// libmicrohttpd on a libuv loop, without a thread of its own: what the operator's small servers
// share. Handlers run on the loop's thread. Who uses it starts the daemon with MHD_USE_EPOLL, its
// own limits and a socket of http_daemon_listen.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"
#include "manifests/source/http_guard.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <uv.h>

// How long a client may take for the head of a request, and again for its body; also the longest
// silence between two requests.
#define HTTP_DAEMON_CLIENT_MS 15000

struct http_daemon {
  struct MHD_Daemon *mhd;
  struct http_guard guard;
  uv_poll_t poll;
  uv_timer_t timer;
  int open_handles;
  void (*on_closed)(struct http_daemon *daemon);
};

// A listening socket on this IPv4 or IPv6 address (port 0: any free one), or -1 and *err.
int http_daemon_listen(struct str address, int port, int backlog, struct err *err);
// Takes `mhd` over, which may be NULL (it could not be started): false then, and `daemon` is not in
// use.
bool http_daemon_open(struct http_daemon *daemon, uv_loop_t *loop, struct MHD_Daemon *mhd,
                      unsigned connections_max);
// For MHD_OPTION_NOTIFY_CONNECTION, with the http_daemon: clients that trickle are cut, and above
// 3/4 of MHD's connection limit the oldest connections go.
void http_daemon_on_connection(void *daemon, struct MHD_Connection *connection, void **context,
                               enum MHD_ConnectionNotificationCode code);
// A head or a body was read, or a request is over: HTTP_DAEMON_CLIENT_MS begin anew.
void http_daemon_progress(struct MHD_Connection *connection);
int http_daemon_port(const struct http_daemon *daemon); // 0: unknown
// Ends with the loop's next turns; then `on_closed` is called, once. A second call does nothing.
void http_daemon_close(struct http_daemon *daemon, void (*on_closed)(struct http_daemon *daemon));
