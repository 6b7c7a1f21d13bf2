// SPDX-License-Identifier: Apache-2.0
// What a client connection waits for in its state, and until when. For connection.c.
#pragma once

#include "proxy/connection.h"

// UV_READABLE, UV_WRITABLE, both or 0.
int connection_wanted_events(const struct connection *connection);
// The time a connection may live is over: this request is its last.
bool connection_is_used_up(const struct connection *connection);
// On the worker's clock, in milliseconds; 0: it waits without end.
uint64_t connection_due_ms(const struct connection *connection);
