// SPDX-License-Identifier: Apache-2.0
// The hash of a request by a DestinationRule's consistentHash (docs/dataplane.md 3.4), xxHash64 as
// in Envoy. Pure.
#pragma once

#include "proxy/head.h"
#include "proxy/table.h"

#include <sys/socket.h>

struct hash_request {
  const struct head *head;
  const struct sockaddr *peer;
  bool trusts_forwarded; // the last address of x-forwarded-for is the client's, not the peer's
};

enum hash_found {
  HASH_NONE,        // the request has no such thing: any endpoint will do
  HASH_FOUND,       // *ret_hash
  HASH_MAKE_COOKIE, // it has no cookie and is to be given one
};

enum hash_found hash_key_find(const struct table_hash *policy, const struct hash_request *request,
                              uint64_t *ret_hash);
// Further keys of the same request.
uint64_t hash_key_combine(uint64_t hash, uint64_t next);
// The value of a cookie that is made: of the addresses of both ends of the client's connection, so
// that requests that race on it are given the same. Into out[0..16]; returns a view of it.
struct str hash_key_cookie(struct str local, struct str remote, char out[17], uint64_t *ret_hash);
