// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/selector.h"

#include <ctype.h>
#include <string.h>

struct scan {
  struct str text;
  size_t pos;
  struct arena *arena;
  struct err *err;
};

static int fail_at(struct scan *scan, const char *expected) {
  if (scan->pos >= scan->text.len)
    return err_set(scan->err, RC_PARSE,
                   "unable to parse requirement: found '', expected: %s at the end of \"%.*s\"",
                   expected, STR_ARG(scan->text));
  return err_set(scan->err, RC_PARSE,
                 "unable to parse requirement: found '%c', expected: %s at byte %zu of \"%.*s\"",
                 scan->text.ptr[scan->pos], expected, scan->pos, STR_ARG(scan->text));
}

static void skip_space(struct scan *scan) {
  while (scan->pos < scan->text.len && strchr(" \t\r\n", scan->text.ptr[scan->pos]))
    scan->pos++;
}

static bool at(const struct scan *scan, char c) {
  return scan->pos < scan->text.len && scan->text.ptr[scan->pos] == c;
}

static bool is_word_byte(char c) {
  return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.' || c == '/';
}

// A key or a value: letters, digits, - _ . /
static struct str word(struct scan *scan) {
  size_t from = scan->pos;
  while (scan->pos < scan->text.len && is_word_byte(scan->text.ptr[scan->pos]))
    scan->pos++;
  return str_slice(scan->text, from, scan->pos);
}

// Prefix (a DNS name) and name (63 bytes, alphanumeric at both ends), as label keys must be.
static bool is_label_name(struct str name, size_t max) {
  if (name.len == 0 || name.len > max)
    return false;
  return isalnum((unsigned char)name.ptr[0]) && isalnum((unsigned char)name.ptr[name.len - 1]);
}

static bool is_label_key(struct str key) {
  ptrdiff_t slash = str_find_char(key, '/');
  if (slash < 0)
    return is_label_name(key, 63);
  struct str rest = str_slice(key, (size_t)slash + 1, key.len);
  return is_label_name(str_slice(key, 0, (size_t)slash), 253) && is_label_name(rest, 63) &&
         str_find_char(rest, '/') < 0;
}

static bool is_label_value(struct str value) {
  return value.len == 0 || (is_label_name(value, 63) && str_find_char(value, '/') < 0);
}

static int check_value(struct scan *scan, struct str value) {
  if (!is_label_value(value))
    return err_set(
        scan->err, RC_PARSE,
        "invalid label value \"%.*s\": must be at most 63 letters, digits, '-', '_' or '.', "
        "starting and ending with a letter or digit",
        STR_ARG(value));
  return RC_OK;
}

static int parse_set(struct scan *scan, struct selector_term *term) {
  skip_space(scan);
  if (!at(scan, '('))
    return fail_at(scan, "'('");
  size_t capacity = 0;
  do {
    scan->pos++;
    skip_space(scan);
    struct str value = word(scan);
    int rc = check_value(scan, value);
    if (rc)
      return rc;
    struct str *slot = arena_push(scan->arena, (void **)&term->values, &term->count, &capacity,
                                  sizeof(struct str));
    *slot = arena_str(scan->arena, value);
    skip_space(scan);
  } while (at(scan, ','));
  if (!at(scan, ')'))
    return fail_at(scan, "',' or ')'");
  scan->pos++;
  return RC_OK;
}

static int parse_one_value(struct scan *scan, struct selector_term *term) {
  skip_space(scan);
  struct str value = word(scan);
  int rc = check_value(scan, value);
  if (rc)
    return rc;
  term->values = ARENA_NEW(scan->arena, struct str);
  term->values[0] = arena_str(scan->arena, value);
  term->count = 1;
  int64_t number;
  if ((term->op == SELECTOR_GREATER || term->op == SELECTOR_LESS) && !str_to_i64(value, &number))
    return err_set(scan->err, RC_PARSE,
                   "for '>' and '<' operators the value must be an integer, not \"%.*s\"",
                   STR_ARG(value));
  return RC_OK;
}

