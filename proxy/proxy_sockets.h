// SPDX-License-Identifier: Apache-2.0
// The sockets of a proxy process: opened here or inherited, shared out among the workers.
#pragma once

#include "proxy/proxy_main.h"
#include "proxy/table.h"

struct worker;

// An open listening socket.
struct proxy_socket {
  int fd;
  char host[64];
  uint16_t port;
};

struct proxy_sockets {
  struct arena arena;
  struct proxy_socket *open; // of all workers, as long as none of them drains
  size_t open_count, open_capacity;
  struct proxy_socket *received; // from the process before; fd -1: taken
  size_t received_count, received_capacity;
  struct table_listener *listeners; // distinct addresses
  size_t listener_count, listener_capacity;
};

void proxy_sockets_init(struct proxy_sockets *sockets);
// A listening socket of the process before, to be used instead of opening one at its address.
int proxy_sockets_receive(struct proxy_sockets *sockets, int fd, struct err *err);
// One of those at this address (port 0: any port), or -1. The caller's from now on.
int proxy_sockets_take(struct proxy_sockets *sockets, const char *host, uint16_t port);
// Those that nobody took are not wanted any more.
void proxy_sockets_drop_received(struct proxy_sockets *sockets);

// Gives every worker its listening sockets: of each --listen one of its own, of the inherited ones
// its share, so that no queue is without a worker.
int proxy_sockets_open(struct proxy_sockets *sockets, const struct proxy_options *options,
                       struct worker **workers, unsigned worker_count, struct err *err);
void proxy_sockets_dispose(struct proxy_sockets *sockets);
// The admin socket, the caller's; *ret_fd is -1 when there is none.
int proxy_sockets_admin(const struct proxy_options *options, int *ret_fd, struct err *err);
