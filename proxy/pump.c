// SPDX-License-Identifier: Apache-2.0
#include "proxy/pump.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void pump_init(struct pump *pump, int fd) {
  // The pieces need no clearing: count says which are there.
  pump->fd = fd;
  pump->count = 0;
  pump->kept = NULL;
  pump->kept_at = pump->kept_len = pump->kept_cap = 0;
  pump->written = 0;
}

void pump_dispose(struct pump *pump) {
  xfree(pump->kept);
  pump_init(pump, -1);
}

void pump_add(struct pump *pump, const void *ptr, size_t len) {
  if (len > 0)
    pump_fill(pump, pump_hold(pump), ptr, len);
}

unsigned pump_room(const struct pump *pump) {
  return PUMP_PIECES - pump->count;
}

unsigned pump_hold(struct pump *pump) {
  BUG_ON(pump->count >= PUMP_PIECES);
  pump->pieces[pump->count] = (struct iovec){NULL, 0};
  return pump->count++;
}

void pump_fill(struct pump *pump, unsigned piece, const void *ptr, size_t len) {
  // sendmsg takes iovec bases as non-const, but only reads them.
  union {
    const void *in;
    void *out;
  } base = {ptr};
  pump->pieces[piece] = (struct iovec){base.out, len};
}

size_t pump_kept(const struct pump *pump) {
  return pump->kept_len - pump->kept_at;
}

bool pump_is_empty(const struct pump *pump) {
  return pump->count == 0 && pump->kept_len == pump->kept_at;
}

static void keep(struct pump *pump, const void *ptr, size_t len) {
  if (pump->kept_at > 0) {
    memmove(pump->kept, pump->kept + pump->kept_at, pump_kept(pump));
    pump->kept_len -= pump->kept_at;
    pump->kept_at = 0;
  }
  if (pump->kept_cap - pump->kept_len < len) {
    pump->kept_cap = (pump->kept_len + len + 0x3fff) & ~(size_t)0x3fff;
    pump->kept = xrealloc(pump->kept, pump->kept_cap);
  }
  memcpy(pump->kept + pump->kept_len, ptr, len);
  pump->kept_len += len;
}

static ssize_t send_pieces(int fd, struct iovec *pieces, unsigned count) {
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
  ssize_t sent;
  do
    // A peer that is gone is an error code here, not a signal.
    sent = count == 1 ? send(fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL)
                      : sendmsg(fd, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent;
}

static int flush_kept(struct pump *pump) {
  struct iovec piece = {pump->kept + pump->kept_at, pump_kept(pump)};
  ssize_t sent = send_pieces(pump->fd, &piece, 1);
  if (sent < 0)
    return errno == EAGAIN ? 0 : -errno;
  pump->written += (uint64_t)sent;
  pump->kept_at += (size_t)sent;
  if (pump->kept_at == pump->kept_len) {
    // Slow peers come and go: the memory goes with them.
    xfree(pump->kept);
    pump->kept = NULL;
    pump->kept_at = pump->kept_len = pump->kept_cap = 0;
  }
  return 0;
}

int pump_flush(struct pump *pump) {
  size_t sent = 0;
  if (pump->kept) {
    for (unsigned i = 0; i < pump->count; i++)
      keep(pump, pump->pieces[i].iov_base, pump->pieces[i].iov_len);
    pump->count = 0;
    return flush_kept(pump);
  }
  if (pump->count == 0)
    return 0;
  ssize_t n = send_pieces(pump->fd, pump->pieces, pump->count);
  if (n < 0 && errno != EAGAIN) {
    pump->count = 0;
    return -errno;
  }
  sent = n > 0 ? (size_t)n : 0;
  pump->written += sent;
  for (unsigned i = 0; i < pump->count; i++) {
    struct iovec *piece = &pump->pieces[i];
    size_t done = sent < piece->iov_len ? sent : piece->iov_len;
    sent -= done;
    if (done < piece->iov_len)
      keep(pump, (char *)piece->iov_base + done, piece->iov_len - done);
  }
  pump->count = 0;
  return 0;
}
