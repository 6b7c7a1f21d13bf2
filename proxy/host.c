// SPDX-License-Identifier: Apache-2.0
#include "proxy/host.h"

#include <string.h>

struct host_slot {
  uint64_t hash;
  const struct host_entry *entry; // NULL: free
};

struct host_index {
  struct host_slot *slots;
  size_t mask;
};

const struct host_index *host_index_new(struct arena *arena, const struct host_entry *entries,
                                        size_t count) {
  size_t size = 16;
  while (size < count * 2)
    size *= 2;
  struct host_index *index = ARENA_NEW(arena, struct host_index);
  index->slots = ARENA_ARRAY(arena, struct host_slot, size);
  index->mask = size - 1;
  for (size_t i = 0; i < count; i++) {
    uint64_t hash = str_hash(entries[i].name);
    size_t at = hash & index->mask;
    while (index->slots[at].entry)
      at = (at + 1) & index->mask;
    index->slots[at] = (struct host_slot){hash, &entries[i]};
  }
  return index;
}

static bool host_index_get(const struct host_index *index, struct str name, uint32_t *ret_value) {
  uint64_t hash = str_hash(name);
  for (size_t at = hash & index->mask; index->slots[at].entry; at = (at + 1) & index->mask) {
    const struct host_slot *slot = &index->slots[at];
    if (slot->hash == hash && str_eq(slot->entry->name, name)) {
      *ret_value = slot->entry->value;
      return true;
    }
  }
  return false;
}

static char host_lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool host_index_find(const struct host_index *index, struct str authority, uint32_t *ret_value) {
  struct str name;
  uint16_t port;
  char lower[HOST_NAME_MAX_BYTES];
  host_split(authority, &name, &port);
  if (name.len > 1 && name.ptr[name.len - 1] == '.')
    name.len--; // a fully qualified name as resolvers write it
  if (!index || name.len == 0 || name.len > sizeof lower)
    return false;
  for (size_t i = 0; i < name.len; i++)
    lower[i] = host_lower(name.ptr[i]);
  if (lower[0] != '*' && host_index_get(index, (struct str){lower, name.len}, ret_value))
    return true;
  // "a.b.c" -> "*.b.c", "*.c": at least one character stands for the '*', the longest suffix comes
  // first.
  for (size_t i = 1; i < name.len; i++) {
    if (lower[i] != '.')
      continue;
    lower[i - 1] = '*';
    if (host_index_get(index, (struct str){lower + i - 1, name.len - i + 1}, ret_value))
      return true;
  }
  return host_index_get(index, STR("*"), ret_value);
}

void host_split(struct str authority, struct str *ret_name, uint16_t *ret_port) {
  *ret_name = authority;
  *ret_port = 0;
  size_t from = 0;
  if (authority.len && authority.ptr[0] == '[') {
    ptrdiff_t end = str_find_char(authority, ']');
    if (end < 0)
      return;
    from = (size_t)end + 1;
    *ret_name = str_slice(authority, 1, (size_t)end);
  }
  ptrdiff_t colon = str_find_char(str_slice(authority, from, authority.len), ':');
  if (colon < 0)
    return;
  if (from == 0)
    *ret_name = str_slice(authority, 0, (size_t)colon);
  uint64_t port;
  if (str_to_u64(str_slice(authority, from + (size_t)colon + 1, authority.len), &port) &&
      port <= UINT16_MAX)
    *ret_port = (uint16_t)port;
}

struct str host_expand(struct arena *arena, struct str name, struct str namespace_,
                       struct str domain) {
  bool is_short = name.len > 0 && str_find_char(name, '.') < 0 && str_find_char(name, '*') < 0 &&
                  str_find_char(name, ':') < 0;
  const struct str parts[] = {name, STR("."), namespace_, STR(".svc."), domain};
  size_t count = is_short ? sizeof parts / sizeof parts[0] : 1, len = 0;
  for (size_t i = 0; i < count; i++)
    len += parts[i].len;
  char *lower = arena_alloc(arena, len + 1), *at = lower;
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < parts[i].len; j++)
      *at++ = host_lower(parts[i].ptr[j]);
  }
  return (struct str){lower, len};
}

bool host_matches(struct str pattern, struct str name) {
  if (pattern.len == 0 || pattern.ptr[0] != '*')
    return str_eq(pattern, name);
  struct str suffix = str_slice(pattern, 1, pattern.len);
  return suffix.len == 0 || (name.len > suffix.len && str_ends(name, suffix));
}

bool host_intersect(struct str a, struct str b, struct str *ret_both) {
  if (host_matches(a, b))
    *ret_both = b;
  else if (host_matches(b, a))
    *ret_both = a;
  else
    return false;
  return true;
}
