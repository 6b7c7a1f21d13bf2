// SPDX-License-Identifier: Apache-2.0
// Any bytes as DATA/access/tokens.json: read or refused with a message; what is read is written in
// a form that reads back the same.
#include "manifests/base/bug.h"
#include "operator/standalone/auth_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  struct auth_tokens tokens, again;
  struct err err = {0};
  arena_init(&arena);
  if (auth_tokens_parse((struct str){(const char *)data, size}, &arena, &tokens, &err)) {
    BUG_ON(!err.msg[0]);
  } else {
    struct str text = auth_tokens_text(&arena, &tokens);
    BUG_ON(auth_tokens_parse(text, &arena, &again, &err));
    BUG_ON(again.count != tokens.count || !str_eq(text, auth_tokens_text(&arena, &again)));
  }
  arena_dispose(&arena);
  return 0;
}
