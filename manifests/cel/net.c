// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/net.h"

#include <arpa/inet.h>
#include <string.h>

bool cel_parse_ip(struct str text, struct cel_address *ret_address, const char **ret_why) {
  static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
  char copy[64];
  *ret_why = "unable to parse IP";
  *ret_address = (struct cel_address){0};
  if (str_find_char(text, '%') >= 0)
    *ret_why = "IP address with zone value is not allowed";
  if (text.len >= sizeof copy || memchr(text.ptr ? text.ptr : "", '\0', text.len) ||
      str_find_char(text, '%') >= 0)
    return false;
  memcpy(copy, text.ptr ? text.ptr : "", text.len);
  copy[text.len] = '\0';
  if (inet_pton(AF_INET, copy, ret_address->bytes) == 1) {
    ret_address->size = 4;
    ret_address->bits = 32;
    return true;
  }
  if (inet_pton(AF_INET6, copy, ret_address->bytes) != 1)
    return false;
  ret_address->size = 16;
  ret_address->bits = 128;
  *ret_why = "IPv4-mapped IPv6 address is not allowed";
  return memcmp(ret_address->bytes, mapped, sizeof mapped) != 0;
}

bool cel_parse_cidr(struct str text, struct cel_address *ret_address, const char **ret_why) {
  ptrdiff_t slash = str_find_char(text, '/');
  uint64_t bits;
  *ret_why = "no '/'";
  if (slash < 0 || !cel_parse_ip(str_slice(text, 0, (size_t)slash), ret_address, ret_why))
    return false;
  struct str length = str_slice(text, (size_t)slash + 1, text.len);
  *ret_why = "bad bits after slash";
  if ((length.len > 1 && length.ptr[0] == '0') || !str_to_u64(length, &bits) ||
      bits > ret_address->bits)
    return false;
  ret_address->bits = (unsigned char)bits;
  return true;
}

static void write_ipv6(struct buf *out, const unsigned char *bytes) {
  int best = -1, best_len = 1, from = -1;
  unsigned groups[8];
  for (int i = 0; i < 8; i++)
    groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
  for (int i = 0; i < 8; i++) { // the first longest row of zeros becomes "::"
    from = groups[i] ? -1 : from < 0 ? i : from;
    if (from >= 0 && i - from + 1 > best_len) {
      best = from;
      best_len = i - from + 1;
    }
  }
  for (int i = 0; i < 8; i++) {
    if (i == best) {
      buf_add_z(out, "::");
      i += best_len - 1;
      continue;
    }
    if (i > 0 && (best < 0 || i != best + best_len))
      buf_add_char(out, ':');
    buf_addf(out, "%x", groups[i]);
  }
}

void cel_write_address(struct buf *out, struct cel_value value) {
  const struct cel_address *address = value.address;
  if (address->size == 4)
    buf_addf(out, "%u.%u.%u.%u", address->bytes[0], address->bytes[1], address->bytes[2],
             address->bytes[3]);
  else
    write_ipv6(out, address->bytes);
  if (value.kind == CEL_CIDR)
    buf_addf(out, "/%u", address->bits);
}
