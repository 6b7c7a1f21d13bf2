// SPDX-License-Identifier: Apache-2.0
// Listening sockets from a proxy process to the next one, through a local socket: they are passed
// on (SCM_RIGHTS), never closed and opened again, so no connection that waits in the kernel is
// lost. The old process serves on until the new one says that it is ready; when that one dies
// before, nothing has happened.
//
// The messages (SOCK_SEQPACKET): new "serin.1"; old "sockets N A" with up to 64 descriptors each,
// N of them for traffic, then A (0 or 1) for administration, again until "end"; new "ready" and a
// line "ADDRESS PORT" for each address it serves; old "bye".
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"

#include <stdbool.h>
#include <uv.h>

#define HANDOVER_SOCKETS_MAX 4096u

// What the new process got.
struct handover_offer {
  int connection; // to the old process; -1: there is none
  int *fds;       // non-blocking, close on exec
  size_t count;
  int admin; // -1: none
};

// Asks whoever listens at `path`; waits a few seconds at most. RC_NOT_FOUND: nobody does.
int handover_ask(const char *path, struct handover_offer *ret_offer, struct err *err);
// The new process serves these addresses ("ADDRESS PORT" lines); waits for the old one's word.
int handover_ready(struct handover_offer *offer, struct str served, struct err *err);
void handover_offer_dispose(struct handover_offer *offer); // leaves the descriptors open

// The old process's side, on its loop.
struct handover;

struct handover_host {
  // Puts the listening sockets that are open now into fds[0..HANDOVER_SOCKETS_MAX), the admin
  // socket or -1 into *ret_admin; returns how many, 0 when there is nothing to give (any more).
  size_t (*list)(void *ctx, int *fds, int *ret_admin);
  // The next process is ready and serves these addresses: time to drain.
  void (*done)(void *ctx, struct str served);
  void *ctx;
};

// Takes `path` over from whoever had it.
int handover_serve(uv_loop_t *loop, const char *path, const struct handover_host *host,
                   struct handover **ret_handover, struct err *err);
// Removes `path` unless it is another process's by now. NULL is fine.
void handover_close(struct handover *handover);

// Whether a line of `served` names this address.
bool handover_serves(struct str served, const char *address, uint16_t port);
