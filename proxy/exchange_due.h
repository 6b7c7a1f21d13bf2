// SPDX-License-Identifier: Apache-2.0
// When the waits of an exchange end, each as a time of its clock; 0: it does not wait for that. For
// exchange.c.
#pragma once

#include "proxy/exchange.h"

// The whole exchange, from the end of the request.
int64_t exchange_route_due(const struct exchange *x);
// One try: from the later of the request's end and the connection.
int64_t exchange_try_due(const struct exchange *x);
// A request that does not end.
int64_t exchange_request_due(const struct exchange *x);
// Nothing moves in either direction.
int64_t exchange_idle_due(const struct exchange *x);