static int parse_operator(struct scan *scan, struct selector_term *term) {
  if (at(scan, '=')) {
    scan->pos += scan->pos + 1 < scan->text.len && scan->text.ptr[scan->pos + 1] == '=' ? 2 : 1;
    term->op = SELECTOR_EQUALS;
    return parse_one_value(scan, term);
  }
  if (at(scan, '!')) {
    scan->pos++;
    if (!at(scan, '='))
      return fail_at(scan, "'='");
    scan->pos++;
    term->op = SELECTOR_NOT;
    return parse_one_value(scan, term);
  }
  if (at(scan, '>') || at(scan, '<')) {
    term->op = at(scan, '>') ? SELECTOR_GREATER : SELECTOR_LESS;
    scan->pos++;
    return parse_one_value(scan, term);
  }
  size_t from = scan->pos;
  struct str op = word(scan);
  if (str_eq_z(op, "in") || str_eq_z(op, "notin")) {
    term->op = op.len == 2 ? SELECTOR_EQUALS : SELECTOR_NOT;
    return parse_set(scan, term);
  }
  scan->pos = from;
  return fail_at(scan, "in, notin, =, ==, !=, <, >");
}

static int parse_term(struct scan *scan, struct selector_term *term) {
  skip_space(scan);
  bool absent = at(scan, '!');
  if (absent) {
    scan->pos++;
    skip_space(scan);
  }
  struct str key = word(scan);
  if (key.len == 0)
    return fail_at(scan, "identifier");
  if (!is_label_key(key))
    return err_set(scan->err, RC_PARSE, "invalid label key \"%.*s\"", STR_ARG(key));
  term->key = arena_str(scan->arena, key);
  skip_space(scan);
  if (absent || scan->pos >= scan->text.len || at(scan, ',')) {
    term->op = absent ? SELECTOR_ABSENT : SELECTOR_EXISTS;
    return RC_OK;
  }
  return parse_operator(scan, term);
}

static int check_size(struct str text, struct err *err) {
  if (text.len > SELECTOR_MAX_BYTES)
    return err_set(err, RC_LIMIT, "the selector is longer than %u bytes", SELECTOR_MAX_BYTES);
  return RC_OK;
}

int selector_parse_labels(struct str text, struct arena *arena, struct selector *ret_selector,
                          struct err *err) {
  struct scan scan = {.text = text, .arena = arena, .err = err};
  struct selector selector = {0};
  size_t capacity = 0;
  int rc = check_size(text, err);
  if (rc)
    return rc;
  skip_space(&scan);
  while (scan.pos < text.len) {
    if (selector.count == SELECTOR_MAX_TERMS)
      return err_set(err, RC_LIMIT, "the selector has more than %u terms", SELECTOR_MAX_TERMS);
    struct selector_term *term = arena_push(arena, (void **)&selector.terms, &selector.count,
                                            &capacity, sizeof(struct selector_term));
    rc = parse_term(&scan, term);
    if (rc)
      return rc;
    skip_space(&scan);
    if (scan.pos >= text.len)
      break;
    if (!at(&scan, ','))
      return fail_at(&scan, "','");
    scan.pos++;
    skip_space(&scan);
    if (scan.pos >= text.len)
      return fail_at(&scan, "identifier after ','");
  }
  *ret_selector = selector;
  return RC_OK;
}

// A value with \\ \, and \= unescaped; stops at a bare comma.
static struct str field_value(struct arena *arena, struct str text, size_t *pos) {
  char *out = arena_alloc(arena, text.len - *pos + 1);
  size_t len = 0;
  while (*pos < text.len && text.ptr[*pos] != ',') {
    if (text.ptr[*pos] == '\\' && *pos + 1 < text.len)
      (*pos)++;
    out[len++] = text.ptr[(*pos)++];
  }
  return (struct str){out, len};
}

