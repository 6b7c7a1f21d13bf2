// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/log_times.h"
#include "manifests/base/buf.h"

#include <fcntl.h>
#include <unistd.h>

#define RECORD_BYTES 16

static void put_le(unsigned char *to, int64_t value) {
  for (int i = 0; i < 8; i++)
    to[i] = (unsigned char)((uint64_t)value >> (8 * i));
}

static int64_t get_le(const unsigned char *from) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--)
    value = value << 8 | from[i];
  return (int64_t)value;
}

void log_times_add(int fd, struct log_time time) {
  unsigned char record[RECORD_BYTES];
  put_le(record, time.offset);
  put_le(record + 8, time.ms);
  if (fd >= 0 && write(fd, record, sizeof record) < 0)
    return; // as a log that cannot be written
}

int log_times_open(const char *path, int flags) {
  struct buf name;
  buf_init(&name, 8192);
  buf_addf(&name, "%s%s", path, LOG_TIMES_SUFFIX);
  int fd = open(buf_z(&name), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  buf_dispose(&name);
  return fd;
}

static bool read_at(int fd, off_t at, struct log_time *ret_time) {
  unsigned char record[RECORD_BYTES];
  if (fd < 0 || pread(fd, record, sizeof record, at) != (ssize_t)sizeof record)
    return false;
  *ret_time = (struct log_time){get_le(record), get_le(record + 8)};
  return true;
}

int64_t log_times_since(int fd, int64_t ms, int64_t end) {
  struct log_time time;
  off_t low = 0, high = fd >= 0 ? lseek(fd, 0, SEEK_END) / RECORD_BYTES : 0;
  while (low < high) {
    off_t middle = low + (high - low) / 2;
    if (!read_at(fd, middle * RECORD_BYTES, &time))
      return end;
    if (time.ms >= ms)
      high = middle;
    else
      low = middle + 1;
  }
  return read_at(fd, low * RECORD_BYTES, &time) && time.offset >= 0 && time.offset < end
             ? time.offset
             : end;
}

void log_times_start(struct log_times *times, int fd) {
  *times = (struct log_times){.fd = fd, .now = {.offset = -1}};
}

int64_t log_times_at(struct log_times *times, int64_t offset) {
  struct log_time next;
  while (read_at(times->fd, times->next, &next) && next.offset <= offset) {
    times->now = next;
    times->next += RECORD_BYTES;
  }
  return times->now.offset >= 0 ? times->now.ms : 0;
}
