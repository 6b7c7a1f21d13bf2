// SPDX-License-Identifier: Apache-2.0
// The admin endpoints (docs/dataplane.md 5.5) through libmicrohttpd, driven by the main loop: a
// scrape costs the main thread time, never a worker. What changes something is POST only. Whoever
// owns the process (proxy_main.c) answers through struct admin_host.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/base/err.h"

#include <uv.h>

struct admin;

enum admin_state { ADMIN_PRE_INITIALIZING, ADMIN_LIVE, ADMIN_DRAINING };

struct admin_query {
  const char *resource, *format, *filter; // NULL when not given
  bool used_only;
};

// Each fills `out`; returns 0 or a result code.
struct admin_host {
  enum admin_state (*state)(void *ctx);
  int (*metrics)(void *ctx, struct buf *out);
  int (*stats)(void *ctx, const struct admin_query *query, struct buf *out);
  int (*clusters)(void *ctx, const struct admin_query *query, struct buf *out);
  int (*config_dump)(void *ctx, const struct admin_query *query, struct buf *out);
  int (*listeners)(void *ctx, const struct admin_query *query, struct buf *out);
  int (*server_info)(void *ctx, struct buf *out);
  void (*drain)(void *ctx);
  void (*quit)(void *ctx);
  void (*set_health)(void *ctx, bool ok);
  void *ctx;
};

// Takes over the listening socket. `host` is copied.
int admin_open(uv_loop_t *loop, int fd, const struct admin_host *host, struct admin **ret_admin,
               struct err *err);
void admin_close(struct admin *admin); // memory ends with the loop's next turn; NULL is fine
