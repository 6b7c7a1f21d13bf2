// SPDX-License-Identifier: Apache-2.0
// A growable byte buffer with a maximum size. A failed append leaves `failed` set and later appends
// do nothing, so a writer may append many times and check once.
#pragma once

#include "manifests/base/str.h"

#include <stdarg.h>

struct buf {
  char *ptr;
  size_t len, cap, max;
  bool failed;
};

void buf_init(struct buf *buf, size_t max); // no allocation yet; max in bytes
void buf_dispose(struct buf *buf);
void buf_reset(struct buf *buf); // empty, storage kept, `failed` cleared
// Each returns 0 or RC_LIMIT.
int buf_add(struct buf *buf, const void *ptr, size_t len);
int buf_add_str(struct buf *buf, struct str s);
// The text as a terminal may be given it: a space for each control character (C0, DEL, C1), which
// would move the cursor or worse. `lines`: newlines stay.
int buf_add_visible(struct buf *buf, struct str text, bool lines);
int buf_add_z(struct buf *buf, const char *z);
int buf_add_char(struct buf *buf, char c);
int buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_addv(struct buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
// Makes room for `len` more bytes and returns where they go, or NULL when that is over the maximum.
char *buf_reserve(struct buf *buf, size_t len);
// Drops `len` bytes from the front.
void buf_consume(struct buf *buf, size_t len);
// The content; valid until the next change.
struct str buf_str(const struct buf *buf);
// The content as a C string; valid until the next change.
const char *buf_z(struct buf *buf);
