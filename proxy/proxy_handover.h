// SPDX-License-Identifier: Apache-2.0
// Both ends of a hand-over in the life of a proxy process (handover.h).
#pragma once

#include "proxy/proxy_state.h"

// At the start: gets the listening sockets of the process that runs, when there is one.
int proxy_handover_ask(struct proxy *proxy, struct err *err);
// All workers have the first configuration: the process before may drain, and the next may ask.
void proxy_handover_ready(struct proxy *proxy);
