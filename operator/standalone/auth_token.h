// SPDX-License-Identifier: Apache-2.0
// Tokens as they are kept: who, what for, until when, and the hash of the secret, never the secret.
// Pure but for the hash.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"
#include "operator/standalone/auth_role.h"
#include "operator/standalone/digest.h"

#define AUTH_TOKENS_MAX 1000u
#define AUTH_TOKENS_BYTES (1u << 20)
#define AUTH_NAME_MAX 64u

struct auth_token {
  struct str name;
  const struct auth_role *role;
  struct str ns; // the only namespace it is good for; empty: all, and what is in none
  struct digest hash;
  int64_t created_ms, expires_ms; // expires_ms 0: never
};

struct auth_tokens {
  struct auth_token *items;
  size_t count, capacity;
};

// The text of DATA/access/tokens.json; an empty one holds no tokens. Strict: an unknown member,
// role or a bad name is an error, since a typo must not give or take rights in silence.
int auth_tokens_parse(struct str text, struct arena *arena, struct auth_tokens *ret_tokens,
                      struct err *err);
struct str auth_tokens_text(struct arena *arena, const struct auth_tokens *tokens);
void auth_tokens_add(struct auth_tokens *tokens, struct arena *arena,
                     const struct auth_token *token);
// Drops those that have expired.
void auth_tokens_prune(struct auth_tokens *tokens, int64_t now_ms);
// The token of that hash if it has not expired. Looks at every byte of every hash whatever it
// finds, so the time tells nothing about a guess.
const struct auth_token *auth_tokens_find(const struct auth_tokens *tokens,
                                          const struct digest *hash, int64_t now_ms);
// 1 to AUTH_NAME_MAX of letters, digits and "-_.@".
int auth_name_check(struct str name, struct err *err);
// The first digits of the hash, to tell tokens of one name apart.
struct str auth_token_id(struct arena *arena, const struct auth_token *token);
