// SPDX-License-Identifier: Apache-2.0
// Names of endpoints (ServiceEntry, WorkloadEntry, ExternalName) and their addresses. Effect: asks
// the system's resolver on the loop's thread pool, never on a worker; asks again at an interval
// (the resolver tells no lifetimes) and keeps the last good answer while it gets none.
#pragma once

#include "manifests/base/str.h"

#include <uv.h>

struct dns;

// `changed`: a name has other addresses than before; told on the loop. An answer that did not come
// is asked for again after at most 5 s.
struct dns *dns_new(uv_loop_t *loop, int64_t interval_ms, void (*changed)(void *ctx), void *ctx);
// Names that are not asked for between begin and end are forgotten.
void dns_begin(struct dns *dns);
// The addresses known now, in the order of the first answer that had them, valid until the loop's
// next turn. A name that is new is asked for: none yet, `changed` follows.
size_t dns_find(void *dns, struct str name, const struct str **ret_addresses);
void dns_end(struct dns *dns);
// Whether a name has never been answered for, well or badly.
bool dns_is_pending(const struct dns *dns);
// `closed` when all is freed.
void dns_close(struct dns *dns, void (*closed)(void *ctx), void *ctx);
