// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/header_command.h"

#include "manifests/base/bug.h"
#include "manifests/kinds/header_time.h"
#include "manifests/schema/format.h"

static const struct str command_names[HEADER_TEXT_COUNT] = {
#define XX(name, text) [HEADER_TEXT_##name] = STR(text),
    HEADER_TEXT_MAP(XX)
#undef XX
};

struct str header_command_name(enum header_command command) {
  return command_names[command];
}

static int lone(size_t at, struct err *err) {
  return err_set(err, RC_INVALID,
                 "a lone %% at byte %zu begins a command such as %%PROTOCOL%%; write %%%% for a "
                 "percent sign",
                 at);
}

static bool is_field_name(struct str name, bool of_response) {
  static const struct str request[] = {STR(":method"), STR(":authority"), STR(":path"),
                                       STR(":scheme")};
  if (!str_starts(name, STR(":")))
    return format_token.is_valid(name);
  if (of_response)
    return str_eq(name, STR(":status"));
  for (size_t i = 0; i < ARRAY_LEN(request); i++) {
    if (str_eq(name, request[i]))
      return true;
  }
  return false;
}

// "X" or "X?Y" of REQ and RESP.
static int read_field(struct header_token *token, struct str argument, struct err *err) {
  ptrdiff_t mark = str_find_char(argument, '?');
  size_t end = mark < 0 ? argument.len : (size_t)mark;
  bool of_response = token->command == HEADER_RESP;
  token->name = str_slice(argument, 0, end);
  token->alt = mark < 0 ? STR("") : str_slice(argument, end + 1, argument.len);
  if (is_field_name(token->name, of_response) &&
      (mark < 0 || is_field_name(token->alt, of_response)))
    return 0;
  return err_set(err, RC_INVALID, "\"%.*s\" is not a header name (X or X?Y)", STR_ARG(argument));
}

static int read_named(struct header_token *token, struct str name, bool has_argument,
                      struct str argument, struct err *err) {
  if (str_eq(name, STR("REQ")) || str_eq(name, STR("RESP"))) {
    token->command = str_eq(name, STR("REQ")) ? HEADER_REQ : HEADER_RESP;
    return read_field(token, argument, err);
  }
  if (str_eq(name, STR("START_TIME"))) {
    token->command = HEADER_START_TIME;
    token->text = argument;
    if (header_time_is_valid(argument))
      return 0;
    return err_set(err, RC_INVALID, "\"%.*s\" is no form of time that is known here",
                   STR_ARG(argument));
  }
  for (size_t i = 0; i < HEADER_TEXT_COUNT; i++) {
    if (!str_eq(name, command_names[i]))
      continue;
    token->command = (enum header_command)i;
    if (has_argument)
      return err_set(err, RC_INVALID, "%%%.*s%% takes no argument", STR_ARG(name));
    return 0;
  }
  return err_set(err, RC_INVALID, "unknown command %%%.*s%%", STR_ARG(name));
}

// Up to the next command.
static void read_literal(struct str value, size_t *at, struct header_token *token) {
  size_t start = *at, i = start;
  while (i < value.len) {
    bool is_percent = value.ptr[i] == '%';
    if (is_percent && (i + 1 == value.len || value.ptr[i + 1] != '%'))
      break;
    i += is_percent ? 2 : 1;
  }
  token->command = HEADER_LITERAL;
  token->text = str_slice(value, start, i);
  *at = i;
}

// "%NAME%", "%NAME(argument)%", "%NAME(argument):length%"; *at is at the first percent sign.
static int read_command(struct str value, size_t *at, struct header_token *token, struct err *err) {
  size_t i = *at + 1, start = i;
  struct str argument = STR("");
  bool has_argument = false;
  int64_t max_len = 0;
  while (i < value.len && ((value.ptr[i] >= 'A' && value.ptr[i] <= 'Z') || value.ptr[i] == '_'))
    i++;
  struct str name = str_slice(value, start, i);
  if (i < value.len && value.ptr[i] == '(') {
    size_t from = ++i;
    while (i < value.len && value.ptr[i] != ')')
      i++;
    if (i == value.len)
      return lone(*at, err);
    has_argument = true;
    argument = str_slice(value, from, i++);
  }
  if (i < value.len && value.ptr[i] == ':') {
    size_t from = ++i;
    while (i < value.len && value.ptr[i] != '%')
      i++;
    if (!str_to_i64(str_slice(value, from, i), &max_len) || max_len < 1 || max_len > 65536)
      return err_set(err, RC_INVALID, "expected a length behind \"%%%.*s:\"", STR_ARG(name));
  }
  if (name.len == 0 || i >= value.len || value.ptr[i] != '%')
    return lone(*at, err);
  token->max_len = (size_t)max_len;
  *at = i + 1;
  return read_named(token, name, has_argument, argument, err);
}

int header_command_next(struct str value, size_t *at, struct header_token *ret_token,
                        struct err *err) {
  *ret_token = (struct header_token){.text = STR(""), .name = STR(""), .alt = STR("")};
  bool is_command = value.ptr[*at] == '%' && (*at + 1 == value.len || value.ptr[*at + 1] != '%');
  if (is_command)
    return read_command(value, at, ret_token, err);
  read_literal(value, at, ret_token);
  return 0;
}

int header_command_check(struct str value, struct err *err) {
  struct header_token token;
  int rc = 0;
  for (size_t i = 0; i < value.len; i++) {
    unsigned char byte = (unsigned char)value.ptr[i];
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
      return err_set(err, RC_INVALID, "byte 0x%02x at %zu cannot stand in a header", byte, i);
  }
  for (size_t at = 0; rc == 0 && at < value.len;)
    rc = header_command_next(value, &at, &token, err);
  return rc;
}

bool header_is_of_connection(struct str name) {
  static const struct str names[] = {
      STR("connection"),        STR("keep-alive"), STR("proxy-connection"), STR("content-length"),
      STR("transfer-encoding"), STR("upgrade"),    STR("http2-settings"),
  };
  for (size_t i = 0; i < ARRAY_LEN(names); i++)
    if (str_eq_nocase(name, names[i]))
      return true;
  return false;
}
