// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/rc.h"

#include <stddef.h>

static const struct {
  int rc;
  const char *name;
  const char *text;
  int http;
  int retry;
} rows[] = {
#define XX(name, value, text, http, retry) {value, #name, text, http, retry},
    RC_MAP(XX)
#undef XX
};

static ptrdiff_t row_of(int rc) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (rows[i].rc == rc)
      return (ptrdiff_t)i;
  return -1;
}

const char *rc_name(int rc) {
  ptrdiff_t i = row_of(rc);
  return rc == RC_OK ? "OK" : i < 0 ? "UNKNOWN" : rows[i].name;
}

const char *rc_text(int rc) {
  ptrdiff_t i = row_of(rc);
  return rc == RC_OK ? "ok" : i < 0 ? "unknown error" : rows[i].text;
}

int rc_http_status(int rc) {
  ptrdiff_t i = row_of(rc);
  return rc == RC_OK ? 200 : i < 0 ? 500 : rows[i].http;
}

int rc_from_http(int status) {
  if (status >= 200 && status < 400)
    return RC_OK;
  if (status == 409)
    return RC_CONFLICT;
  if (status == 500 || status == 502)
    return RC_UNAVAILABLE;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (rows[i].http == status)
      return rows[i].rc;
  return status >= 500 ? RC_UNAVAILABLE : RC_INVALID;
}

int rc_is_retryable(int rc) {
  ptrdiff_t i = row_of(rc);
  return i >= 0 && rows[i].retry;
}
