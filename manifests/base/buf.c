// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/buf.h"
#include "manifests/base/alloc.h"
#include "manifests/base/rc.h"

#include <stdio.h>
#include <string.h>

void buf_init(struct buf *buf, size_t max) {
  *buf = (struct buf){.max = max};
}

void buf_dispose(struct buf *buf) {
  xfree(buf->ptr);
  *buf = (struct buf){.max = buf->max};
}

void buf_reset(struct buf *buf) {
  buf->len = 0;
  buf->failed = false;
}

char *buf_reserve(struct buf *buf, size_t len) {
  if (buf->failed || len > buf->max || buf->len > buf->max - len) {
    buf->failed = true;
    return NULL;
  }
  size_t need = buf->len + len + 1; // one more for the NUL of buf_z
  if (need > buf->cap) {
    size_t cap = buf->cap ? buf->cap * 2 : 256;
    if (cap < need)
      cap = need;
    if (cap > buf->max + 1)
      cap = buf->max + 1;
    buf->ptr = xrealloc(buf->ptr, cap);
    buf->cap = cap;
  }
  return buf->ptr + buf->len;
}

int buf_add(struct buf *buf, const void *ptr, size_t len) {
  char *to = buf_reserve(buf, len);
  if (!to)
    return RC_LIMIT;
  if (len)
    memcpy(to, ptr, len);
  buf->len += len;
  return RC_OK;
}

int buf_add_str(struct buf *buf, struct str s) {
  return buf_add(buf, s.ptr, s.len);
}

int buf_add_z(struct buf *buf, const char *z) {
  return buf_add(buf, z, strlen(z));
}

int buf_add_char(struct buf *buf, char c) {
  return buf_add(buf, &c, 1);
}

int buf_addv(struct buf *buf, const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, args);
  char *to = len < 0 ? NULL : buf_reserve(buf, (size_t)len);
  if (to) {
    vsnprintf(to, (size_t)len + 1, format, again);
    buf->len += (size_t)len;
  }
  va_end(again);
  return to ? RC_OK : RC_LIMIT;
}

int buf_addf(struct buf *buf, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int rc = buf_addv(buf, format, args);
  va_end(args);
  return rc;
}

void buf_consume(struct buf *buf, size_t len) {
  if (len >= buf->len) {
    buf->len = 0;
    return;
  }
  memmove(buf->ptr, buf->ptr + len, buf->len - len);
  buf->len -= len;
}

struct str buf_str(const struct buf *buf) {
  return (struct str){buf->ptr ? buf->ptr : "", buf->len};
}

const char *buf_z(struct buf *buf) {
  if (!buf->ptr)
    return "";
  buf->ptr[buf->len] = '\0';
  return buf->ptr;
}

int buf_add_visible(struct buf *buf, struct str text, bool lines) {
  int rc = RC_OK;
  for (size_t i = 0; i < text.len && rc == RC_OK; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    // U+0080 to U+009F, in UTF-8: 0x9b is what ESC [ is in seven bits.
    bool c1 = c == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xa0;
    i += c1;
    if (c1 || c == 0x7f || (c < 0x20 && !(lines && c == '\n')))
      rc = buf_add_char(buf, ' ');
    else
      rc = buf_add_char(buf, (char)c);
  }
  return rc;
}
