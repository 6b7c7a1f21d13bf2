// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct str text, struct arena *arena, struct str *ret_bytes) {
  char *out = arena_alloc(arena, text.len / 4 * 3 + 4);
  size_t len = 0, digits = 0, padding = 0;
  uint32_t group = 0;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
      continue;
    if (c == '=') {
      if (++padding > 2)
        return false;
      continue;
    }
    int value = value_of(c);
    if (value < 0 || padding)
      return false;
    group = group << 6 | (uint32_t)value;
    if (++digits % 4 == 0) {
      out[len++] = (char)(group >> 16);
      out[len++] = (char)(group >> 8);
      out[len++] = (char)group;
      group = 0;
    }
  }
  size_t rest = digits % 4;
  if (rest == 1 || (padding && (rest + padding) % 4 != 0))
    return false;
  if (rest == 2) {
    out[len++] = (char)(group >> 4);
  } else if (rest == 3) {
    out[len++] = (char)(group >> 10);
    out[len++] = (char)(group >> 2);
  }
  out[len] = '\0';
  *ret_bytes = (struct str){out, len};
  return true;
}

struct str base64_encode(struct arena *arena, struct str bytes) {
  char *out = arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1);
  size_t len = 0;
  for (size_t i = 0; i < bytes.len; i += 3) {
    uint32_t group = 0;
    size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
    for (size_t k = 0; k < 3; k++)
      group = group << 8 | (k < have ? (unsigned char)bytes.ptr[i + k] : 0u);
    for (size_t k = 0; k < 4; k++)
      out[len++] = k <= have ? alphabet[group >> (18 - 6 * k) & 63] : '=';
  }
  return (struct str){out, len};
}
