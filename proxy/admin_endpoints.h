// SPDX-License-Identifier: Apache-2.0
// The admin endpoints (docs/dataplane.md 5.5) and who may use them: what changes something is POST
// only, from this machine only, and not from a browser. Whoever owns the process (proxy_admin.c)
// answers through struct admin_host. Knows no sockets.
#pragma once

#include "manifests/base/buf.h"

enum admin_state { ADMIN_PRE_INITIALIZING, ADMIN_LIVE, ADMIN_DRAINING };

struct admin_query {
  const char *resource, *format, *filter, *type, *level; // NULL when not given
  bool used_only, graceful, skip_exit;
};

// A long answer: `next` appends a piece and returns false when there is none, `close` comes once,
// in the end.
struct admin_stream {
  bool (*next)(void *ctx, struct buf *out);
  void (*close)(void *ctx);
  void *ctx;
};

// Those with `out` fill it and return 0 or a result code; those with a stream open it.
struct admin_host {
  enum admin_state (*state)(void *ctx);
  void (*metrics)(void *ctx, struct admin_stream *ret_stream);
  // RC_INVALID: query->filter is no regular expression.
  int (*stats)(void *ctx, const struct admin_query *query, struct admin_stream *ret_stream);
  int (*clusters)(void *ctx, const struct admin_query *query, struct buf *out);
  int (*config_dump)(void *ctx, const struct admin_query *query, struct buf *out);
  int (*listeners)(void *ctx, const struct admin_query *query, struct buf *out);
  int (*server_info)(void *ctx, struct buf *out);
  int (*memory)(void *ctx, struct buf *out);
  // graceful: answers say "connection: close" for the drain time, then no more is accepted;
  // skip_exit: the latter does not follow.
  void (*drain)(void *ctx, bool graceful, bool skip_exit);
  void (*quit)(void *ctx);
  void (*set_health)(void *ctx, bool ok);
  void (*reset_counters)(void *ctx);
  void *ctx;
};

struct admin_request {
  const char *path, *method;
  bool is_local;        // the peer is on this machine
  bool is_from_browser; // it says where the page came from
  struct admin_query query;
};

#define ADMIN_REPLY_MAX (256u << 20)

struct admin_reply {
  unsigned status;
  const char *type;
  struct buf body;
  struct admin_stream stream; // instead of the body when .next is set
};

// Fills a reply whose body was initialised by the caller.
void admin_answer(const struct admin_host *host, const struct admin_request *request,
                  struct admin_reply *reply);
