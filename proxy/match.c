// SPDX-License-Identifier: Apache-2.0
#include "proxy/match.h"

#include "manifests/kinds/regex.h"

static enum match_result match_of(bool holds) {
  return holds ? MATCH_YES : MATCH_NO;
}

enum match_result string_match_value(const struct string_matcher *match, struct str value,
                                     struct regex_worker *worker) {
  struct str want = match->value;
  switch (match->kind) {
  case STRING_MATCH_NONE:
  case STRING_MATCH_PRESENT: return MATCH_YES;
  case STRING_MATCH_EXACT:
    return match_of(match->ignore_case ? str_eq_nocase(value, want) : str_eq(value, want));
  case STRING_MATCH_PREFIX:
    if (!match->ignore_case)
      return match_of(str_starts(value, want));
    return match_of(value.len >= want.len && str_eq_nocase(str_slice(value, 0, want.len), want));
  case STRING_MATCH_PATH_PREFIX:
    return match_of(str_starts(value, want) &&
                    (want.len <= 1 || value.len == want.len || value.ptr[want.len] == '/'));
  case STRING_MATCH_REGEX:
    switch (regex_match(match->regex, value, worker)) {
    case REGEX_NO: return MATCH_NO;
    case REGEX_YES: return MATCH_YES;
    case REGEX_LIMIT: return MATCH_LIMIT;
    }
  }
  return MATCH_NO;
}

bool match_query_param(struct str query, struct str name, struct str *ret_value) {
  struct str rest = query, part;
  if (query.len == 0)
    return false;
  while (str_next(&rest, '&', &part)) {
    ptrdiff_t equals = str_find_char(part, '=');
    size_t key_len = equals < 0 ? part.len : (size_t)equals;
    if (!str_eq(str_slice(part, 0, key_len), name))
      continue;
    *ret_value = equals < 0 ? STR("") : str_slice(part, key_len + 1, part.len);
    return true;
  }
  return false;
}

// The value a header matcher sees: several fields of one name count as one, joined with ','. False
// when there is none. *ret_over: the joined value is longer than any header block may be.
static bool match_header_value(const struct route_request *request, struct str name,
                               struct regex_worker *worker, struct str *ret_value, bool *ret_over) {
  struct str next;
  *ret_over = false;
  if (!request->header || !request->header(request->headers, name, 0, ret_value))
    return false;
  if (!request->header(request->headers, name, 1, &next))
    return true;
  struct buf *joined = &worker->joined;
  buf_reset(joined);
  (void)buf_add_str(joined, *ret_value);
  for (size_t nth = 1; request->header(request->headers, name, nth, &next); nth++) {
    (void)buf_add_char(joined, ',');
    (void)buf_add_str(joined, next);
  }
  *ret_over = joined->failed;
  *ret_value = buf_str(joined);
  return true;
}

static enum match_result match_path_with_query(const struct field_match *field,
                                               const struct route_request *request,
                                               struct regex_worker *worker) {
  if (!request->query.ptr)
    return string_match_value(&field->match, request->path, worker);
  buf_reset(&worker->joined);
  (void)buf_add_str(&worker->joined, request->path);
  (void)buf_add_char(&worker->joined, '?');
  (void)buf_add_str(&worker->joined, request->query);
  if (worker->joined.failed)
    return MATCH_LIMIT;
  return string_match_value(&field->match, buf_str(&worker->joined), worker);
}

static enum match_result match_field_value(const struct field_match *field,
                                           const struct route_request *request,
                                           struct regex_worker *worker) {
  struct str value = STR("");
  bool is_there = true, over = false;
  switch (field->source) {
  case FIELD_METHOD: value = request->method; break;
  case FIELD_AUTHORITY: value = request->authority; break;
  case FIELD_SCHEME: value = request->scheme; break;
  case FIELD_PATH: return match_path_with_query(field, request, worker);
  case FIELD_QUERY: is_there = match_query_param(request->query, field->name, &value); break;
  case FIELD_HEADER:
    is_there = match_header_value(request, field->name, worker, &value, &over);
    break;
  }
  if (over)
    return MATCH_LIMIT;
  if (field->match.kind == STRING_MATCH_PRESENT)
    return match_of(is_there);
  if (!is_there) {
    // withoutHeaders compares a missing header as the empty value; all others need it to be there.
    if (!field->inverted)
      return MATCH_NO;
    value = STR("");
  }
  return string_match_value(&field->match, value, worker);
}

static enum match_result match_field(const struct field_match *field,
                                     const struct route_request *request,
                                     struct regex_worker *worker) {
  enum match_result result = match_field_value(field, request, worker);
  if (result == MATCH_LIMIT || !field->inverted)
    return result;
  return match_of(result == MATCH_NO);
}

enum match_result match_request(const struct match *match, const struct route_request *request,
                                uint16_t port, struct regex_worker *worker) {
  if (match->port && match->port != port)
    return MATCH_NO;
  const struct {
    const struct string_matcher *matcher;
    struct str value;
  } parts[] = {{&match->method, request->method},
               {&match->uri, request->path},
               {&match->authority, request->authority},
               {&match->scheme, request->scheme}};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    enum match_result result = string_match_value(parts[i].matcher, parts[i].value, worker);
    if (result != MATCH_YES)
      return result;
  }
  for (size_t i = 0; i < match->field_count; i++) {
    enum match_result result = match_field(&match->fields[i], request, worker);
    if (result != MATCH_YES)
      return result;
  }
  return MATCH_YES;
}

static bool match_covers_all(const struct string_matcher *match) {
  switch (match->kind) {
  case STRING_MATCH_NONE:
  case STRING_MATCH_PRESENT: return true;
  case STRING_MATCH_EXACT: return false;
  case STRING_MATCH_PATH_PREFIX:
  case STRING_MATCH_PREFIX: return match->value.len == 0 || str_eq(match->value, STR("/"));
  case STRING_MATCH_REGEX: return str_eq(match->value, STR(".*"));
  }
  return false;
}

bool match_is_catch_all(const struct match *match) {
  return match->port == 0 && match->field_count == 0 && match->method.kind == STRING_MATCH_NONE &&
         match->scheme.kind == STRING_MATCH_NONE && match->authority.kind == STRING_MATCH_NONE &&
         match_covers_all(&match->uri);
}
