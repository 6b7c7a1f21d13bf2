// SPDX-License-Identifier: Apache-2.0
// The sockets of a proxy process: opened here or inherited, shared out among the workers.
#pragma once

#include "proxy/proxy_main.h"
#include "proxy/table.h"

struct worker;

struct proxy_sockets {
  struct arena arena;
  struct table_listener *listeners; // distinct addresses
  size_t listener_count, listener_capacity;
};

// Gives every worker its listening sockets: of each --listen one of its own, of the inherited ones
// its share, so that no queue is without a worker.
int proxy_sockets_open(struct proxy_sockets *sockets, const struct proxy_options *options,
                       struct worker **workers, unsigned worker_count, struct err *err);
void proxy_sockets_dispose(struct proxy_sockets *sockets);
// The admin socket, the caller's; *ret_fd is -1 when there is none.
int proxy_sockets_admin(const struct proxy_options *options, int *ret_fd, struct err *err);
