// SPDX-License-Identifier: Apache-2.0
// The listening sockets that declared Gateways ask for: opened and closed while the proxy runs, one
// socket for each worker. The command line's own are proxy_sockets.h's and are left alone. Effect;
// on the main loop. A port that cannot be had stops nobody: it is tried again and said.
#pragma once

#include "manifests/base/err.h"
#include "proxy/dump.h"
#include "proxy/table.h"

#include <uv.h>

struct listener;
struct proxy;

struct proxy_listener {
  char address[48];
  uint16_t port;
  // At least one for each worker, in turn; more when a process before had more workers. 0: not
  // open.
  struct proxy_listener_socket {
    struct listener *listener; // the worker's
    int fd;                    // the same, to be handed over
  } * sockets;
  size_t socket_count;
  struct err err; // why not
  bool said;      // the error is in the log
};

struct proxy_listeners {
  struct proxy_listener *items;
  size_t count;
  uv_timer_t retry;
};

void proxy_listeners_init(struct proxy *proxy);
// Before the table goes to the workers: what it declares and is not open yet is opened.
void proxy_listeners_open(struct proxy *proxy, const struct proxy_table *table);
// After that: what it does not declare any more is closed. Its connections end after the request
// they are busy with.
void proxy_listeners_close_others(struct proxy *proxy, const struct proxy_table *table);
// The open sockets into fds[0..room); returns how many.
size_t proxy_listeners_fds(const struct proxy *proxy, int *fds, size_t room);
// Why listeners of the table are not open, for those who ask.
struct dump_listening proxy_listeners_listening(struct proxy *proxy);
void proxy_listeners_close(struct proxy *proxy);   // the timer
void proxy_listeners_dispose(struct proxy *proxy); // after the loop
