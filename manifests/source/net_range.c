// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/net_range.h"
#include "manifests/base/bug.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

struct address {
  int family; // 0: neither IPv4 nor IPv6
  unsigned char bytes[16];
};

static bool starts_with(const unsigned char *bytes, const unsigned char *prefix, unsigned bits) {
  unsigned whole = bits / 8, rest = bits % 8;
  if (memcmp(bytes, prefix, whole) != 0)
    return false;
  return rest == 0 || ((bytes[whole] ^ prefix[whole]) >> (8 - rest)) == 0;
}

static bool parse_address(struct str text, struct address *ret) {
  char copy[INET6_ADDRSTRLEN];
  if (text.len >= sizeof copy || text.len == 0)
    return false;
  memcpy(copy, text.ptr, text.len);
  copy[text.len] = '\0';
  *ret = (struct address){0};
  ret->family = str_find_char(text, ':') >= 0 ? AF_INET6 : AF_INET;
  return strlen(copy) == text.len && inet_pton(ret->family, copy, ret->bytes) == 1;
}

bool net_range_parse(struct str text, struct net_range *ret) {
  struct address address;
  uint64_t bits;
  ptrdiff_t slash = str_find_char(text, '/');
  if (slash < 0)
    return false;
  struct str length = str_slice(text, (size_t)slash + 1, text.len);
  if (!str_to_u64(length, &bits) || (length.len > 1 && length.ptr[0] == '0') ||
      !parse_address(str_slice(text, 0, (size_t)slash), &address) ||
      bits > (address.family == AF_INET ? 32 : 128))
    return false;
  *ret = (struct net_range){.family = address.family, .bits = (unsigned)bits};
  memcpy(ret->address, address.bytes, sizeof address.bytes);
  return true;
}

bool net_address_parse(struct str text, struct sockaddr_storage *ret) {
  struct address address;
  if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
    text = str_slice(text, 1, text.len - 1);
  ptrdiff_t zone = str_find_char(text, '%'); // fe80::1%eth0
  if (zone >= 0)
    text = str_slice(text, 0, (size_t)zone);
  if (!parse_address(text, &address))
    return false;
  memset(ret, 0, sizeof *ret);
  ret->ss_family = (sa_family_t)address.family;
  if (address.family == AF_INET)
    memcpy(&((struct sockaddr_in *)ret)->sin_addr, address.bytes, 4);
  else
    memcpy(&((struct sockaddr_in6 *)ret)->sin6_addr, address.bytes, 16);
  return true;
}

// The address as it is looked at: what an IPv6 one merely wraps comes out.
static struct address address_of(const struct sockaddr *from) {
  static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
  struct address address = {0};
  if (from->sa_family == AF_INET) {
    address.family = AF_INET;
    memcpy(address.bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
  } else if (from->sa_family == AF_INET6) {
    unsigned char bytes[16];
    memcpy(bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, sizeof bytes);
    bool wraps = starts_with(bytes, mapped, 96) || starts_with(bytes, nat64, 96);
    address.family = wraps ? AF_INET : AF_INET6;
    memcpy(address.bytes, bytes + (wraps ? 12 : 0), wraps ? 4 : 16);
  }
  return address;
}

bool net_range_has(const struct net_range *range, const struct sockaddr *from) {
  struct address address = address_of(from);
  return address.family == range->family && starts_with(address.bytes, range->address, range->bits);
}

struct row {
  unsigned char bytes[4];
  unsigned bits;
};

static bool is_in(const unsigned char *bytes, const struct row *rows, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (starts_with(bytes, rows[i].bytes, rows[i].bits))
      return true;
  return false;
}

bool net_is_public(const struct sockaddr *from) {
  static const struct row not_v4[] = {
      {{0}, 8},                 // this network
      {{10}, 8},                // private
      {{100, 64}, 10},          // shared: pods of some clusters, metadata of some clouds
      {{127}, 8},               // this machine
      {{168, 63, 129, 16}, 32}, // the virtual public address of Azure's host
      {{169, 254}, 16},         // the link: metadata of most clouds
      {{172, 16}, 12},          // private
      {{192, 0, 0}, 24},        // protocols; metadata of a cloud
      {{192, 0, 2}, 24},        // documentation
      {{192, 88, 99}, 24},      // 6to4 relays
      {{192, 168}, 16},         // private
      {{198, 18}, 15},          // benchmarks
      {{198, 51, 100}, 24},     // documentation
      {{203, 0, 113}, 24},      // documentation
      {{224}, 3},               // multicast, reserved, broadcast
  };
  // Of 2000::/3, the only part that is given out; unique local (fc00::/7) and link-local addresses,
  // the metadata ones among them, are outside of it.
  static const unsigned char global[1] = {0x20};
  static const struct row not_v6[] = {
      {{0x20, 0x01, 0, 0}, 23},       // protocols, Teredo
      {{0x20, 0x01, 0x0d, 0xb8}, 32}, // documentation
      {{0x20, 0x02}, 16},             // 6to4
      {{0x3f, 0xff, 0x00}, 20},       // documentation
  };
  struct address address = address_of(from);
  if (address.family == AF_INET)
    return !is_in(address.bytes, not_v4, ARRAY_LEN(not_v4));
  return address.family == AF_INET6 && starts_with(address.bytes, global, 3) &&
         !is_in(address.bytes, not_v6, ARRAY_LEN(not_v6));
}