int selector_parse_fields(struct str text, struct arena *arena, struct selector *ret_selector,
                          struct err *err) {
  struct selector selector = {0};
  size_t capacity = 0, pos = 0;
  int rc = check_size(text, err);
  if (rc)
    return rc;
  while (pos < text.len) {
    if (text.ptr[pos] == ',') {
      pos++;
      continue;
    }
    if (selector.count == SELECTOR_MAX_TERMS)
      return err_set(err, RC_LIMIT, "the selector has more than %u terms", SELECTOR_MAX_TERMS);
    struct selector_term *term = arena_push(arena, (void **)&selector.terms, &selector.count,
                                            &capacity, sizeof(struct selector_term));
    size_t from = pos;
    while (pos < text.len && text.ptr[pos] != '=' && text.ptr[pos] != '!' && text.ptr[pos] != ',')
      pos++;
    term->key = arena_str(arena, str_trim(str_slice(text, from, pos)));
    term->op = pos < text.len && text.ptr[pos] == '!' ? SELECTOR_NOT : SELECTOR_EQUALS;
    if (term->op == SELECTOR_NOT)
      pos++;
    if (term->key.len == 0 || pos >= text.len || text.ptr[pos] != '=')
      return err_set(err, RC_PARSE, "invalid selector: '%.*s'; can't understand '%.*s'",
                     STR_ARG(text), STR_ARG(str_slice(text, from, text.len)));
    pos++;
    if (term->op == SELECTOR_EQUALS && pos < text.len && text.ptr[pos] == '=')
      pos++;
    term->values = ARENA_NEW(arena, struct str);
    term->values[0] = field_value(arena, text, &pos);
    term->count = 1;
  }
  *ret_selector = selector;
  return RC_OK;
}

bool selector_is_empty(const struct selector *selector) {
  return selector->count == 0;
}

static bool term_has(const struct selector_term *term, struct str value) {
  for (size_t i = 0; i < term->count; i++)
    if (str_eq(term->values[i], value))
      return true;
  return false;
}

static bool term_match(const struct selector_term *term, bool present, struct str value) {
  int64_t have, want;
  switch (term->op) {
  case SELECTOR_EQUALS: return present && term_has(term, value);
  case SELECTOR_NOT: return !present || !term_has(term, value);
  case SELECTOR_EXISTS: return present;
  case SELECTOR_ABSENT: return !present;
  case SELECTOR_GREATER:
  case SELECTOR_LESS:
    if (!present || !str_to_i64(value, &have) || !str_to_i64(term->values[0], &want))
      return false;
    return term->op == SELECTOR_GREATER ? have > want : have < want;
  }
  return false;
}

bool selector_match_labels(const struct selector *selector, const struct json *labels) {
  for (size_t i = 0; i < selector->count; i++) {
    const struct json *label = json_get_s(labels, selector->terms[i].key);
    if (!term_match(&selector->terms[i], label != NULL, json_string(label)))
      return false;
  }
  return true;
}

static struct str scalar_text(const struct json *value) {
  if (json_is(value, JSON_BOOL))
    return json_is_true(value) ? STR("true") : STR("false");
  return json_string(value); // "" for what is absent
}

bool selector_match_fields(const struct selector *selector, const struct json *object) {
  for (size_t i = 0; i < selector->count; i++) {
    const struct json *field = json_path(object, selector->terms[i].key.ptr);
    if (!term_match(&selector->terms[i], true, scalar_text(field)))
      return false;
  }
  return true;
}

struct str selector_exact(const struct selector *selector, const char *key) {
  for (size_t i = 0; i < selector->count; i++) {
    const struct selector_term *term = &selector->terms[i];
    if (term->op == SELECTOR_EQUALS && term->count == 1 && str_eq_z(term->key, key))
      return term->values[0];
  }
  return STR_NULL;
}
