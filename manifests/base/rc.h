// SPDX-License-Identifier: Apache-2.0
// The one list of result codes. A function that can fail returns 0 or a negative code of this list
// and fills a struct err (err.h). Used by every room; knows nothing.
#pragma once

// XX(name, value, default text, HTTP status of the same meaning, worth retrying)
#define RC_MAP(XX)                                                                                 \
  XX(INVALID, -1, "invalid input", 422, 0)                                                         \
  XX(PARSE, -2, "cannot be parsed", 400, 0)                                                        \
  XX(NOT_FOUND, -3, "not found", 404, 0)                                                           \
  XX(EXISTS, -4, "already exists", 409, 0)                                                         \
  XX(CONFLICT, -5, "changed by somebody else", 409, 1)                                             \
  XX(LIMIT, -6, "over a limit", 413, 0)                                                            \
  XX(TIMEOUT, -7, "timed out", 504, 1)                                                             \
  XX(CANCELED, -8, "canceled", 499, 0)                                                             \
  XX(UNAVAILABLE, -9, "unavailable", 503, 1)                                                       \
  XX(DENIED, -10, "not allowed", 403, 0)                                                           \
  XX(UNAUTHORIZED, -11, "not authenticated", 401, 0)                                               \
  XX(UNSUPPORTED, -12, "not supported", 501, 0)                                                    \
  XX(EXPIRED, -13, "too old", 410, 1)                                                              \
  XX(IO, -14, "input/output error", 500, 1)                                                        \
  XX(INTERNAL, -15, "internal error", 500, 0)                                                      \
  XX(USAGE, -16, "wrong usage", 400, 0)                                                            \
  XX(TOO_MANY, -17, "too many requests", 429, 1)

enum rc {
  RC_OK = 0,
#define XX(name, value, text, http, retry) RC_##name = value,
  RC_MAP(XX)
#undef XX
};

// The code's own name ("NOT_FOUND"), never NULL.
const char *rc_name(int rc);
// A short text for people, never NULL.
const char *rc_text(int rc);
// The HTTP status of the same meaning; 200 for RC_OK, 500 for an unknown code.
int rc_http_status(int rc);
// The code an HTTP status stands for; RC_OK for 2xx and 3xx.
int rc_from_http(int status);
// Whether the same call may succeed later without anybody changing anything.
int rc_is_retryable(int rc);
