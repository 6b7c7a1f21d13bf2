// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/regex_syntax.h"

#include <string.h>

#define REGEX_REPEAT_MAX 1000 // RE2's own

struct scan {
  struct str pattern;
  size_t at;
  bool after_repeat; // the item before is a repetition, so '+' here would make it possessive
  struct err *err;
};

static int scan_refuse(const struct scan *scan, size_t from, size_t len, const char *why) {
  return err_set(scan->err, RC_INVALID, "\"%.*s\" at byte %zu: %s",
                 STR_ARG(str_slice(scan->pattern, from, from + len)), from, why);
}

static char scan_peek(const struct scan *scan, size_t ahead) {
  size_t i = scan->at + ahead;
  return i < scan->pattern.len ? scan->pattern.ptr[i] : '\0';
}

// "\..." outside or inside a class; scan->at is at the backslash.
static int scan_escape(struct scan *scan, bool in_class) {
  char c = scan_peek(scan, 1);
  if (scan->at + 1 >= scan->pattern.len)
    return scan_refuse(scan, scan->at, 1, "the pattern ends in a lone backslash");
  bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (c >= '1' && c <= '9')
    return scan_refuse(scan, scan->at, 2,
                       "backreferences are not supported (RE2 has none; write \\x for a byte)");
  if (c == 'Q' && !in_class) {
    size_t i = scan->at + 2;
    while (i < scan->pattern.len && !str_starts(str_slice(scan->pattern, i, i + 2), STR("\\E")))
      i++;
    scan->at = i < scan->pattern.len ? i + 2 : i;
    return 0;
  }
  const char *known = in_class ? "afnrtxdDsSwWpP" : "afnrtxdDsSwWpPbBAz";
  if (is_letter && !strchr(known, c))
    return scan_refuse(scan, scan->at, 2, "this escape is not supported (RE2 has no such one)");
  scan->at += 2;
  return 0;
}

// "[...]"; scan->at is at the bracket.
static int scan_class(struct scan *scan) {
  size_t start = scan->at++;
  if (scan_peek(scan, 0) == '^')
    scan->at++;
  if (scan_peek(scan, 0) == ']')
    scan->at++;
  while (scan->at < scan->pattern.len) {
    char c = scan_peek(scan, 0);
    if (c == ']') {
      scan->at++;
      return 0;
    }
    if (c == '\\') {
      int rc = scan_escape(scan, true);
      if (rc)
        return rc;
    } else if (c == '[' && scan_peek(scan, 1) == ':') {
      scan->at += 2; // a named class: its own ']' does not end ours
      while (scan->at < scan->pattern.len &&
             !(scan_peek(scan, 0) == ':' && scan_peek(scan, 1) == ']'))
        scan->at++;
      scan->at += 2;
    } else {
      char last = scan_peek(scan, 2);
      bool is_range = scan_peek(scan, 1) == '-' && scan->at + 2 < scan->pattern.len &&
                      last != ']' && last != '\\' && last != '[';
      if (is_range && (unsigned char)last < (unsigned char)c)
        return scan_refuse(scan, scan->at, 3, "a range goes upwards");
      scan->at += is_range ? 3 : 1;
    }
  }
  return scan_refuse(scan, start, 1, "missing ]");
}

// "(..."; scan->at is at the parenthesis.
static int scan_group(struct scan *scan) {
  size_t start = scan->at;
  if (scan_peek(scan, 1) == '*')
    return scan_refuse(scan, start, 2, "backtracking verbs are not supported");
  if (scan_peek(scan, 1) != '?') {
    scan->at++;
    return 0;
  }
  scan->at += 2;
  char c = scan_peek(scan, 0), next = scan_peek(scan, 1);
  if (c == '=' || c == '!' || (c == '<' && (next == '=' || next == '!')))
    return scan_refuse(scan, start, c == '<' ? 4 : 3, "lookaround is not supported (RE2 has none)");
  if (c == ':' || c == '<')
    return 0;
  if (c == 'P' && next == '<') {
    scan->at++;
    return 0;
  }
  size_t flags = scan->at;
  while (strchr("imsU-", scan_peek(scan, 0)) && scan->at < scan->pattern.len)
    scan->at++;
  c = scan_peek(scan, 0);
  if (scan->at == flags || (c != ':' && c != ')'))
    return scan_refuse(scan, start, 3, "this kind of group is not supported (RE2 has none)");
  return 0;
}

// A well-formed "{n}", "{n,}" or "{n,m}"; its length, 0 when it is not one (then '{' is literal).
static size_t scan_repeat(const struct scan *scan, bool *ret_too_many) {
  size_t i = 1, digits = 0;
  int64_t value = 0;
  *ret_too_many = false;
  for (;; i++) {
    char c = scan_peek(scan, i);
    if (c >= '0' && c <= '9') {
      value = value * 10 + (c - '0');
      digits++;
      if (value > REGEX_REPEAT_MAX) {
        *ret_too_many = true;
        value = REGEX_REPEAT_MAX;
      }
    } else if (c == ',' && digits > 0) {
      value = 0;
    } else {
      return c == '}' && digits > 0 ? i + 1 : 0;
    }
  }
}

static int scan_item(struct scan *scan) {
  char c = scan_peek(scan, 0);
  bool was_repeat = scan->after_repeat, too_many;
  scan->after_repeat = false;
  switch (c) {
  case '\\': return scan_escape(scan, false);
  case '[': return scan_class(scan);
  case '(': return scan_group(scan);
  case '+':
    if (was_repeat)
      return scan_refuse(scan, scan->at, 1, "possessive repetition is not supported");
    scan->after_repeat = true;
    break;
  case '*': scan->after_repeat = true; break;
  case '?': scan->after_repeat = true; break;
  case '{': {
    size_t len = scan_repeat(scan, &too_many);
    if (len && too_many)
      return scan_refuse(scan, scan->at, len, "expected at most 1000 repetitions");
    scan->after_repeat = len > 0;
    scan->at += len ? len : 1;
    return 0;
  }
  default: break;
  }
  scan->at++;
  return 0;
}

int regex_syntax_check(struct str pattern, struct err *err) {
  struct scan scan = {.pattern = pattern, .err = err};
  while (scan.at < pattern.len) {
    int rc = scan_item(&scan);
    if (rc)
      return rc;
  }
  return 0;
}
