// SPDX-License-Identifier: Apache-2.0
// HTTP/1 bytes -> heads, pieces of body and ends. http1.c is the only file that knows llhttp and,
// with http1_write.c, the only one that knows what a line of HTTP/1 looks like. It refuses
// everything that two readers could understand differently (docs/dataplane.md 6.4, 6.9), so nothing
// behind it sees a doubtful message. Used by connections (requests) and by upstream (responses).
// Pure but for its own parser state.
#pragma once

#include "proxy/head.h"

struct llhttp__internal_s;

enum http1_event {
  HTTP1_MORE,  // all bytes used, the message goes on
  HTTP1_HEAD,  // the head is complete; look at it before the next call
  HTTP1_BODY,  // a piece of the body, framing removed
  HTTP1_END,   // the message is complete; http1_decoder_start comes next
  HTTP1_FAULT, // decoder->fault says why; the connection must be closed
};

struct http1_fault {
  int status;         // what a client is answered: 400, 431, 501, 505
  struct str details; // response code details, static
};

struct http1_decoder {
  struct llhttp__internal_s *parser; // owned
  struct head *head;
  struct http1_fault fault;
  bool is_response;
  bool head_done, body_done; // what was reported of this message
  bool no_body;              // responses to HEAD, 1xx, 204, 304: whatever their fields say
  bool in_chunk_framing;     // trailers are read and dropped
  enum http1_event pending;  // set by a parser callback
  char *start;               // first byte of the head, NULL before it
  size_t head_len;           // bytes of the head so far
  struct str target;
  struct str name, value; // of the field being read
  struct str piece;       // body
  uint64_t body_bytes;    // decoded
  uint64_t wire_bytes;    // of the body with its framing
};

void http1_decoder_init(struct http1_decoder *decoder, bool is_response);
void http1_decoder_dispose(struct http1_decoder *decoder);
// Begins the next message; *head is filled by it. no_body: a response to HEAD.
void http1_decoder_start(struct http1_decoder *decoder, struct head *head, bool no_body);
// Whether any byte of the present message was read.
bool http1_decoder_is_started(const struct http1_decoder *decoder);
// Reads up to the next event; *ret_used says how many bytes it took. Until HTTP1_HEAD was returned
// the bytes of earlier calls must stay where they are and `data` must follow directly on them: the
// head's views point there, and names are lowered in place.
enum http1_event http1_decode(struct http1_decoder *decoder, char *data, size_t len,
                              size_t *ret_used, struct str *ret_piece);
// The peer ended the connection: HTTP1_END when that completes the message, else HTTP1_FAULT.
enum http1_event http1_decode_eof(struct http1_decoder *decoder);
