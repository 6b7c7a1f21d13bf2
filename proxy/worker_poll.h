// SPDX-License-Identifier: Apache-2.0
// What a worker's loop watches of one socket. A handle belongs to a descriptor number and is kept
// for the next socket that gets that number (the kernel gives the lowest free one): uv_poll_init
// asks the kernel three times about a descriptor that accept4 or socket made just as it must be.
#pragma once

#include <uv.h>

struct worker;

struct worker_poll {
  uv_poll_t handle; // .data: the owner
  int events;       // watched for
};

// For a non-blocking descriptor that is not watched otherwise. Lives until worker_poll_give.
struct worker_poll *worker_poll_take(struct worker *worker, int fd, void *owner);
// Watches for UV_READABLE and UV_WRITABLE, or for nothing (0). A call that changes nothing costs
// nothing. `ready` gets the handle.
void worker_poll_set(struct worker_poll *poll, int events, uv_poll_cb ready);
// For `ready`: the owner. With a status below 0 libuv has stopped the handle on an error of the
// socket; it may be set anew.
void *worker_poll_owner(uv_poll_t *handle, int status);
// Before the descriptor is closed.
void worker_poll_give(struct worker_poll *poll);
// After the loop has ended, and when no other thread opens or closes descriptors: libuv asks the
// kernel about numbers that may be others' by now.
void worker_poll_free_all(struct worker *worker);
