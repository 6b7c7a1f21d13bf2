// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1_body.h"

void http1_body_init(struct http1_body *body, struct pump *pump, bool chunked) {
  *body = (struct http1_body){.pump = pump, .chunked = chunked};
}

int http1_body_add(struct http1_body *body, struct str piece) {
  // A chunk needs its line, the piece, its end, and perhaps the last chunk behind.
  if (pump_room(body->pump) < 4) {
    http1_body_close_chunk(body);
    int rc = pump_flush(body->pump);
    if (rc != 0)
      return rc;
  }
  if (body->chunked && !body->open) {
    body->open = true;
    body->size = 0;
    body->slot = pump_hold(body->pump);
  }
  pump_add(body->pump, piece.ptr, piece.len);
  body->size += piece.len;
  return 0;
}

void http1_body_close_chunk(struct http1_body *body) {
  if (!body->open)
    return;
  size_t len = http1_write_chunk_line(body->line, body->size);
  pump_fill(body->pump, body->slot, body->line, len);
  pump_add(body->pump, http1_chunk_end.ptr, http1_chunk_end.len);
  body->open = false;
}

void http1_body_end(struct http1_body *body, struct str trailers) {
  http1_body_close_chunk(body);
  if (!body->chunked)
    return;
  struct str last = trailers.len > 0 ? trailers : http1_last_chunk;
  pump_add(body->pump, last.ptr, last.len);
}
