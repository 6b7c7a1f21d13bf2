// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void format_into(char *to, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void format_into(char *to, size_t size, const char *format, va_list args) {
  int len = vsnprintf(to, size, format, args);
  if (len >= (int)size)
    memcpy(to + size - 4, "...", 4);
}

int err_set(struct err *err, int rc, const char *format, ...) {
  if (!err)
    return rc;
  err->rc = rc;
  va_list args;
  va_start(args, format);
  format_into(err->msg, sizeof err->msg, format, args);
  va_end(args);
  return rc;
}

static void put_before(struct err *err, const char *phrase) {
  char rest[sizeof err->msg];
  memcpy(rest, err->msg, sizeof rest);
  int len = snprintf(err->msg, sizeof err->msg, "%s: %.*s", phrase, (int)sizeof rest - 1, rest);
  if (len >= (int)sizeof err->msg)
    memcpy(err->msg + sizeof err->msg - 4, "...", 4);
}

int err_wrap(struct err *err, int rc, const char *format, ...) {
  if (!err)
    return rc;
  char phrase[256];
  va_list args;
  va_start(args, format);
  format_into(phrase, sizeof phrase, format, args);
  va_end(args);
  put_before(err, phrase);
  err->rc = rc;
  return rc;
}

int err_errno(struct err *err, const char *format, ...) {
  int number = errno;
  int rc = number == ENOENT                      ? RC_NOT_FOUND
           : number == EACCES || number == EPERM ? RC_DENIED
                                                 : RC_IO;
  if (!err)
    return rc;
  char phrase[512];
  va_list args;
  va_start(args, format);
  format_into(phrase, sizeof phrase, format, args);
  va_end(args);
  return err_set(err, rc, "%s: %s", phrase, strerror(number));
}
