// SPDX-License-Identifier: Apache-2.0
// When the bytes of a log were written: a file LOG.times beside it, of records of 16 bytes (offset
// in the log, milliseconds since 1970, both little endian). The writer adds one at most every
// LOG_TIMES_MS; what stands between two records was written at the time of the first. So
// `kubectl logs --since` and `--timestamps` work on logs that are the process' own bytes.
#pragma once

#include "manifests/base/str.h"

#include <sys/types.h>

#define LOG_TIMES_SUFFIX ".times"
#define LOG_TIMES_MS 100

struct log_time {
  int64_t offset, ms;
};

// Appends a record; errors are swallowed, as the log's are.
void log_times_add(int fd, struct log_time time);
// Opens the times of the log at `path`. -1: there are none.
int log_times_open(const char *path, int flags);
// Where the first byte stands that was written at `ms` or later; `end` when there is none.
int64_t log_times_since(int fd, int64_t ms, int64_t end);

// Walks forward through a log.
struct log_times {
  int fd;
  off_t next;          // of the record after `now`
  struct log_time now; // offset -1: none yet
};
void log_times_start(struct log_times *times, int fd);
// The time of the byte at `offset`, not before the last one asked for; 0 when it is not known.
int64_t log_times_at(struct log_times *times, int64_t offset);
