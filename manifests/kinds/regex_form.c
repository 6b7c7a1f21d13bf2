// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/regex_form.h"

#include "manifests/kinds/regex_syntax.h"

#include <string.h>

struct scan {
  struct str text;
  size_t at, depth, groups; // groups: those that capture
  bool repeatable;          // something stands before that a repetition may apply to
};

static const char *scan_class(struct scan *s) {
  size_t i = s->at + 1;
  if (i < s->text.len && s->text.ptr[i] == '^')
    i++;
  if (i < s->text.len && s->text.ptr[i] == ']') // the first one is a member
    i++;
  for (; i < s->text.len && s->text.ptr[i] != ']'; i++) {
    if (s->text.ptr[i] == '\\')
      i++;
    else if (str_starts(str_slice(s->text, i, s->text.len), STR("[:"))) // [:alpha:]
      while (i + 1 < s->text.len && !(s->text.ptr[i] == ':' && s->text.ptr[i + 1] == ']'))
        i++;
  }
  if (i >= s->text.len)
    return "a [ is not closed";
  s->at = i;
  s->repeatable = true;
  return NULL;
}

static const char *scan_group(struct scan *s) {
  s->depth++;
  s->repeatable = false;
  struct str rest = str_slice(s->text, s->at + 1, s->text.len);
  if (!str_starts(rest, STR("?"))) {
    s->groups++;
    return NULL;
  }
  if (str_starts(rest, STR("?=")) || str_starts(rest, STR("?!")) || str_starts(rest, STR("?<=")) ||
      str_starts(rest, STR("?<!")))
    return "looking ahead or behind is not possible in RE2";
  if (str_starts(rest, STR("?>")))
    return "atomic groups do not exist in RE2";
  if (str_starts(rest, STR("?P<")) || str_starts(rest, STR("?<")))
    s->groups++;
  s->at++; // flags, names and ':' are plain text for this scan
  return NULL;
}

static const char *scan_repeat(struct scan *s, char c) {
  if (c == '{') { // a { that is no repetition is a plain character
    size_t i = s->at + 1;
    while (i < s->text.len && strchr("0123456789,", s->text.ptr[i]))
      i++;
    if (i == s->at + 1 || s->text.ptr[s->at + 1] == ',' || i >= s->text.len ||
        s->text.ptr[i] != '}') {
      s->repeatable = true;
      return NULL;
    }
    s->at = i;
  }
  if (!s->repeatable)
    return "a repetition (* + ? {n}) has nothing before it to repeat";
  struct str rest = str_slice(s->text, s->at + 1, s->text.len);
  if (str_starts(rest, STR("?"))) // lazy
    s->at++;
  s->repeatable = false;
  return NULL;
}

static const char *scan_escape(struct scan *s) {
  if (++s->at >= s->text.len)
    return "it ends in a \\";
  s->repeatable = true;
  char c = s->text.ptr[s->at];
  return c >= '1' && c <= '9' ? "back-references (\\1) do not exist in RE2" : NULL;
}

static const char *scan_all(struct scan *s) {
  for (; s->at < s->text.len; s->at++) {
    char c = s->text.ptr[s->at];
    const char *fault = NULL;
    if (c == '\\')
      fault = scan_escape(s);
    else if (c == '[')
      fault = scan_class(s);
    else if (c == '(')
      fault = scan_group(s);
    else if (c == ')' && s->depth-- == 0)
      fault = "a ) has no (";
    else if (c == '*' || c == '+' || c == '?' || c == '{')
      fault = scan_repeat(s, c);
    else
      s->repeatable = c != '|';
    if (fault)
      return fault;
  }
  return s->depth ? "a ( is not closed" : NULL;
}

const char *regex_form_fault(struct str pattern) {
  struct scan s = {.text = pattern};
  const char *fault = scan_all(&s);
  if (fault)
    return fault;
  return regex_syntax_check(pattern, NULL)
             ? "it uses what RE2 does not have, or more than 1000 repetitions"
             : NULL;
}

const char *regex_form_rewrite_fault(struct str pattern, struct str rewrite) {
  struct scan s = {.text = pattern};
  if (scan_all(&s))
    return NULL; // the pattern's own fault
  for (size_t i = 0; i < rewrite.len; i++) {
    if (rewrite.ptr[i] != '\\')
      continue;
    if (++i == rewrite.len)
      return "it ends in a \\";
    char c = rewrite.ptr[i];
    if (c == '\\')
      continue;
    if (c < '0' || c > '9')
      return "behind a \\ only a digit or a \\ may stand";
    if ((size_t)(c - '0') > s.groups)
      return "it uses a group that match does not have";
  }
  return NULL;
}
