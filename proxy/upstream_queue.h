// SPDX-License-Identifier: Apache-2.0
// The requests that wait in a pool for a connection, and the pool's place among those that wait for
// a place below a connection limit. For upstream_pool.c.
#pragma once

#include "proxy/upstream_pool.h"

void upstream_queue_add(struct upstream_pool *pool, struct upstream_user *user);
void upstream_queue_remove(struct upstream_pool *pool, struct upstream_user *user);
// More requests wait than connections come, and the limit allows no more: woken when a place is
// free.
void upstream_queue_block(struct upstream_pool *pool, uint32_t limit);
// No more among the blocked ones of its worker.
void upstream_queue_unlist(struct upstream_pool *pool);
// Ends that when what waits has a connection to hope for again.
void upstream_queue_serve_blocked(struct upstream_pool *pool);
