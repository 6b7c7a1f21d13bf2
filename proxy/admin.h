// SPDX-License-Identifier: Apache-2.0
// The admin server: libmicrohttpd, driven by the main loop, so a scrape costs the main thread time
// and never a worker. Long answers are written piece by piece as the reader takes them. What is
// answered is decided in admin_endpoints.h.
#pragma once

#include "manifests/base/err.h"
#include "proxy/admin_endpoints.h"

#include <uv.h>

struct admin;

// Takes over the listening socket. `host` is copied.
int admin_open(uv_loop_t *loop, int fd, const struct admin_host *host, struct admin **ret_admin,
               struct err *err);
int admin_socket(const struct admin *admin); // -1 when it was given back
// Accepts no more and gives the listening socket back: another process answers there from now on.
// What is being answered goes on. -1 when it was given back already.
int admin_quiesce(struct admin *admin);
void admin_close(struct admin *admin); // memory ends with the loop's next turn; NULL is fine
