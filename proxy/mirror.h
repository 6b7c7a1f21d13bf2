// SPDX-License-Identifier: Apache-2.0
// Copies of requests for other clusters (docs/dataplane.md 1.12): sent beside the request as its
// body comes, answers read and dropped. A copy uses the same pools, limits and counters as any
// request to its cluster, but decides nothing and is waited for by nobody: whatever becomes of it,
// the request it copies goes on as if it were not there. What its receiver does not take is kept up
// to a limit; beyond, the copy is given up and counted.
#pragma once

#include "manifests/base/str.h"

#include <stdint.h>

struct exchange_run;
struct http1_write_options;
struct mirror;
struct worker;

// Of one copy: its head and what of its body is not sent yet.
#define MIRROR_BUFFER_MAX (1u << 20)
// Of all copies of a worker.
#define MIRROR_BYTES_MAX (16u << 20)
#define MIRROR_COUNT_MAX 1024u

// Begins the copies the route asks for, when the request's head was written for its first try with
// these options. The draw depends on the request's id alone, so all mirrors (and all proxies on the
// way) choose the same requests. Leaves run->mirrors.
void mirror_begin(struct exchange_run *run, const struct http1_write_options *options);
// A piece of the body, the end of the request: for all copies of this list.
void mirror_body(struct mirror *list, struct str piece);
void mirror_end(struct mirror *list);
// The exchange is over. Complete copies go on alone, others end.
void mirror_detach(struct exchange_run *run);
// The worker ends.
void mirror_close_all(struct worker *worker);

// A number below 1,000,000 that follows from the request's id.
uint32_t mirror_draw(struct str request_id);
// "host:port" -> "host-shadow:port" into out[0..room); "" when it does not fit.
struct str mirror_shadow_host(struct str authority, char *out, size_t room);
