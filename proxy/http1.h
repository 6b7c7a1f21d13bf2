// SPDX-License-Identifier: Apache-2.0
// HTTP/1 bytes -> heads, pieces of body and ends. With http1_line.c (one line of a head),
// http1_frame.c (bodies) and http1_write.c it is all that knows what HTTP/1 looks like. It refuses
// everything that two readers could understand differently (docs/dataplane.md 6.4), so nothing
// behind it sees a doubtful message. Used by connections (requests) and by upstream (responses).
// Pure but for its own state.
#pragma once

#include "proxy/http1_frame.h"
#include "proxy/http1_line.h"

struct http1_decoder {
  struct head *head;
  struct http1_fault fault;
  bool is_response;
  bool head_done;      // reported
  bool no_body;        // responses to HEAD, 1xx, 204, 304: whatever their fields say
  char *start;         // first byte of the head, NULL before it
  char *line;          // first byte of the line being read
  size_t head_len;     // bytes of the head so far
  unsigned dropped;    // fields that the rules leave out
  struct str absolute; // the authority of an absolute target
  struct http1_frame frame;
  const struct http1_rules *rules;
};

// rules: of requests, must outlive the decoder; NULL for the default.
void http1_decoder_init(struct http1_decoder *decoder, bool is_response,
                        const struct http1_rules *rules);
void http1_decoder_dispose(struct http1_decoder *decoder);
// Begins the next message; *head is filled by it. no_body: a response to HEAD.
void http1_decoder_start(struct http1_decoder *decoder, struct head *head, bool no_body);
// Behind HTTP1_END: the trailers that may be passed on, NULL for none; valid until the next start.
const struct head_trailers *http1_decoder_trailers(const struct http1_decoder *decoder);
// Whether any byte of the present message was read.
bool http1_decoder_is_started(const struct http1_decoder *decoder);
// Reads up to the next event; *ret_used says how many bytes it took. Until HTTP1_HEAD was returned
// the bytes of earlier calls must stay where they are and `data` must follow directly on them: the
// head's views point there, and names are lowered in place.
enum http1_event http1_decode(struct http1_decoder *decoder, char *data, size_t len,
                              size_t *ret_used, struct str *ret_piece);
// The peer ended the connection: HTTP1_END when that completes the message, else HTTP1_FAULT.
enum http1_event http1_decode_eof(struct http1_decoder *decoder);
