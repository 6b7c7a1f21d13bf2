// SPDX-License-Identifier: Apache-2.0
// Addresses of sockets as text: "127.0.0.1:4711", "[::1]:4711".
#pragma once

#include "manifests/base/str.h"

struct sockaddr;

// Into out[0..64).
struct str socket_text_address(const struct sockaddr *address, char out[64]);
// Our end of a connected socket; STR_NULL when the kernel does not say.
struct str socket_text_local(int fd, char out[64]);
