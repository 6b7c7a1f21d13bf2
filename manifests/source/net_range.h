// SPDX-License-Identifier: Apache-2.0
// Ranges of IP addresses, and which addresses are the Internet's. Pure. Sources: RFC 4632 (the
// form), IANA's special-purpose address registries of IPv4 and IPv6 (the classes).
#pragma once

#include "manifests/base/str.h"

#include <stdbool.h>
#include <sys/socket.h>

struct net_range {
  int family; // AF_INET or AF_INET6
  unsigned char address[16];
  unsigned bits; // that count, from the left
};

// "10.0.0.0/8", "fd00::/8". False: it is none; nothing is written then.
bool net_range_parse(struct str text, struct net_range *ret);
// Whether the address of a socket is in the range. An IPv4 address within an IPv6 one (mapped, or
// behind NAT64's prefix of RFC 6052) is looked at as what it stands for.
bool net_range_has(const struct net_range *range, const struct sockaddr *address);
// Whether it is an address of the Internet: not of this machine, of a link (where clouds answer
// with credentials), private, shared, reserved or multicast; nor one of the public addresses by
// which clouds serve their machines.
bool net_is_public(const struct sockaddr *address);
// The text of an IP address, in brackets or not; false when it is none.
bool net_address_parse(struct str text, struct sockaddr_storage *ret);
