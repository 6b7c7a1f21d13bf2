// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log.h"

#include "manifests/base/alloc.h"
#include "proxy/access_log_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define IDLE_WAIT_MS 50
#define WRITE_WAIT_MS 100

struct access_log {
  enum access_log_format format;
  char *path;   // NULL: standard output
  int fd;       // -1: could not be opened; tried again
  bool is_file; // takes any amount at once
  pthread_t thread;
  atomic_bool stop, reopen;
  _Atomic uint64_t lost; // lines that could not be written
  unsigned count;
  struct access_log_ring *rings;
};

static int open_file(struct access_log *log, struct err *err) {
  struct stat about;
  log->fd =
      log->path ? open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640) : STDOUT_FILENO;
  if (log->fd < 0)
    return err_errno(err, "cannot open the access log %s", log->path);
  log->is_file = fstat(log->fd, &about) == 0 && S_ISREG(about.st_mode);
  return 0;
}

// Log rotation moves the file away: go on in a new one.
static bool is_moved(const struct access_log *log) {
  struct stat mine, there;
  if (log->fd < 0 || fstat(log->fd, &mine) != 0)
    return true;
  return stat(log->path, &there) != 0 || mine.st_ino != there.st_ino || mine.st_dev != there.st_dev;
}

static void reopen(struct access_log *log) {
  if (!log->path)
    return;
  if (log->fd >= 0)
    (void)close(log->fd);
  (void)open_file(log, NULL);
}

static void count_lost(struct access_log *log, const char *ptr, size_t len) {
  uint64_t lines = 0;
  for (size_t i = 0; i < len; i++)
    lines += ptr[i] == '\n';
  atomic_fetch_add_explicit(&log->lost, lines, memory_order_relaxed);
}

// Whether the reader takes something within a moment. Asked again and again: the end of the process
// must not wait for it.
static bool is_writable(const struct access_log *log) {
  struct pollfd poll_fd = {.fd = log->fd, .events = POLLOUT};
  return poll(&poll_fd, 1, WRITE_WAIT_MS) > 0;
}

static void write_all(struct access_log *log, const char *ptr, size_t len) {
  while (len > 0 && log->fd >= 0) {
    if (!log->is_file && !is_writable(log)) {
      if (atomic_load(&log->stop))
        break;
      continue;
    }
    // A pipe that is writable takes this much without waiting.
    size_t piece = log->is_file || len < PIPE_BUF ? len : PIPE_BUF;
    ssize_t n = write(log->fd, ptr, piece);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (n <= 0)
      break; // disk full, reader gone: lines are lost, traffic is not
    ptr += n;
    len -= (size_t)n;
  }
  count_lost(log, ptr, len);
}

static bool carry(struct access_log *log, char *chunk) {
  bool any = false;
  for (unsigned i = 0; i < log->count; i++) {
    size_t len = access_log_ring_take(&log->rings[i], chunk);
    if (len > 0)
      write_all(log, chunk, len);
    any |= len > 0;
  }
  return any;
}

static void *run(void *arg) {
  struct access_log *log = arg;
  char *chunk = xmalloc(ACCESS_LOG_RING);
  const struct timespec wait = {0, IDLE_WAIT_MS * 1000000L};
  for (unsigned turn = 0; !atomic_load(&log->stop); turn++) {
    if (!carry(log, chunk))
      (void)nanosleep(&wait, NULL);
    if (atomic_exchange(&log->reopen, false) || (turn % 20 == 0 && log->path && is_moved(log)))
      reopen(log);
  }
  (void)carry(log, chunk);
  xfree(chunk);
  return NULL;
}

int access_log_open(const char *path, enum access_log_format format, unsigned workers,
                    struct access_log **ret_log, struct err *err) {
  struct access_log *log = XNEW(struct access_log);
  log->format = format;
  log->path = strcmp(path, "-") == 0 ? NULL : xstrdup(path);
  log->count = workers;
  log->rings = xcalloc(workers, sizeof(*log->rings));
  int rc = open_file(log, err);
  for (unsigned i = 0; i < workers; i++)
    access_log_ring_init(&log->rings[i], log);
  if (rc == 0 && pthread_create(&log->thread, NULL, run, log) != 0)
    rc = err_set(err, RC_IO, "cannot start the access log's thread");
  if (rc != 0) {
    for (unsigned i = 0; i < workers; i++)
      access_log_ring_dispose(&log->rings[i]);
    xfree(log->rings);
    xfree(log->path);
    xfree(log);
    return rc;
  }
  *ret_log = log;
  return 0;
}

struct access_log_ring *access_log_ring_of(struct access_log *log, unsigned worker) {
  return &log->rings[worker];
}

void access_log_add(struct access_log_ring *ring, const struct access_log_entry *entry) {
  buf_reset(&ring->line);
  if (access_log_line(&ring->line, ring->log->format, entry, &ring->clock) == 0)
    access_log_ring_put(ring, buf_str(&ring->line));
}

uint64_t access_log_dropped(const struct access_log *log) {
  uint64_t dropped = 0;
  for (unsigned i = 0; log && i < log->count; i++)
    dropped += atomic_load_explicit(&log->rings[i].dropped, memory_order_relaxed);
  return dropped + (log ? atomic_load_explicit(&log->lost, memory_order_relaxed) : 0);
}

uint64_t access_log_lines(const struct access_log *log) {
  uint64_t lines = 0;
  for (unsigned i = 0; log && i < log->count; i++)
    lines += atomic_load_explicit(&log->rings[i].lines, memory_order_relaxed);
  return lines;
}

void access_log_reopen(struct access_log *log) {
  if (log)
    atomic_store(&log->reopen, true);
}

void access_log_close(struct access_log *log) {
  if (!log)
    return;
  atomic_store(&log->stop, true);
  (void)pthread_join(log->thread, NULL);
  for (unsigned i = 0; i < log->count; i++)
    access_log_ring_dispose(&log->rings[i]);
  if (log->path && log->fd >= 0)
    (void)close(log->fd);
  xfree(log->rings);
  xfree(log->path);
  xfree(log);
}
