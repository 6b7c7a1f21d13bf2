// SPDX-License-Identifier: Apache-2.0
// A read-only HTTP server for /metrics, /healthz and /readyz, on the caller's loop without threads
// (libmicrohttpd's epoll descriptor is polled). GET only.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/base/err.h"

#include <uv.h>

struct status_server;

struct status_server_options {
  uv_loop_t *loop;
  int fd;             // an inherited listening socket; negative: one is opened
  struct str address; // where; an IP address
  int port;           // 0: any
  void (*metrics)(struct buf *out, void *data);
  bool (*is_ready)(void *data);
  void *data;
};

int status_server_open(const struct status_server_options *options,
                       struct status_server **ret_server, struct err *err);
int status_server_port(const struct status_server *server);
void status_server_close(
    struct status_server *server); // NULL is fine; memory ends with the loop's next turns
