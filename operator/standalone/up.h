// SPDX-License-Identifier: Apache-2.0
// `serin up`: everything on one machine. The process is the supervisor: it locks DATA, binds the
// sockets and keeps the API server, the runtime, the operator, the proxy and Prometheus running
// (supervisor.h).
//   SIGINT, SIGTERM  stop all, workloads too      SIGUSR1  stop all but the workloads (before an
//   upgrade)
// After kill -9 the components go at once, the workloads go on and are adopted by the next `serin
// up`. `serin down` stops the one of a DATA; when there is none, it ends the workloads a killed one
// left.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"
#include "manifests/base/str.h"

struct up_options {
  struct str data;                         // empty: $XDG_STATE_HOME/serin, ~/.local/state/serin
  int64_t api_port, http_port, admin_port; // 0: the one kept in DATA, else any free one
  int64_t workers;                         // of the proxy; 0: one a processor, at most 8
  struct str prometheus;                   // auto, off or a URL
  const struct str *images;                // NAME=COMMAND, checked already
  size_t image_count;
  bool detach;
  bool has_operator, has_proxy; // this binary has those commands
};

// Blocks until it is told to stop; with `detach` until it is ready. Prints the line that starts
// with "ready" on stdout. 0, or a code and a message.
int up_run(const struct up_options *options, struct err *err);
// Prints what it did. RC_TIMEOUT when it still runs after `timeout_ms`.
int up_down(struct str data, bool keep_workloads, int64_t timeout_ms, struct err *err);
