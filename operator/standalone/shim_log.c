// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/shim_log.h"
#include "manifests/base/alloc.h"
#include "manifests/base/buf.h"
#include "manifests/base/clock.h"
#include "operator/standalone/log_times.h"
#include "operator/standalone/shim_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(struct log_file *log) {
  log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  struct stat about;
  log->size = log->fd >= 0 && fstat(log->fd, &about) == 0 ? about.st_size : 0;
  log->times_fd = log_times_open(log->path, O_WRONLY | O_CREAT | O_APPEND);
  log->timed_ms = 0;
  return log->fd;
}

static void close_files(struct log_file *log) {
  if (log->fd >= 0)
    close(log->fd);
  if (log->times_fd >= 0)
    close(log->times_fd);
  log->fd = log->times_fd = -1;
}

// With the times that belong to it.
static void move(struct buf *from, struct buf *to) {
  (void)rename(buf_z(from), buf_z(to));
  buf_add_z(from, LOG_TIMES_SUFFIX);
  buf_add_z(to, LOG_TIMES_SUFFIX);
  (void)rename(buf_z(from), buf_z(to));
}

int log_file_open(struct log_file *log, const char *path, int64_t max_bytes, int64_t keep,
                  struct err *err) {
  *log = (struct log_file){
      .path = xstrdup(path), .fd = -1, .times_fd = -1, .max_bytes = max_bytes, .keep = keep};
  char *slash = strrchr(log->path, '/');
  if (slash && slash != log->path) {
    *slash = 0;
    int rc = shim_file_mkdirs(log->path, err);
    *slash = '/';
    if (rc != RC_OK)
      return rc;
  }
  return open_file(log) < 0 ? err_errno(err, "cannot open the log %s", path) : RC_OK;
}

static void rotate(struct log_file *log) {
  struct buf from, to;
  buf_init(&from, 8192);
  buf_init(&to, 8192);
  for (int64_t i = log->keep; i >= 1; i--) {
    buf_reset(&from);
    buf_reset(&to);
    buf_addf(&to, "%s.%lld", log->path, (long long)i);
    if (i == 1)
      buf_add_z(&from, log->path);
    else
      buf_addf(&from, "%s.%lld", log->path, (long long)(i - 1));
    move(&from, &to);
  }
  if (log->keep <= 0) {
    buf_reset(&from);
    buf_addf(&from, "%s%s", log->path, LOG_TIMES_SUFFIX);
    (void)unlink(log->path);
    (void)unlink(buf_z(&from));
  }
  buf_dispose(&from);
  buf_dispose(&to);
  close_files(log);
  (void)open_file(log);
}

void log_file_write(struct log_file *log, struct str bytes) {
  if (log->max_bytes > 0 && log->size > 0 && log->size + (int64_t)bytes.len > log->max_bytes)
    rotate(log);
  int64_t now_ms = clock_wall_ms();
  if (now_ms >= log->timed_ms + LOG_TIMES_MS || now_ms < log->timed_ms) {
    log_times_add(log->times_fd, (struct log_time){log->size, now_ms});
    log->timed_ms = now_ms;
  }
  while (log->fd >= 0 && bytes.len > 0) {
    ssize_t put = write(log->fd, bytes.ptr, bytes.len);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return;
    log->size += put;
    bytes = str_slice(bytes, (size_t)put, bytes.len);
  }
}

void log_file_close(struct log_file *log) {
  close_files(log);
  xfree(log->path);
  log->path = NULL;
}

void log_file_keep_previous(const char *path) {
  struct str stem = str_of(path);
  if (!str_ends(stem, STR(".log")))
    return;
  struct buf from, to;
  buf_init(&from, 8192);
  buf_init(&to, 8192);
  buf_add_z(&from, path);
  buf_addf(&to, "%.*s.previous.log", (int)(stem.len - 4), path);
  move(&from, &to);
  buf_dispose(&from);
  buf_dispose(&to);
}
