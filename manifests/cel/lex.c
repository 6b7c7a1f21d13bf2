// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/lex.h"
#include "manifests/base/bug.h"
#include "manifests/cel/lex_text.h"

#include <ctype.h>
#include <string.h>

static char peek(const struct cel_lexer *lexer, size_t ahead) {
  size_t at = lexer->at + ahead;
  return at < lexer->source.len ? lexer->source.ptr[at] : '\0';
}

static bool is_word(char c) {
  return c == '_' || isalnum((unsigned char)c);
}

static void skip_space(struct cel_lexer *lexer) {
  while (lexer->at < lexer->source.len) {
    char c = peek(lexer, 0);
    if (c == '/' && peek(lexer, 1) == '/') {
      while (lexer->at < lexer->source.len && peek(lexer, 0) != '\n')
        lexer->at++;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f') {
      lexer->at++;
    } else {
      return;
    }
  }
}

static struct cel_token finish(struct cel_lexer *lexer, struct cel_token token, size_t len) {
  token.text = str_slice(lexer->source, lexer->at, lexer->at + len);
  lexer->at += len;
  return token;
}

static struct cel_token bad(struct cel_lexer *lexer, struct cel_token token, const char *why) {
  token.kind = CEL_TOKEN_BAD;
  token.error = why;
  size_t len = 1;
  while (((unsigned char)peek(lexer, len) & 0xc0) == 0x80)
    len++; // the whole letter
  return finish(lexer, token, len);
}

// --- Numbers

static bool hex_value(struct str digits, uint64_t *ret_value) {
  uint64_t value = 0;
  for (size_t i = 0; i < digits.len; i++) {
    int c = tolower((unsigned char)digits.ptr[i]);
    if (value >> 60)
      return false;
    value = value << 4 | (uint64_t)(isdigit(c) ? c - '0' : c - 'a' + 10);
  }
  *ret_value = value;
  return digits.len > 0;
}

static size_t count_digits(const struct cel_lexer *lexer, size_t from, bool hex) {
  size_t count = 0;
  for (char c; (c = peek(lexer, from + count)) != '\0'; count++)
    if (hex ? !isxdigit((unsigned char)c) : !isdigit((unsigned char)c))
      break;
  return count;
}

static struct cel_token whole_number(struct cel_lexer *lexer, struct cel_token token, size_t len,
                                     bool hex) {
  bool is_unsigned = peek(lexer, len) == 'u' || peek(lexer, len) == 'U';
  struct str digits = str_slice(lexer->source, lexer->at + (hex ? 2 : 0), lexer->at + len);
  uint64_t value;
  bool fits = hex ? hex_value(digits, &value) : str_to_u64(digits, &value);
  uint64_t most = is_unsigned ? UINT64_MAX : (uint64_t)INT64_MAX + 1;
  token.value = is_unsigned ? cel_uint(value) : cel_int((int64_t)value);
  token.only_negative = !is_unsigned && fits && value == (uint64_t)INT64_MAX + 1;
  token = finish(lexer, token, len + is_unsigned);
  if (!fits || value > most) {
    token.kind = CEL_TOKEN_BAD;
    token.error = is_unsigned ? "invalid uint literal" : "invalid int literal";
  }
  return token;
}

static struct cel_token number(struct cel_lexer *lexer, struct cel_token token) {
  token.kind = CEL_TOKEN_VALUE;
  if (peek(lexer, 0) == '0' && peek(lexer, 1) == 'x')
    return whole_number(lexer, token, 2 + count_digits(lexer, 2, true), true);
  size_t len = count_digits(lexer, 0, false), more;
  bool is_double = false;
  if (peek(lexer, len) == '.' && (more = count_digits(lexer, len + 1, false)) > 0) {
    is_double = true;
    len += 1 + more;
  }
  if (peek(lexer, len) == 'e' || peek(lexer, len) == 'E') {
    size_t sign = peek(lexer, len + 1) == '+' || peek(lexer, len + 1) == '-';
    more = count_digits(lexer, len + 1 + sign, false);
    is_double = is_double || more > 0;
    len += more ? 1 + sign + more : 0;
  }
  if (!is_double)
    return whole_number(lexer, token, len, false);
  struct str text = str_slice(lexer->source, lexer->at, lexer->at + len);
  double value = 0;
  if (text.ptr[0] == '.')
    text = arena_printf(lexer->arena, "0%.*s", STR_ARG(text));
  bool ok = str_to_double(text, &value);
  token = finish(lexer, token, len);
  token.value = cel_double(value);
  if (!ok) {
    token.kind = CEL_TOKEN_BAD;
    token.error = "invalid double literal";
  }
  return token;
}

