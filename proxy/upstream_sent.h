// SPDX-License-Identifier: Apache-2.0
// What the other end of a connection has received, as far as our kernel was told. An effect of its
// own file because <linux/tcp.h> and <netinet/tcp.h> exclude each other. Used by upstream.c when a
// connection ends without an answer: a request of which nothing was received can be sent again,
// whatever it asks for. Only behind an orderly end (FIN) is this exact: a reset acknowledges
// nothing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Bytes that the peer's kernel has acknowledged since the connection was made. False where the
// kernel does not say.
bool upstream_sent_acked(int fd, uint64_t *ret_bytes);
