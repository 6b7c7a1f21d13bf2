// SPDX-License-Identifier: Apache-2.0
// Addresses of the Internet Protocol and their text, as Go's net/netip reads and writes them.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/cel/value.h"

// No zones, no leading zeros, no IPv4 within IPv6 ("::ffff:1.2.3.4").
bool cel_parse_ip(struct str text, struct cel_address *ret_address, const char **ret_why);
bool cel_parse_cidr(struct str text, struct cel_address *ret_address, const char **ret_why);
// The canonical form; of a CIDR with its prefix.
void cel_write_address(struct buf *out, struct cel_value value);
