// SPDX-License-Identifier: Apache-2.0
// One probe or lifecycle hook of a container: HTTP GET, TCP connect, a command, or a pause. Effects
// only; what the answer means is pod_machine's. An HTTPS or gRPC probe is done as a TCP connect
// (the runtime says so in an event).
#pragma once

#include "manifests/base/str.h"
#include "manifests/kinds/pod.h"

struct uv_loop_s;
struct probe_op;

enum probe_type { PROBE_HTTP, PROBE_TCP, PROBE_EXEC, PROBE_SLEEP };

#define PROBE_MESSAGE_MAX 1024u // of a command's output or an answer, kept for the event

struct probe_target {
  enum probe_type type;
  struct str address; // where to connect
  int64_t port;
  struct str host; // Host header; empty: the address
  struct str path;
  const struct pod_http_header *headers;
  size_t header_count;
  const struct str *argv; // EXEC
  size_t argv_count;
  const char *folder; // EXEC: the container's, for `serin shim --exec`
  int64_t timeout_ms; // SLEEP: how long
};

// Once, from the loop, never from inside probe_start.
typedef void (*probe_done_fn)(bool ok, struct str message, void *data);

// The target is copied. A start that fails is answered as a failed probe.
struct probe_op *probe_start(struct uv_loop_s *loop, const struct probe_target *target,
                             probe_done_fn done, void *data);
// `done` will not be called; a command is killed.
void *probe_cancel(struct probe_op *op); // returns `data`
