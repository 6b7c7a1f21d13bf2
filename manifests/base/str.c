// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct str str_of(const char *z) {
  return z ? (struct str){z, strlen(z)} : (struct str){"", 0};
}

bool str_is_empty(struct str s) {
  return s.len == 0;
}

bool str_eq(struct str a, struct str b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_eq_z(struct str a, const char *z) {
  return str_eq(a, str_of(z));
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool str_eq_nocase(struct str a, struct str b) {
  if (a.len != b.len)
    return false;
  for (size_t i = 0; i < a.len; i++)
    if (lower(a.ptr[i]) != lower(b.ptr[i]))
      return false;
  return true;
}

bool str_starts(struct str s, struct str prefix) {
  return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool str_ends(struct str s, struct str suffix) {
  return s.len >= suffix.len &&
         (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

bool str_contains(struct str s, struct str part) {
  return part.len == 0 || (s.len >= part.len && memmem(s.ptr, s.len, part.ptr, part.len) != NULL);
}

int str_cmp(struct str a, struct str b) {
  size_t n = a.len < b.len ? a.len : b.len;
  int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
  return order ? order : (a.len > b.len) - (a.len < b.len);
}

ptrdiff_t str_find_char(struct str s, char c) {
  const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
  return at ? at - s.ptr : -1;
}

struct str str_slice(struct str s, size_t from, size_t to) {
  if (to > s.len)
    to = s.len;
  if (from > to)
    from = to;
  return (struct str){s.ptr ? s.ptr + from : NULL, to - from};
}

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s) {
  while (s.len && is_space(s.ptr[0])) {
    s.ptr++;
    s.len--;
  }
  while (s.len && is_space(s.ptr[s.len - 1]))
    s.len--;
  return s;
}

bool str_next(struct str *rest, char separator, struct str *ret_part) {
  if (!rest->ptr)
    return false;
  ptrdiff_t at = str_find_char(*rest, separator);
  if (at < 0) {
    *ret_part = *rest;
    *rest = STR_NULL;
  } else {
    *ret_part = str_slice(*rest, 0, (size_t)at);
    *rest = str_slice(*rest, (size_t)at + 1, rest->len);
  }
  return true;
}

bool str_to_u64(struct str s, uint64_t *ret_value) {
  if (s.len == 0 || s.len > 20)
    return false;
  uint64_t value = 0;
  for (size_t i = 0; i < s.len; i++) {
    if (s.ptr[i] < '0' || s.ptr[i] > '9')
      return false;
    if (__builtin_mul_overflow(value, 10u, &value) ||
        __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
      return false;
  }
  *ret_value = value;
  return true;
}

bool str_to_i64(struct str s, int64_t *ret_value) {
  bool negative = s.len && s.ptr[0] == '-';
  uint64_t value;
  if (!str_to_u64(negative ? str_slice(s, 1, s.len) : s, &value))
    return false;
  if (value > (uint64_t)INT64_MAX + (negative ? 1u : 0u))
    return false;
  *ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
  return true;
}

// Eight digits at once: the nibbles are spread over the bytes of a word, then each is made a digit.
static void put_hex_half(char *out, uint32_t value) {
  uint64_t x = value;
  x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
  x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
  x = (x | x << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
  uint64_t letters = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
  x += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
  x = __builtin_bswap64(x); // the highest digit comes first
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  x = __builtin_bswap64(x);
#endif
  memcpy(out, &x, sizeof x);
}

void str_put_hex(char out[16], uint64_t value) {
  put_hex_half(out, (uint32_t)(value >> 32));
  put_hex_half(out + 8, (uint32_t)value);
}

bool str_to_double(struct str s, double *ret_value) {
  char text[64];
  if (s.len == 0 || s.len >= sizeof text)
    return false;
  for (size_t i = 0; i < s.len; i++)
    if (!strchr("0123456789+-.eE", s.ptr[i]))
      return false;
  memcpy(text, s.ptr, s.len);
  text[s.len] = '\0';
  char *end;
  errno = 0;
  double value = strtod(text, &end);
  if (end != text + s.len || !isfinite(value))
    return false;
  *ret_value = value;
  return true;
}

uint64_t str_hash(struct str s) {
  return XXH64(s.ptr ? s.ptr : "", s.len, 0);
}

size_t str_distance(struct str a, struct str b, size_t limit) {
  size_t row[65];
  if (a.len > 64 || b.len > 64)
    return limit;
  for (size_t j = 0; j <= b.len; j++)
    row[j] = j;
  for (size_t i = 1; i <= a.len; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.len; j++) {
      size_t change = diagonal + (lower(a.ptr[i - 1]) != lower(b.ptr[j - 1]));
      size_t gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
      diagonal = row[j];
      row[j] = change < gap ? change : gap;
    }
  }
  return row[b.len] < limit ? row[b.len] : limit;
}
