// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/yaml_scalar.h"

static bool one_of(struct str text, const char *const *words) {
  for (; *words; words++)
    if (str_eq_z(text, *words))
      return true;
  return false;
}

static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const trues[] = {"true", "True", "TRUE", "yes", "Yes", "YES",
                                    "on",   "On",   "ON",   "y",   "Y",   NULL};
static const char *const falses[] = {"false", "False", "FALSE", "no", "No", "NO",
                                     "off",   "Off",   "OFF",   "n",  "N",  NULL};

static int digit_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static bool in_base(struct str digits, int base, int64_t *ret) {
  int64_t value = 0;
  if (digits.len == 0)
    return false;
  for (size_t i = 0; i < digits.len; i++) {
    int digit = digit_value(digits.ptr[i]);
    if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
        __builtin_add_overflow(value, digit, &value))
      return false;
  }
  *ret = value;
  return true;
}

static bool resolve_int(struct str text, int64_t *ret) {
  bool minus = str_starts(text, STR("-"));
  if (minus || str_starts(text, STR("+")))
    text = str_slice(text, 1, text.len);
  bool found;
  if (str_starts(text, STR("0x")))
    found = in_base(str_slice(text, 2, text.len), 16, ret);
  else if (str_starts(text, STR("0o")))
    found = in_base(str_slice(text, 2, text.len), 8, ret);
  else if (str_starts(text, STR("0b")))
    found = in_base(str_slice(text, 2, text.len), 2, ret);
  else if (text.len > 1 && text.ptr[0] == '0')
    found = in_base(text, 8, ret); // 0644, as file modes are written
  else
    found = in_base(text, 10, ret);
  if (found && minus)
    *ret = -*ret;
  return found;
}

static bool resolve_double(struct str text, double *ret) {
  bool has_digit = false;
  for (size_t i = 0; i < text.len; i++)
    has_digit |= text.ptr[i] >= '0' && text.ptr[i] <= '9';
  // A second '.' or a stray letter makes it a string ("1.2.3", "1e"); str_to_double decides.
  return has_digit && str_to_double(text, ret);
}

struct json *yaml_scalar_resolve(struct str text, struct arena *arena) {
  int64_t integer;
  double number;
  if (one_of(text, nulls))
    return json_new_null(arena);
  if (one_of(text, trues))
    return json_new_bool(arena, true);
  if (one_of(text, falses))
    return json_new_bool(arena, false);
  if (resolve_int(text, &integer))
    return json_new_int(arena, integer);
  if (resolve_double(text, &number))
    return json_new_double(arena, number);
  return json_new_string(arena, text);
}

// 2026-01-29T12:00:00Z is text to Kubernetes, but a time to other readers of YAML 1.1: kubectl
// quotes it, too.
static bool is_date(struct str text) {
  static const char form[] = "0000-00-00";
  if (text.len < sizeof form - 1)
    return false;
  for (size_t i = 0; i < sizeof form - 1; i++)
    if (form[i] == '-' ? text.ptr[i] != '-' : digit_value(text.ptr[i]) > 9)
      return false;
  return true;
}

bool yaml_scalar_is_string(struct str text) {
  int64_t integer;
  double number;
  return !one_of(text, nulls) && !one_of(text, trues) && !one_of(text, falses) && !is_date(text) &&
         !resolve_int(text, &integer) && !resolve_double(text, &number);
}
