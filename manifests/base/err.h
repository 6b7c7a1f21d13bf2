// SPDX-License-Identifier: Apache-2.0
// What went wrong, in words for a person, filled where the fault is known. The code is also the
// return value; callers add one phrase with err_wrap and pass the code on. Library rooms never log.
#pragma once

#include "manifests/base/rc.h"

#include <stddef.h>

struct err {
  int rc;
  char msg[1024]; // cut with "..." when longer
};

// Fills *err (may be NULL) and returns rc.
int err_set(struct err *err, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));
// Puts "phrase: " before the message and returns err's code.
int err_wrap(struct err *err, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// err_set for a failed system call: ": " and strerror(errno) are added. Code RC_IO, or RC_NOT_FOUND
// on ENOENT, RC_DENIED on EACCES and EPERM.
int err_errno(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
