// SPDX-License-Identifier: Apache-2.0
#pragma once

struct upstream_user;

// A non-blocking socket that connects to the user's endpoint, with the options of its cluster. -1:
// see errno.
int upstream_socket_open(const struct upstream_user *user);
