// SPDX-License-Identifier: Apache-2.0
// What the admin endpoints say about a proxy process.
#pragma once

struct admin_host;
struct proxy;

void proxy_admin_host(struct proxy *proxy, struct admin_host *ret_host);
