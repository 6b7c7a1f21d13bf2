// SPDX-License-Identifier: Apache-2.0
// Bytes from one thread to another without waiting: one writer, one reader, a fixed ring. Only
// whole lines are put; one that does not fit is dropped and counted.
#pragma once

#include "proxy/access_log.h"

#include <stdatomic.h>

#define ACCESS_LOG_RING (1u << 20) // a power of two

struct access_log_ring {
  struct access_log *log;
  struct buf line; // the writer's
  struct access_log_clock clock;
  char *bytes;
  _Atomic uint64_t put, taken; // count up for ever
  _Atomic uint64_t dropped, lines;
};

void access_log_ring_init(struct access_log_ring *ring, struct access_log *log);
void access_log_ring_dispose(struct access_log_ring *ring);
void access_log_ring_put(struct access_log_ring *ring, struct str line);
// Takes out what is there, whole lines; out has room for ACCESS_LOG_RING bytes.
size_t access_log_ring_take(struct access_log_ring *ring, char *out);
