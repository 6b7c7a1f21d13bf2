// SPDX-License-Identifier: Apache-2.0
// "%s is %d".format([a, b]) and strings.quote(a). Source: cel-go's extension "strings".
#include "manifests/cel/functions.h"
#include "manifests/cel/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>

#define TEXT_MAX (16u << 20)

static const char *put_digits(struct buf *out, struct cel_value value, char verb) {
  bool negative = value.kind == CEL_INT && value.integer < 0;
  uint64_t size = value.kind == CEL_INT
                      ? (negative ? 0 - (uint64_t)value.integer : (uint64_t)value.integer)
                      : value.uinteger;
  if (value.kind != CEL_INT && value.kind != CEL_UINT)
    return "only integers can be written in this form";
  if (negative)
    buf_add_char(out, '-');
  if (verb == 'x')
    buf_addf(out, "%" PRIx64, size);
  else if (verb == 'X')
    buf_addf(out, "%" PRIX64, size);
  else if (verb == 'o')
    buf_addf(out, "%" PRIo64, size);
  else if (verb == 'd')
    buf_addf(out, "%" PRIu64, size);
  for (int bit = verb == 'b' ? 63 : -1; bit >= 0; bit--)
    if (size >> bit || bit == 0)
      buf_add_char(out, (char)('0' + (size >> bit & 1)));
  return NULL;
}

static const char *put_hex(struct buf *out, struct cel_value value, char verb) {
  if (value.kind != CEL_STRING && value.kind != CEL_BYTES)
    return put_digits(out, value, verb);
  for (size_t i = 0; i < value.text.len; i++)
    buf_addf(out, verb == 'x' ? "%02x" : "%02X", (unsigned)(unsigned char)value.text.ptr[i]);
  return NULL;
}

static const char *put_number(struct buf *out, struct cel_value value, char verb, int precision) {
  double number = value.kind == CEL_DOUBLE ? value.number
                  : value.kind == CEL_INT  ? (double)value.integer
                  : value.kind == CEL_UINT ? (double)value.uinteger
                                           : NAN;
  if (value.kind != CEL_DOUBLE && value.kind != CEL_INT && value.kind != CEL_UINT)
    return "only numbers can be written in this form";
  if (isnan(number) || isinf(number))
    buf_add_z(out, isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity");
  else if (verb == 'f')
    buf_addf(out, "%.*f", precision, number);
  else
    buf_addf(out, "%.*e", precision, number);
  return NULL;
}

static const char *put_decimal(struct buf *out, struct cel_value value, struct arena *arena) {
  if (value.kind != CEL_DOUBLE)
    return put_digits(out, value, 'd');
  cel_show(out, value, arena);
  return NULL;
}

static const char *put(struct buf *out, struct cel_value value, char verb, int precision,
                       struct arena *arena) {
  switch (verb) {
  case 's': cel_show(out, value, arena); return NULL;
  case 'd': return put_decimal(out, value, arena);
  case 'f':
  case 'e': return put_number(out, value, verb, precision);
  case 'x':
  case 'X': return put_hex(out, value, verb);
  case 'b':
    if (value.kind == CEL_BOOL) {
      buf_add_char(out, value.boolean ? '1' : '0');
      return NULL;
    }
    return put_digits(out, value, verb);
  case 'o': return put_digits(out, value, verb);
  default: return "unrecognized formatting clause";
  }
}

static size_t take_precision(struct str form, size_t at, int *ret_precision) {
  *ret_precision = 6;
  if (at >= form.len || form.ptr[at] != '.')
    return at;
  *ret_precision = 0;
  for (at++; at < form.len && isdigit((unsigned char)form.ptr[at]); at++)
    if (*ret_precision < 100)
      *ret_precision = *ret_precision * 10 + (form.ptr[at] - '0');
  return at;
}

struct cel_value cel_fn_format(struct cel_run *run, const struct cel_value *args) {
  struct str form = args[0].text;
  struct cel_list *list = args[1].list;
  const char *fault = NULL;
  size_t used = 0;
  struct buf out;
  buf_init(&out, TEXT_MAX);
  for (size_t i = 0; i < form.len && !fault; i++) {
    int precision;
    if (form.ptr[i] != '%') {
      buf_add_char(&out, form.ptr[i]);
      continue;
    }
    i = take_precision(form, i + 1, &precision);
    if (i < form.len && form.ptr[i] == '%')
      buf_add_char(&out, '%');
    else if (i >= form.len)
      fault = "unexpected end of string";
    else if (used >= list->count)
      fault = "not enough arguments";
    else
      fault = put(&out, cel_list_at(list, used++, run->arena), form.ptr[i],
                  precision > 100 ? 100 : precision, run->arena);
  }
  if (!fault)
    return cel_take_text(run, &out);
  buf_dispose(&out);
  return cel_error(run->arena, "error during formatting: %s", fault);
}

struct cel_value cel_fn_quote(struct cel_run *run, const struct cel_value *args) {
  static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
  struct str text = args[0].text;
  struct buf out;
  buf_init(&out, TEXT_MAX);
  buf_add_char(&out, '"');
  for (size_t i = 0; i < text.len; i++) {
    size_t found = 0;
    while (found < sizeof to - 1 && from[found] != text.ptr[i])
      found++;
    if (found < sizeof to - 1)
      buf_add_char(&out, '\\');
    buf_add_char(&out, found < sizeof to - 1 ? to[found] : text.ptr[i]);
  }
  buf_add_char(&out, '"');
  return cel_take_text(run, &out);
}
