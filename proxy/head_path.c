// SPDX-License-Identifier: Apache-2.0
#include "proxy/head_path.h"

#include <string.h>

static int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

static bool is_unreserved(int c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// Decodes what may be decoded and turns backslashes; returns the new length or -1.
static ptrdiff_t decode(char *path, size_t len) {
  size_t out = 0;
  for (size_t i = 0; i < len; i++) {
    if (path[i] == '\\') {
      path[out++] = '/';
    } else if (path[i] != '%') {
      path[out++] = path[i];
    } else {
      int high = i + 2 < len ? hex_value(path[i + 1]) : -1;
      int low = i + 2 < len ? hex_value(path[i + 2]) : -1;
      if (i + 2 >= len || high < 0 || low < 0 || high * 16 + low == 0)
        return -1;
      if (is_unreserved(high * 16 + low)) {
        path[out++] = (char)(high * 16 + low);
        i += 2;
      } else {
        path[out++] = path[i];
      }
    }
  }
  return (ptrdiff_t)out;
}

// RFC 3986 5.2.4 for a path that starts with '/'.
static size_t remove_dot_segments(char *path, size_t len) {
  size_t out = 0;
  for (size_t i = 0; i < len;) {
    size_t end = i + 1; // path[i] is '/'
    while (end < len && path[end] != '/')
      end++;
    size_t segment = end - i - 1;
    bool last = end == len;
    if (segment == 1 && path[i + 1] == '.') {
      if (last)
        path[out++] = '/';
    } else if (segment == 2 && path[i + 1] == '.' && path[i + 2] == '.') {
      while (out > 0 && path[--out] != '/')
        ;
      if (last)
        path[out++] = '/';
    } else {
      memmove(path + out, path + i, end - i);
      out += end - i;
    }
    i = end;
  }
  return out;
}

// Most paths are canonical already: nothing to decode, no segment that starts with a dot.
static bool needs_work(const char *path, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (path[i] == '%' || path[i] == '\\' || (path[i] == '.' && i > 0 && path[i - 1] == '/'))
      return true;
  }
  return false;
}

bool head_path_normalize(char *path, size_t *len) {
  char *fragment = memchr(path, '#', *len);
  if (fragment)
    *len = (size_t)(fragment - path);
  char *query = memchr(path, '?', *len);
  size_t path_len = query ? (size_t)(query - path) : *len;
  if (!needs_work(path, path_len))
    return true;
  ptrdiff_t decoded = decode(path, path_len);
  if (decoded < 0)
    return false;
  size_t out = remove_dot_segments(path, (size_t)decoded);
  if (query)
    memmove(path + out, query, *len - path_len);
  *len = out + (*len - path_len);
  return true;
}