// --- Texts

// How many letters stand before the quote: r, b, or both. SIZE_MAX: no text begins here.
static size_t text_prefix(const struct cel_lexer *lexer, bool *ret_raw, bool *ret_bytes) {
  size_t len = 0;
  *ret_raw = *ret_bytes = false;
  if (peek(lexer, len) == 'b' || peek(lexer, len) == 'B') {
    *ret_bytes = true;
    len++;
  }
  if (peek(lexer, len) == 'r' || peek(lexer, len) == 'R') {
    *ret_raw = true;
    len++;
  }
  return peek(lexer, len) == '"' || peek(lexer, len) == '\'' ? len : SIZE_MAX;
}

static struct cel_token text_literal(struct cel_lexer *lexer, struct cel_token token, size_t prefix,
                                     bool raw, bool bytes) {
  char quote = peek(lexer, prefix);
  size_t quotes = peek(lexer, prefix + 1) == quote && peek(lexer, prefix + 2) == quote ? 3 : 1;
  size_t from = prefix + quotes, len = from;
  for (;; len++) {
    char c = peek(lexer, len);
    if (lexer->at + len >= lexer->source.len || (quotes == 1 && (c == '\n' || c == '\r')))
      return bad(lexer, token, "text without its closing quote");
    if (c == '\\' && !raw)
      len++;
    else if (c == quote &&
             (quotes == 1 || (peek(lexer, len + 1) == quote && peek(lexer, len + 2) == quote)))
      break;
  }
  struct str inside = str_slice(lexer->source, lexer->at + from, lexer->at + len);
  struct str value = inside;
  token.kind = CEL_TOKEN_VALUE;
  if (!raw && !cel_unescape(inside, bytes, lexer->arena, &value)) {
    token.kind = CEL_TOKEN_BAD;
    token.error = "invalid escape sequence";
  }
  token.value = (struct cel_value){.kind = bytes ? CEL_BYTES : CEL_STRING, .text = value};
  return finish(lexer, token, len + quotes);
}

static struct cel_token quoted_name(struct cel_lexer *lexer, struct cel_token token) {
  size_t len = 1;
  while (peek(lexer, len) && (is_word(peek(lexer, len)) || strchr(".-/ ", peek(lexer, len))))
    len++;
  if (len == 1 || peek(lexer, len) != '`')
    return bad(lexer, token, "a quoted name holds letters, digits, '_', '.', '-', '/' and spaces");
  token.kind = CEL_TOKEN_QUOTED_NAME;
  token = finish(lexer, token, len + 1);
  token.text = str_slice(token.text, 1, len);
  return token;
}

static struct cel_token sign(struct cel_lexer *lexer, struct cel_token token) {
  static const char *const pairs[] = {"==", "!=", "<=", ">=", "&&", "||"};
  char a = peek(lexer, 0), b = peek(lexer, 1);
  token.kind = CEL_TOKEN_SIGN;
  for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
    if (pairs[i][0] == a && pairs[i][1] == b) {
      memcpy(token.sign, pairs[i], 3);
      return finish(lexer, token, 2);
    }
  if (!strchr("<>!+-*/%()[]{},.:?", a))
    return bad(lexer, token, "token recognition error");
  token.sign[0] = a;
  return finish(lexer, token, 1);
}

struct cel_token cel_lex(struct cel_lexer *lexer) {
  skip_space(lexer);
  struct cel_token token = {.at = (uint32_t)lexer->at};
  if (lexer->at >= lexer->source.len)
    return token;
  char c = peek(lexer, 0);
  bool raw, bytes;
  size_t prefix = text_prefix(lexer, &raw, &bytes);
  if (c == '\0')
    return bad(lexer, token, "token recognition error");
  if (prefix != SIZE_MAX)
    return text_literal(lexer, token, prefix, raw, bytes);
  if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)peek(lexer, 1))))
    return number(lexer, token);
  if (c == '`')
    return quoted_name(lexer, token);
  if (!is_word(c))
    return sign(lexer, token);
  size_t len = 1;
  while (is_word(peek(lexer, len)))
    len++;
  token.kind = CEL_TOKEN_NAME;
  return finish(lexer, token, len);
}
