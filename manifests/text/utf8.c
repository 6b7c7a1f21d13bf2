// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/utf8.h"

// Length of the sequence at s[0..left), 0 when invalid.
static size_t sequence(const unsigned char *s, size_t left) {
  if (s[0] < 0x80)
    return 1;
  size_t len = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
               : (s[0] & 0xf0) == 0xe0        ? 3
               : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                              : 0;
  if (len == 0 || len > left)
    return 0;
  for (size_t i = 1; i < len; i++)
    if ((s[i] & 0xc0) != 0x80)
      return 0;
  bool bad = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
             (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f);
  return bad ? 0 : len;
}

bool utf8_valid(struct str text, size_t *ret_at) {
  const unsigned char *s = (const unsigned char *)text.ptr;
  for (size_t i = 0; i < text.len;) {
    size_t len = sequence(s + i, text.len - i);
    if (len == 0) {
      *ret_at = i;
      return false;
    }
    i += len;
  }
  return true;
}
