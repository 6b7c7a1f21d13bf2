// SPDX-License-Identifier: Apache-2.0
// int(x), string(x) and their like.
#include "manifests/cel/functions.h"
#include "manifests/cel/net.h"
#include "manifests/cel/text.h"
#include "manifests/text/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct cel_value no_conversion(struct cel_run *run, const struct cel_value *from,
                                      enum cel_kind to) {
  return cel_error(run->arena, "type conversion error from '%s' to '%s'", cel_kind_name(from->kind),
                   cel_kind_name(to));
}

struct cel_value cel_fn_to_bool(struct cel_run *run, const struct cel_value *args) {
  static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
  static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
  if (args[0].kind == CEL_BOOL)
    return args[0];
  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
    if (str_eq_z(args[0].text, yes[i]) || str_eq_z(args[0].text, no[i]))
      return cel_bool(str_eq_z(args[0].text, yes[i]));
  return no_conversion(run, args, CEL_BOOL);
}

struct cel_value cel_fn_to_bytes(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return (struct cel_value){.kind = CEL_BYTES, .text = args[0].text};
}

static bool text_to_double(struct str text, double *ret_number) {
  char copy[400], *end;
  bool plain = text.len > 0 && text.len < sizeof copy;
  for (size_t i = 0; plain && i < text.len; i++)
    plain = strchr("0123456789.eE+-", text.ptr[i]) != NULL;
  if (str_eq_nocase(text, STR("nan")) || str_eq_nocase(text, STR("inf")) ||
      str_eq_nocase(text, STR("+inf")) || str_eq_nocase(text, STR("-inf"))) {
    *ret_number = text.len == 3 && (text.ptr[0] | 32) == 'n' ? NAN : INFINITY;
    if (text.ptr[0] == '-')
      *ret_number = -INFINITY;
    return true;
  }
  if (!plain)
    return false;
  memcpy(copy, text.ptr, text.len);
  copy[text.len] = '\0';
  *ret_number = strtod(copy, &end);
  return *end == '\0' && !isinf(*ret_number);
}

struct cel_value cel_fn_to_double(struct cel_run *run, const struct cel_value *args) {
  double number;
  switch ((int)args[0].kind) {
  case CEL_INT: return cel_double((double)args[0].integer);
  case CEL_UINT: return cel_double((double)args[0].uinteger);
  case CEL_STRING:
    return text_to_double(args[0].text, &number) ? cel_double(number)
                                                 : no_conversion(run, args, CEL_DOUBLE);
  default: return args[0];
  }
}

struct cel_value cel_fn_to_duration(struct cel_run *run, const struct cel_value *args) {
  if (args[0].kind == CEL_STRING)
    return cel_read_duration(args[0].text, run->arena);
  return cel_duration(args[0].integer);
}

static struct cel_value overflow(struct cel_run *run, enum cel_kind kind) {
  return cel_error(run->arena, "%s overflow", kind == CEL_UINT ? "unsigned integer" : "integer");
}

struct cel_value cel_fn_to_int(struct cel_run *run, const struct cel_value *args) {
  int64_t value;
  struct str text = args[0].text;
  switch ((int)args[0].kind) {
  case CEL_DOUBLE:
    // The bounds themselves cannot be told from what lies beyond them.
    if (!(args[0].number > -0x1p63 && args[0].number < 0x1p63))
      return overflow(run, CEL_INT);
    return cel_int((int64_t)args[0].number);
  case CEL_UINT:
    return args[0].uinteger > INT64_MAX ? overflow(run, CEL_INT)
                                        : cel_int((int64_t)args[0].uinteger);
  case CEL_TIMESTAMP: return cel_int(args[0].instant.seconds);
  case CEL_STRING:
    if (text.len > 1 && text.ptr[0] == '+')
      text = text.ptr[1] == '-' ? STR_NULL : str_slice(text, 1, text.len);
    return str_to_i64(text, &value) ? cel_int(value) : no_conversion(run, args, CEL_INT);
  default: return cel_int(args[0].integer);
  }
}

struct cel_value cel_fn_to_uint(struct cel_run *run, const struct cel_value *args) {
  uint64_t value;
  switch ((int)args[0].kind) {
  case CEL_DOUBLE:
    if (!(args[0].number >= 0 && args[0].number < 0x1p64))
      return overflow(run, CEL_UINT);
    return cel_uint((uint64_t)args[0].number);
  case CEL_INT:
    return args[0].integer < 0 ? overflow(run, CEL_UINT) : cel_uint((uint64_t)args[0].integer);
  case CEL_STRING:
    return str_to_u64(args[0].text, &value) ? cel_uint(value) : no_conversion(run, args, CEL_UINT);
  default: return args[0];
  }
}

struct cel_value cel_fn_to_string(struct cel_run *run, const struct cel_value *args) {
  struct buf text;
  size_t at;
  if (args[0].kind == CEL_STRING)
    return args[0];
  if (args[0].kind == CEL_BYTES) {
    if (!utf8_valid(args[0].text, &at))
      return cel_error(run->arena, "invalid UTF-8 in bytes, cannot convert to string");
    return cel_string(args[0].text);
  }
  buf_init(&text, 4096);
  if (args[0].kind == CEL_IP || args[0].kind == CEL_CIDR)
    cel_write_address(&text, args[0]);
  else
    cel_show(&text, args[0], run->arena);
  return cel_take_text(run, &text);
}

struct cel_value cel_fn_to_timestamp(struct cel_run *run, const struct cel_value *args) {
  struct cel_instant instant;
  switch ((int)args[0].kind) {
  case CEL_INT: return cel_timestamp((struct cel_instant){args[0].integer, 0});
  case CEL_STRING:
    if (!cel_parse_timestamp(args[0].text, &instant))
      return no_conversion(run, args, CEL_TIMESTAMP);
    return cel_timestamp(instant);
  default: return args[0];
  }
}
