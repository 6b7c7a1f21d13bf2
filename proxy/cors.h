// SPDX-License-Identifier: Apache-2.0
// Cross-origin requests of browsers, as Envoy's CORS filter treats them (docs/dataplane.md 1.13):
// preflights are answered here, other requests go on and their answers say who may read them. A
// request is never refused: that is the browser's part. Pure.
#pragma once

#include "proxy/head.h"
#include "proxy/table_filters.h"

enum cors_kind {
  CORS_NONE,              // no Origin: nothing to do
  CORS_OTHER,             // an origin that is not allowed: forwarded, nothing is added
  CORS_ALLOWED,           // forwarded; the answer gets its headers
  CORS_PREFLIGHT,         // answered here
  CORS_PREFLIGHT_IGNORED, // answered here, without allow-origin
};

// Views into the request's head as it came.
struct cors_request {
  struct str origin, asked_method, asked_headers;
};

// Takes from the head what the answer will need. A pattern that needs too many steps does not
// match.
enum cors_kind cors_check(const struct table_cors *cors, struct head *request,
                          struct regex_worker *worker, struct cors_request *ret_request);
// Whether it is answered here, with 200 and no body.
bool cors_is_answered(enum cors_kind kind);
// The headers of the answer, which replace any of the backend's.
void cors_respond(const struct table_cors *cors, enum cors_kind kind,
                  const struct cors_request *request, struct head *response);
