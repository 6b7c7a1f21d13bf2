// SPDX-License-Identifier: Apache-2.0
// Bytes on their way into one non-blocking socket. Within one turn pieces are only noted, not
// copied (they lie in read buffers and in head texts); pump_flush writes them in one system call
// and copies just what the socket did not take. Used by connections and upstream; it knows nothing
// of HTTP.
#pragma once

#include "manifests/base/str.h"

#include <sys/uio.h>

#define PUMP_PIECES 24u
// Above the high mark the other side is not read any more, below the low one it is again.
#define PUMP_HIGH (64u * 1024)
#define PUMP_LOW (16u * 1024)

struct pump {
  int fd;
  unsigned count; // staged pieces
  struct iovec pieces[PUMP_PIECES];
  char *kept; // what earlier turns could not write
  size_t kept_at, kept_len, kept_cap;
  uint64_t written;
};

void pump_init(struct pump *pump, int fd);
void pump_dispose(struct pump *pump);
// Notes bytes that stay valid until pump_flush. The caller flushes before PUMP_PIECES are staged.
void pump_add(struct pump *pump, const void *ptr, size_t len);
unsigned pump_room(const struct pump *pump); // pieces that can still be staged
// A piece to be filled in later in the turn with pump_fill; returns its number.
unsigned pump_hold(struct pump *pump);
void pump_fill(struct pump *pump, unsigned piece, const void *ptr, size_t len);
// Writes. 0 or a negative errno of the socket; EAGAIN is no error. pump_kept says what is left.
int pump_flush(struct pump *pump);
size_t pump_kept(const struct pump *pump);
// Whether nothing is staged and nothing kept.
bool pump_is_empty(const struct pump *pump);
