// SPDX-License-Identifier: Apache-2.0
// The words of an expression. Source: the CEL language definition, "Syntax".
#pragma once

#include "manifests/cel/value.h"

enum cel_token_kind {
  CEL_TOKEN_END,
  CEL_TOKEN_NAME,
  CEL_TOKEN_QUOTED_NAME, // `a-b`
  CEL_TOKEN_VALUE,       // a number, text, bytes
  CEL_TOKEN_SIGN,        // in `sign`: one or two characters
  CEL_TOKEN_BAD,         // in `error`: why
};

struct cel_token {
  enum cel_token_kind kind;
  struct str text; // as written
  uint32_t at;
  char sign[3];
  struct cel_value value;
  bool only_negative; // 9223372036854775808: fits behind a minus alone
  const char *error;
};

struct cel_lexer {
  struct str source;
  size_t at;
  struct arena *arena;
};

struct cel_token cel_lex(struct cel_lexer *lexer);
