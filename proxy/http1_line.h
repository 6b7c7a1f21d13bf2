// SPDX-License-Identifier: Apache-2.0
// The lines of an HTTP/1 head, each read on its own and as strictly as RFC 9112 writes them: a line
// ends in CRLF, no field is folded, no space stands before a colon, no control byte anywhere but
// the tab in a value. What two readers could understand differently is a fault here. Pure.
#pragma once

#include "proxy/head.h"
#include "proxy/head_path.h"

enum http1_underscores {
  HTTP1_UNDERSCORES_ALLOW,
  HTTP1_UNDERSCORES_REJECT,
  HTTP1_UNDERSCORES_DROP
};

// How requests are read; all zero is Envoy's and Istio's default.
struct http1_rules {
  enum head_path_mode path;
  enum http1_underscores underscores; // in header names: some backends take them for dashes
  uint64_t body_max;                  // 0: no limit
};

struct http1_fault {
  int status;         // what a client is answered: 400, 413, 431, 501, 505; 0: no fault
  struct str details; // response code details, static
};

#define HTTP1_OK ((struct http1_fault){0, {NULL, 0}})
#define HTTP1_BAD ((struct http1_fault){400, STR("http1.codec_error")})

// All take a line without its LF; the CR must be the last of `len` bytes. Views point into it.
// Fills method, path, query and minor; an authority in the target goes to *ret_absolute. The path
// is normalised in place.
struct http1_fault http1_line_request(char *line, size_t len, enum head_path_mode mode,
                                      struct head *head, struct str *ret_absolute);
// Fills status and minor.
struct http1_fault http1_line_status(const char *line, size_t len, struct head *head);
// Lowers the name in place; the value is without spaces around it.
bool http1_line_field(char *line, size_t len, struct str *ret_name, struct str *ret_value);
// Whether a head's first line may begin so; `len` > 0.
bool http1_line_may_begin(const char *line, size_t len, bool is_response);
// Whether bytes that came without the end of their line may stand in one.
bool http1_line_may_hold(const char *bytes, size_t len);
