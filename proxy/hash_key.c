// SPDX-License-Identifier: Apache-2.0
#include "proxy/hash_key.h"

#include <arpa/inet.h>
#include <string.h>
#include <xxhash.h>

#define VALUES_MAX 16

static uint64_t hash_of(struct str text, uint64_t seed) {
  return XXH64(text.len ? text.ptr : "", text.len, seed);
}

// Several fields of one name: in order of their values, whatever order they came in.
static enum hash_found find_header(const struct table_hash *policy, const struct head *head,
                                   uint64_t *ret_hash) {
  struct str values[VALUES_MAX];
  size_t count = 0;
  for (unsigned i = 0; i < head->count && count < VALUES_MAX; i++) {
    if (!str_eq(head->fields[i].name, policy->name))
      continue;
    size_t at = count++;
    for (; at > 0 && str_cmp(values[at - 1], head->fields[i].value) > 0; at--)
      values[at] = values[at - 1];
    values[at] = head->fields[i].value;
  }
  *ret_hash = 0;
  for (size_t i = 0; i < count; i++)
    *ret_hash = hash_of(values[i], *ret_hash);
  return count > 0 ? HASH_FOUND : HASH_NONE;
}

static struct str unquote(struct str value) {
  value = str_trim(value);
  if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
    return str_slice(value, 1, value.len - 1);
  return value;
}

static struct str cookie_value(const struct head *head, struct str name) {
  for (unsigned i = 0; i < head->count; i++) {
    if (!str_eq(head->fields[i].name, STR("cookie")))
      continue;
    struct str rest = head->fields[i].value, pair;
    while (str_next(&rest, ';', &pair)) {
      ptrdiff_t equals = str_find_char(pair, '=');
      if (equals > 0 && str_eq(str_trim(str_slice(pair, 0, (size_t)equals)), name))
        return unquote(str_slice(pair, (size_t)equals + 1, pair.len));
    }
  }
  return STR_NULL;
}

static enum hash_found find_cookie(const struct table_hash *policy, const struct head *head,
                                   uint64_t *ret_hash) {
  struct str value = cookie_value(head, policy->name);
  if (value.len == 0)
    return policy->makes_cookie ? HASH_MAKE_COOKIE : HASH_NONE;
  *ret_hash = hash_of(value, 0);
  return HASH_FOUND;
}

static enum hash_found find_query(const struct table_hash *policy, const struct head *head,
                                  uint64_t *ret_hash) {
  struct str rest = head->query, pair;
  while (rest.ptr && str_next(&rest, '&', &pair)) {
    ptrdiff_t equals = str_find_char(pair, '=');
    struct str name = equals < 0 ? pair : str_slice(pair, 0, (size_t)equals);
    if (!str_eq(name, policy->name))
      continue;
    *ret_hash = hash_of(equals < 0 ? STR("") : str_slice(pair, (size_t)equals + 1, pair.len), 0);
    return HASH_FOUND;
  }
  return HASH_NONE;
}

// The last entry of x-forwarded-for when it is an address.
static struct str forwarded_for(const struct head *head, char out[INET6_ADDRSTRLEN]) {
  struct str last = STR_NULL;
  for (unsigned i = 0; i < head->count; i++) {
    if (str_eq(head->fields[i].name, STR("x-forwarded-for")))
      last = head->fields[i].value;
  }
  struct str rest = last, item = last;
  while (rest.ptr && str_next(&rest, ',', &item))
    ;
  item = str_trim(item);
  unsigned char address[16];
  char text[INET6_ADDRSTRLEN];
  if (item.len == 0 || item.len >= sizeof(text))
    return STR_NULL;
  memcpy(text, item.ptr, item.len);
  text[item.len] = '\0';
  int family = memchr(text, ':', item.len) ? AF_INET6 : AF_INET;
  if (inet_pton(family, text, address) != 1 || !inet_ntop(family, address, out, INET6_ADDRSTRLEN))
    return STR_NULL;
  return str_of(out);
}

static enum hash_found find_source(const struct hash_request *request, uint64_t *ret_hash) {
  char text[INET6_ADDRSTRLEN] = "";
  struct str address = request->trusts_forwarded ? forwarded_for(request->head, text) : STR_NULL;
  if (address.len == 0) {
    union {
      const struct sockaddr *any;
      const struct sockaddr_in *v4;
      const struct sockaddr_in6 *v6;
    } peer = {request->peer};
    bool is_v6 = peer.any->sa_family == AF_INET6;
    const void *bytes =
        is_v6 ? (const void *)&peer.v6->sin6_addr : (const void *)&peer.v4->sin_addr;
    (void)inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes, text, sizeof(text));
    address = str_of(text);
  }
  *ret_hash = hash_of(address, 0);
  return HASH_FOUND;
}

enum hash_found hash_key_find(const struct table_hash *policy, const struct hash_request *request,
                              uint64_t *ret_hash) {
  switch (policy->key) {
  case TABLE_HASH_HEADER: return find_header(policy, request->head, ret_hash);
  case TABLE_HASH_COOKIE: return find_cookie(policy, request->head, ret_hash);
  case TABLE_HASH_SOURCE_IP: return find_source(request, ret_hash);
  case TABLE_HASH_QUERY: return find_query(policy, request->head, ret_hash);
  }
  return HASH_NONE;
}

uint64_t hash_key_combine(uint64_t hash, uint64_t next) {
  return (hash << 1 | hash >> 63) ^ next;
}

struct str hash_key_cookie(struct str local, struct str remote, char out[17], uint64_t *ret_hash) {
  char both[128];
  size_t len = local.len < 64 ? local.len : 64;
  size_t more = remote.len < 64 ? remote.len : 64;
  memcpy(both, local.ptr, len);
  memcpy(both + len, remote.ptr, more);
  uint64_t bits = XXH64(both, len + more, 0);
  for (size_t i = 0; i < 16; i++)
    out[i] = "0123456789abcdef"[bits >> (60 - 4 * i) & 15];
  out[16] = '\0';
  struct str value = {out, 16};
  *ret_hash = hash_of(value, 0);
  return value;
}
