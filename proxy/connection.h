// SPDX-License-Identifier: Apache-2.0
// One HTTP/1 client connection: reads requests one after the other, hands each to its exchange, and
// answers itself only what is no request at all. Between requests it is no more than this struct;
// what a request needs is in its work (connection_work.h). The read block there holds the head of
// the running request, behind it what is kept of the body for another try, behind that what is not
// decoded yet.
#pragma once

#include "manifests/base/str.h"
#include "proxy/connection_work.h"
#include "proxy/worker_timer.h"

#include <netinet/in.h>

struct worker;

enum connection_state {
  CONNECTION_IDLE,   // no byte of a next request
  CONNECTION_HEAD,   // part of a head
  CONNECTION_BUSY,   // an exchange runs
  CONNECTION_LINGER, // answered and shut down, reads on for a moment so that the answer arrives
  CONNECTION_CLOSED,
};

struct connection {
  struct worker *worker;
  struct connection *next, *prev;
  struct connection_work
      *work; // NULL while it waits for a request, and in a farewell without bytes
  struct worker_poll *poll;
  struct worker_timer timer;
  int fd;
  enum connection_state state;
  struct stats_listener *listener_stats; // NULL: it came from no listener
  struct table_slot listener;            // where it came in
  uint16_t port;                         // of the listener
  bool eof;                              // the client will send no more
  bool close;                            // after this exchange
  int64_t opened_ms;
  uint64_t received, sent; // bytes; `sent` without those of the present work
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } peer;
};

// Takes over an accepted non-blocking socket.
struct connection *connection_open(struct worker *worker, int fd, const struct sockaddr *peer,
                                   uint16_t port, struct table_slot listener);
// The exchange has finished (its last byte is written): the next request or the end.
void connection_finish(struct connection *connection);
// Another protocol has begun: takes up bytes that were waiting.
void connection_resume(struct connection *connection);
// What to read and to write, and until when, after anything changed.
void connection_update(struct connection *connection);
// Each state has its own deadline.
void connection_enter(struct connection *connection, enum connection_state state);
// "127.0.0.1:4711" into out[0..64).
struct str connection_peer_text(const struct connection *connection, char out[64]);
