// SPDX-License-Identifier: Apache-2.0
// A listening socket of one worker: accepts and hands over to connection.c. Sockets come from
// outside (inherited) or are opened here with SO_REUSEPORT, one a worker, so that workers share no
// queue.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"
#include "proxy/table.h"

#include <stdatomic.h>
#include <uv.h>

struct connection;
struct worker;

struct listener {
  struct worker *worker;
  struct listener *next;
  uv_poll_t poll;
  uv_timer_t pause; // out of descriptors: wait before the next try
  int fd;
  uint16_t port;
  char address[48]; // as inet_ntop writes it
  char text[64];    // "127.0.0.1:8080"; "" when it is bound to all addresses
  struct stats_listener *stats;
  struct table_slot slot;  // in the newest table
  atomic_bool leave_asked; // by the main thread
  unsigned open_handles;
  bool is_of_gateway; // opened while running: the socket is this process's alone
  bool started, closed, leaving;
};

// Opens a listening socket on "127.0.0.1:8080", "[::1]:0", ":8080" (all addresses).
// `shared`: further sockets may be bound to the same address (SO_REUSEPORT); never with sockets
// that another program, or another part of this one, has there already.
int listener_bind(struct str address, bool shared, bool is_first, int *ret_fd, uint16_t *ret_port,
                  struct err *err);
// "127.0.0.1:8080" as the address alone, as listener_address writes it, and its port.
int listener_parse(struct str text, char out[64], uint16_t *ret_port, struct err *err);
// The address a socket is bound to, as text into out[0..64); its port.
int listener_address(int fd, char out[64], uint16_t *ret_port, struct err *err);

struct listener *listener_new(struct worker *worker, int fd, const char *address, uint16_t port);
// Connections accepted from now on belong to the table's listener of this address; the first table
// starts the accepting.
void listener_take_table(struct listener *listener, const struct proxy_table *table);
// Accepts no more. What the kernel has queued is answered first when the queue dies with this
// socket; an inherited socket lives on elsewhere and its queue waits there.
void listener_stop(struct listener *listener, bool inherited);
// Our end of a client's connection, for the log: the listener's address where it has one, else
// asked from the kernel.
struct str listener_local_text(const struct connection *connection, char out[64]);
// The same for one that is not declared any more, with its connections; ends its memory.
void listener_leave(struct listener *listener);
void listener_free(struct listener *listener); // after the loop has ended
