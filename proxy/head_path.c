// SPDX-License-Identifier: Apache-2.0
#include "proxy/head_path.h"

#include "manifests/base/bug.h"

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
static ptrdiff_t decode(char *path, size_t len, bool slashes) {
  size_t out = 0;
  for (size_t i = 0; i < len; i++) {
    if (path[i] == '\\') {
      path[out++] = '/';
    } else if (path[i] != '%') {
      path[out++] = path[i];
    } else {
      int high = i + 2 < len ? hex_value(path[i + 1]) : -1;
      int low = i + 2 < len ? hex_value(path[i + 2]) : -1;
      if (i + 2 >= len || high < 0 || low < 0 || (high == 0 && low == 0))
        return -1;
      int byte = high * 16 + low;
      if (is_unreserved(byte)) {
        path[out++] = (char)byte;
        i += 2;
      } else if (slashes && (byte == '/' || byte == '\\')) {
        path[out++] = '/';
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

static size_t merge_slashes(char *path, size_t len) {
  size_t out = 0;
  for (size_t i = 0; i < len; i++) {
    if (path[i] != '/' || out == 0 || path[out - 1] != '/')
      path[out++] = path[i];
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

bool head_path_normalize(char *path, size_t *len, enum head_path_mode mode) {
  char *fragment = memchr(path, '#', *len);
  if (fragment)
    *len = (size_t)(fragment - path);
  if (mode == HEAD_PATH_NONE)
    return true;
  char *query = memchr(path, '?', *len);
  size_t path_len = query ? (size_t)(query - path) : *len, out = path_len;
  if (needs_work(path, path_len)) {
    ptrdiff_t decoded = decode(path, path_len, mode == HEAD_PATH_DECODE_SLASHES);
    if (decoded < 0)
      return false;
    out = remove_dot_segments(path, (size_t)decoded);
  }
  if (mode != HEAD_PATH_BASE)
    out = merge_slashes(path, out);
  if (query && out != path_len)
    memmove(path + out, query, *len - path_len);
  *len = out + (*len - path_len);
  return true;
}

bool head_path_mode_parse(struct str text, enum head_path_mode *ret_mode) {
  static const struct {
    struct str text;
    enum head_path_mode mode;
  } names[] = {
      {STR("base"), HEAD_PATH_BASE},
      {STR("none"), HEAD_PATH_NONE},
      {STR("merge-slashes"), HEAD_PATH_MERGE_SLASHES},
      {STR("merge_slashes"), HEAD_PATH_MERGE_SLASHES},
      {STR("decode-and-merge-slashes"), HEAD_PATH_DECODE_SLASHES},
      {STR("decode_and_merge_slashes"), HEAD_PATH_DECODE_SLASHES},
  };
  for (size_t i = 0; i < ARRAY_LEN(names); i++) {
    if (str_eq_nocase(text, names[i].text)) {
      *ret_mode = names[i].mode;
      return true;
    }
  }
  return false;
}
