// SPDX-License-Identifier: Apache-2.0
// A log file of its own writer, rotated by size: NAME, NAME.1 (newest old one), NAME.2 ... Raw
// bytes, as the process wrote them, with their times in a file beside it (log_times.h). Used by the
// shim for containers and by the supervisor for components.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"

struct log_file {
  char *path;
  int fd;
  int64_t size, max_bytes, keep; // keep: how many old files
  int times_fd;                  // log_times.h
  int64_t timed_ms;              // when the last record was written
};

// Appends to what is there; makes the folder when it is missing.
int log_file_open(struct log_file *log, const char *path, int64_t max_bytes, int64_t keep,
                  struct err *err);
// Rotates first when the file is full. Errors are swallowed: a full disk must not stop a workload.
void log_file_write(struct log_file *log, struct str bytes);
void log_file_close(struct log_file *log);
// PATH becomes PATH with ".log" replaced by ".previous.log" (the log of the container's last
// attempt).
void log_file_keep_previous(const char *path);
