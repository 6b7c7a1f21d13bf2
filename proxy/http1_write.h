// SPDX-License-Identifier: Apache-2.0
// Heads -> HTTP/1 bytes. A head is always written anew from its parsed form: hop-by-hop fields are
// left out here, the framing is ours, names are lower case. Used by connections and upstream. Pure.
#pragma once

#include "proxy/head_trailers.h"

// Room for any head within our limits, with a rewritten path beside the one that came and headers
// added.
#define HTTP1_HEAD_ROOM (2u * HEAD_BYTES_MAX + 64u * 1024)
#define HTTP1_CHUNK_ROOM 20u // "ffffffffffffffff\r\n" and some

enum http1_framing {
  HTTP1_NO_BODY,  // and no header that speaks of one
  HTTP1_LENGTH,   // Content-Length: head->length
  HTTP1_CHUNKED,  // Transfer-Encoding: chunked
  HTTP1_UNTIL_EOF // responses to HTTP/1.0 clients: the close ends the body
};

struct http1_write_options {
  enum http1_framing framing;
  bool close;                 // write "connection: close"
  bool keep;                  // write "connection: keep-alive", for HTTP/1.0 clients
  bool upgrade;               // pass the Upgrade header and "connection: upgrade"
  struct str path, authority; // requests: instead of the head's own; STR_NULL for those
};

// Each writes the whole head into out[0..room) and returns its length; 0 when it does not fit.
size_t http1_write_request(char *out, size_t room, const struct head *head,
                           const struct http1_write_options *options);
size_t http1_write_response(char *out, size_t room, const struct head *head,
                            const struct http1_write_options *options);
// The line before a chunk of `size` bytes, at least 1; out has HTTP1_CHUNK_ROOM. What goes behind
// the chunk is http1_chunk_end, behind the last one http1_last_chunk.
size_t http1_write_chunk_line(char *out, size_t size);
extern const struct str http1_chunk_end, http1_last_chunk;
// The last chunk with trailers behind it; 0 when it does not fit (HTTP1_TRAILERS_ROOM is enough).
#define HTTP1_TRAILERS_ROOM (HEAD_TRAILERS_BYTES + 8 * HEAD_TRAILERS_MAX)
size_t http1_write_trailers(char *out, size_t room, const struct head_trailers *trailers);
// "100 Continue" and the like, complete. STR_NULL for a status that is no interim one.
struct str http1_continue(void);
const char *http1_reason(int status);
