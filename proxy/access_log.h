// SPDX-License-Identifier: Apache-2.0
// The access log (docs/dataplane.md 5.4): a line for each exchange, Envoy's default text or JSON. A
// worker writes lines into its own ring and never waits; one thread carries them to the file. When
// the ring is full a line is dropped and counted.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/base/err.h"

struct access_log;
struct access_log_ring; // of one worker

enum access_log_format { ACCESS_LOG_TEXT, ACCESS_LOG_JSON };

// Empty strings and negative numbers are "not there".
struct access_log_entry {
  int64_t start_wall_ms;
  struct str method, path, query, protocol, flags, details; // query.ptr NULL: there was no "?"
  struct str termination;                                   // why the client's connection was ended
  struct str transport_failure;                             // of the upstream connection
  int status;
  uint64_t bytes_received, bytes_sent; // of the bodies
  int64_t duration_ms, service_ms;
  struct str forwarded_for, user_agent, request_id, authority;
  struct str upstream_host, upstream_cluster, upstream_local, downstream_local, downstream_remote;
  struct str route_name;
};

// The text of the last second that was written; starts zeroed.
struct access_log_clock {
  int64_t second;
  char text[24];
};

// One line with its newline.
int access_log_line(struct buf *out, enum access_log_format format,
                    const struct access_log_entry *entry, struct access_log_clock *clock);

// path "-" is standard output. A file is opened again when it was moved away, and always appended
// to, so that it may be shared and truncated by others.
int access_log_open(const char *path, enum access_log_format format, unsigned workers,
                    struct access_log **ret_log, struct err *err);
struct access_log_ring *access_log_ring_of(struct access_log *log, unsigned worker);
void access_log_add(struct access_log_ring *ring, const struct access_log_entry *entry);
// After log rotation: opens the file anew, soon, on the log's own thread. NULL is fine.
void access_log_reopen(struct access_log *log);
uint64_t access_log_dropped(const struct access_log *log);
uint64_t access_log_lines(const struct access_log *log); // taken so far
// After the workers have ended. Writes what is left, but waits for no reader that stands still.
void access_log_close(struct access_log *log); // NULL is fine
