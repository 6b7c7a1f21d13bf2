// SPDX-License-Identifier: Apache-2.0
// The listening sockets of `serin up`, all on loopback, held by the supervisor so that a restarted
// component drops no connection. A port is the one asked for, else the one kept in DATA/ports.json,
// else any free one, which is then kept. A port that is taken is an error that says what to do.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

#define PORTS_WORKERS_MAX 64

enum port_name { PORT_API, PORT_HTTP, PORT_ADMIN, PORT_OPERATOR, PORT_PROMETHEUS, PORT_NAMES };

struct ports {
  int numbers[PORT_NAMES];
  int fds[PORT_NAMES]; // PORT_HTTP: -1, see workers; PORT_PROMETHEUS: -1, it binds by itself
  int workers[PORTS_WORKERS_MAX]; // one SO_REUSEPORT socket each
  size_t worker_count;
};

// asked[i]: 0 or -1 when there is no wish. Sockets are close-on-exec.
int ports_open(struct ports *ports, const char *path, const int64_t asked[PORT_NAMES],
               size_t workers, struct err *err);
void ports_close(struct ports *ports);
