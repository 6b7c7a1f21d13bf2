// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/lex_text.h"
#include "manifests/base/bug.h"
#include "manifests/cel/text.h"

#include <ctype.h>

static bool take_digits(struct str *rest, size_t count, unsigned base, uint32_t *ret_code) {
  *ret_code = 0;
  if (rest->len < count)
    return false;
  for (size_t i = 0; i < count; i++) {
    int c = tolower((unsigned char)rest->ptr[i]);
    unsigned digit = isdigit(c) ? (unsigned)(c - '0') : isalpha(c) ? (unsigned)(c - 'a') + 10 : 99;
    if (digit >= base)
      return false;
    *ret_code = *ret_code * base + digit;
  }
  *rest = str_slice(*rest, count, rest->len);
  return true;
}

static bool is_letter(uint32_t code) {
  return code != 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static bool take_simple(struct str *rest, struct buf *out) {
  static const char from[] = "abfnrtv\"'\\?`", to[] = "\a\b\f\n\r\t\v\"'\\?`";
  for (size_t i = 0; i < sizeof from - 1; i++)
    if (rest->ptr[0] == from[i]) {
      buf_add_char(out, to[i]);
      *rest = str_slice(*rest, 1, rest->len);
      return true;
    }
  return false;
}

static bool take_code(struct str *rest, bool bytes, struct buf *out) {
  char kind = rest->ptr[0];
  bool hex = kind == 'x' || kind == 'X';
  uint32_t code;
  if (kind >= '0' && kind <= '3') {
    if (!take_digits(rest, 3, 8, &code))
      return false;
  } else {
    *rest = str_slice(*rest, 1, rest->len);
    if ((kind != 'u' && kind != 'U' && !hex) || (bytes && !hex) ||
        !take_digits(rest,
                     hex           ? 2
                     : kind == 'u' ? 4
                                   : 8,
                     16, &code))
      return false;
  }
  if (bytes) {
    buf_add_char(out, (char)code);
    return true;
  }
  if (is_letter(code))
    cel_write_letter(out, code);
  return is_letter(code);
}

bool cel_unescape(struct str inside, bool bytes, struct arena *arena, struct str *ret_text) {
  struct buf out;
  struct str rest = inside;
  bool ok = true;
  buf_init(&out, inside.len + 1); // no escape is shorter than what it stands for
  while (ok && rest.len) {
    char c = rest.ptr[0];
    rest = str_slice(rest, 1, rest.len);
    if (c != '\\')
      buf_add_char(&out, c);
    else
      ok = rest.len && (take_simple(&rest, &out) || take_code(&rest, bytes, &out));
  }
  *ret_text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return ok;
}
