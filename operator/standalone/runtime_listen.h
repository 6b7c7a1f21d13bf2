// SPDX-License-Identifier: Apache-2.0
// Where a container's processes listen, from /proc: a workload on all addresses takes its port from
// every other pod of this machine, one on 127.0.0.1 is not reachable at its pod's address. Reads
// /proc only.
#pragma once

#include "manifests/base/arena.h"

#include <sys/types.h>

enum listen_where { LISTEN_POD, LISTEN_ALL, LISTEN_LOOPBACK, LISTEN_OTHER };

struct listen_socket {
  enum listen_where where;
  int port;
};

// The TCP sockets on which processes of the session listen; `address` is the pod's. At most 64.
size_t listen_find(pid_t session, struct str address, struct arena *arena,
                   struct listen_socket **ret_sockets);
// One line of /proc/net/tcp or tcp6; false unless it is a listening socket. For tests.
bool listen_parse(struct str line, bool v6, struct str address, struct listen_socket *ret_socket,
                  uint64_t *ret_inode);
