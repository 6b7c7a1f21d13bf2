// SPDX-License-Identifier: Apache-2.0
// The body of a message on its way into a pump, framed as its head announced. Pieces of one turn
// become one chunk, so that a message cut into tiny chunks does not stay one, and is still sent at
// once.
#pragma once

#include "proxy/http1_write.h"
#include "proxy/pump.h"

struct http1_body {
  struct pump *pump;
  bool chunked;
  bool open; // a chunk whose line is not written yet
  unsigned slot;
  size_t size;
  char line[HTTP1_CHUNK_ROOM];
};

void http1_body_init(struct http1_body *body, struct pump *pump, bool chunked);
// May flush the pump when it is full; returns 0 or the flush's negative errno.
int http1_body_add(struct http1_body *body, struct str piece);
// trailers: what http1_write_trailers made, valid until the flush; "" for none.
void http1_body_end(struct http1_body *body, struct str trailers);
// Before each pump_flush.
void http1_body_close_chunk(struct http1_body *body);
