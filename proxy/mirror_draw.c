// SPDX-License-Identifier: Apache-2.0
// Which requests are copied, and for which host the copies ask.
#include "proxy/mirror.h"
#include "proxy/table_filters.h"

#include <string.h>

uint32_t mirror_draw(struct str id) {
  uint32_t number = 0;
  for (size_t i = 0; i < 8 && i < id.len; i++) {
    char c = id.ptr[i];
    unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                            : 16;
    if (digit == 16)
      return (uint32_t)(str_hash(id) % TABLE_SHARE_ALL); // no UUID: whatever it is
    number = number << 4 | digit;
  }
  return number % TABLE_SHARE_ALL;
}

struct str mirror_shadow_host(struct str authority, char *out, size_t room) {
  size_t end = authority.len;
  for (size_t i = authority.len; i > 0 && authority.ptr[i - 1] != ']'; i--) {
    if (authority.ptr[i - 1] == ':')
      end = i - 1;
  }
  static const struct str suffix = STR("-shadow");
  if (authority.len + suffix.len > room)
    return STR("");
  memcpy(out, authority.ptr, end);
  memcpy(out + end, suffix.ptr, suffix.len);
  memcpy(out + end + suffix.len, authority.ptr + end, authority.len - end);
  return (struct str){out, authority.len + suffix.len};
}
