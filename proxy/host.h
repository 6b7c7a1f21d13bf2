// SPDX-License-Identifier: Apache-2.0
// Host names -> virtual host: exact name, then the longest "*.suffix", then "*"
// (docs/dataplane.md 1.4). An immutable hash table in an arena. Pure.
#pragma once

#include "manifests/base/arena.h"

#include <stdbool.h>

struct host_index;

struct host_entry {
  struct str name; // lower-case, without port; "*.suffix" and "*" are wildcards
  uint32_t value;
};

#define HOST_NAME_MAX_BYTES 255u

// `entries` must have different names; they are kept by reference.
const struct host_index *host_index_new(struct arena *arena, const struct host_entry *entries,
                                        size_t count);
// `authority` as sent. False when none answers; an index that is NULL knows no name.
bool host_index_find(const struct host_index *index, struct str authority, uint32_t *ret_value);
// Splits "name:port", "[::1]:port"; *ret_port 0 when there is none or it is no port.
void host_split(struct str authority, struct str *ret_name, uint16_t *ret_port);
// "reviews" -> "reviews.<ns>.svc.<domain>"; a name with a dot or '*' stays. Lower-case, in the
// arena.
struct str host_expand(struct arena *arena, struct str name, struct str namespace_,
                       struct str domain);
// What two patterns have in common: the more specific one; false when they exclude each other.
bool host_intersect(struct str a, struct str b, struct str *ret_both);
// Whether the pattern ("a.b", "*.b", "*") covers the name.
bool host_matches(struct str pattern, struct str name);
