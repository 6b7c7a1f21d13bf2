// SPDX-License-Identifier: Apache-2.0
// The body of an HTTP/1 message without its framing: a length, chunks, or the end of the
// connection. Chunks are read to the letter of RFC 9112 7.1 and not a byte more generously: a size
// of at most 16 hexadecimal digits, extensions that are well formed (and dropped), CRLF and nothing
// else as the end of a line. Pure.
#pragma once

#include "proxy/head_trailers.h"

enum http1_event {
  HTTP1_MORE,  // all bytes used, the message goes on
  HTTP1_HEAD,  // the head is complete; look at it before the next call
  HTTP1_BODY,  // a piece of the body, framing removed
  HTTP1_END,   // the message is complete; http1_decoder_start comes next
  HTTP1_FAULT, // decoder->fault says why; the connection must be closed
};

enum http1_frame_kind { HTTP1_FRAME_LENGTH, HTTP1_FRAME_CHUNKS, HTTP1_FRAME_EOF };

struct http1_frame {
  enum http1_frame_kind kind;
  unsigned step;   // within the framing of chunks
  unsigned digits; // of the chunk size so far
  uint64_t left;   // bytes of the body, or of the chunk
  uint64_t body_bytes;
  uint64_t wire_bytes;            // with the framing
  struct head_trailers *trailers; // owned, kept for further messages; NULL until the first trailer
};

// length: for HTTP1_FRAME_LENGTH; 0 is a message without body.
void http1_frame_start(struct http1_frame *frame, enum http1_frame_kind kind, uint64_t length);
void http1_frame_dispose(struct http1_frame *frame);
// HTTP1_MORE, _BODY, _END or _FAULT; *ret_used says how many bytes it took.
enum http1_event http1_frame_next(struct http1_frame *frame, const char *data, size_t len,
                                  size_t *ret_used, struct str *ret_piece);
// The peer ended the connection: HTTP1_END or HTTP1_FAULT.
enum http1_event http1_frame_eof(const struct http1_frame *frame);
