// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/text.h"
#include "manifests/base/bug.h"
#include "manifests/text/base64.h"
#include "manifests/text/time.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NANOS 1000000000

// --- Letters

size_t cel_letters(struct str text) {
  size_t count = 0;
  for (size_t i = 0; i < text.len; i++)
    count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
  return count;
}

size_t cel_letter_at(struct str text, size_t index) {
  size_t at = 0;
  for (size_t i = 0; i < index && at < text.len; i++)
    for (at++; at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80;)
      at++;
  return at;
}

void cel_write_letter(struct buf *out, uint32_t code) {
  if (code < 0x80) {
    buf_add_char(out, (char)code);
  } else if (code < 0x800) {
    buf_add_char(out, (char)(0xc0 | code >> 6));
    buf_add_char(out, (char)(0x80 | (code & 0x3f)));
  } else if (code < 0x10000) {
    buf_add_char(out, (char)(0xe0 | code >> 12));
    buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
    buf_add_char(out, (char)(0x80 | (code & 0x3f)));
  } else {
    buf_add_char(out, (char)(0xf0 | code >> 18));
    buf_add_char(out, (char)(0x80 | (code >> 12 & 0x3f)));
    buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
    buf_add_char(out, (char)(0x80 | (code & 0x3f)));
  }
}

// --- Durations

static bool take_unit(struct str *rest, int64_t *ret_nanos) {
  static const struct {
    const char *name;
    int64_t nanos;
  } units[] = {{"ns", 1},       {"us", 1000}, {"\u00b5s", 1000},   {"\u03bcs", 1000},
               {"ms", 1000000}, {"s", NANOS}, {"m", 60ll * NANOS}, {"h", 3600ll * NANOS}};
  for (size_t i = 0; i < ARRAY_LEN(units); i++) {
    struct str name = str_of(units[i].name);
    if (!str_starts(*rest, name))
      continue;
    *rest = str_slice(*rest, name.len, rest->len);
    *ret_nanos = units[i].nanos;
    return true;
  }
  return false;
}

// "12.5" in front of a unit: whole part and fraction in units of 10^-digits.
static bool take_decimal(struct str *rest, uint64_t *ret_whole, uint64_t *ret_fraction,
                         uint64_t *ret_scale) {
  size_t digits = 0;
  *ret_whole = *ret_fraction = 0;
  *ret_scale = 1;
  for (; rest->len && isdigit((unsigned char)rest->ptr[0]); digits++) {
    if (*ret_whole > (uint64_t)INT64_MAX / 10)
      return false;
    *ret_whole = *ret_whole * 10 + (uint64_t)(rest->ptr[0] - '0');
    *rest = str_slice(*rest, 1, rest->len);
  }
  if (rest->len && rest->ptr[0] == '.') {
    *rest = str_slice(*rest, 1, rest->len);
    for (; rest->len && isdigit((unsigned char)rest->ptr[0]); digits++) {
      if (*ret_scale < 1000000000000000000u) {
        *ret_fraction = *ret_fraction * 10 + (uint64_t)(rest->ptr[0] - '0');
        *ret_scale *= 10;
      }
      *rest = str_slice(*rest, 1, rest->len);
    }
  }
  return digits > 0;
}

bool cel_parse_duration(struct str text, int64_t *ret_nanos) {
  bool minus = text.len && text.ptr[0] == '-';
  if (text.len && (minus || text.ptr[0] == '+'))
    text = str_slice(text, 1, text.len);
  __int128 sum = 0;
  *ret_nanos = 0;
  if (str_eq_z(text, "0"))
    return true;
  if (!text.len)
    return false;
  while (text.len) {
    uint64_t whole, fraction, scale;
    int64_t unit;
    if (!take_decimal(&text, &whole, &fraction, &scale) || !take_unit(&text, &unit))
      return false;
    sum += (__int128)whole * unit + (__int128)fraction * unit / (__int128)scale;
    if (sum > (__int128)INT64_MAX + (minus ? 1 : 0))
      return false;
  }
  *ret_nanos = minus ? (int64_t)-sum : (int64_t)sum;
  return true;
}

struct cel_value cel_read_duration(struct str text, struct arena *arena) {
  int64_t nanos;
  if (!cel_parse_duration(text, &nanos))
    return cel_error(arena, "type conversion error from 'string' to '%s'",
                     cel_kind_name(CEL_DURATION));
  return cel_duration(nanos);
}

static void write_fraction(struct buf *out, int64_t nanos) {
  char digits[16];
  int len = snprintf(digits, sizeof digits, ".%09" PRId64, nanos);
  while (len > 1 && digits[len - 1] == '0')
    len--;
  if (len > 1)
    buf_add(out, digits, (size_t)len);
}

void cel_write_duration(struct buf *out, int64_t nanos) {
  uint64_t size = nanos < 0 ? 0 - (uint64_t)nanos : (uint64_t)nanos;
  buf_addf(out, "%s%" PRIu64, nanos < 0 ? "-" : "", size / NANOS);
  write_fraction(out, (int64_t)(size % NANOS));
  buf_add_char(out, 's');
}

// --- Times

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

// The nanoseconds of "...:05.123456789Z"; time_parse checked the form.
static int32_t nanos_in(struct str text) {
  ptrdiff_t point = str_find_char(text, '.');
  int32_t nanos = 0, scale = NANOS / 10;
  for (size_t i = (size_t)point + 1; point >= 0 && i < text.len; i++) {
    if (!isdigit((unsigned char)text.ptr[i]))
      break;
    nanos += (text.ptr[i] - '0') * scale;
    scale /= 10;
  }
  return nanos;
}

bool cel_parse_timestamp(struct str text, struct cel_instant *ret_instant) {
  int64_t ms;
  // Go wants the letters in capitals and has no leap seconds.
  if (text.len < 20 || text.ptr[10] != 'T' || text.ptr[text.len - 1] == 'z' ||
      str_eq_z(str_slice(text, 17, 19), "60") || !time_parse(text, &ms))
    return false;
  int64_t year, month, day, given = 0;
  (void)str_to_i64(str_slice(text, 8, 10), &given);
  int64_t wanted_month = (text.ptr[5] - '0') * 10 + (text.ptr[6] - '0'), wanted_year = 0;
  (void)str_to_i64(str_slice(text, 0, 4), &wanted_year);
  time_date_of(time_days_of(wanted_year, wanted_month, given), &year, &month, &day);
  if (day != given || month != wanted_month) // the 30th of February
    return false;
  *ret_instant = (struct cel_instant){floor_div(ms, 1000), nanos_in(text)};
  return true;
}

struct cel_value cel_read_date(struct str text, struct arena *arena) {
  struct cel_instant instant;
  struct str whole = text;
  if (text.len == 10)
    whole = arena_printf(arena, "%.*sT00:00:00Z", STR_ARG(text));
  if (!cel_parse_timestamp(whole, &instant))
    return cel_error(arena, "Invalid date-time formatted string %.*s", STR_ARG(text));
  return cel_timestamp(instant);
}

struct cel_value cel_read_base64(struct str text, struct arena *arena) {
  struct str bytes;
  if (!base64_decode(text, arena, &bytes))
    return cel_error(arena, "Invalid byte formatted string %.*s", STR_ARG(text));
  return (struct cel_value){.kind = CEL_BYTES, .text = bytes};
}

void cel_write_timestamp(struct buf *out, struct cel_instant at) {
  int64_t days = floor_div(at.seconds, 86400), of_day = at.seconds - days * 86400, year, month, day;
  time_date_of(days, &year, &month, &day);
  buf_addf(out, "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64 ":%02" PRId64,
           year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60);
  write_fraction(out, at.nanos);
  buf_add_char(out, 'Z');
}

// --- Numbers

void cel_write_double(struct buf *out, double number) {
  char text[40];
  if (isnan(number) || isinf(number)) {
    buf_add_z(out, isnan(number) ? "NaN" : number > 0 ? "+Inf" : "-Inf");
    return;
  }
  int precision = 1;
  do
    (void)snprintf(text, sizeof text, "%.*e", precision - 1, number);
  while (precision++ < 17 && strtod(text, NULL) != number);
  // Go: plain digits for exponents from -4 to 20, else an exponent of at least two digits.
  struct str digits_of = str_of(text);
  size_t from = (size_t)str_find_char(digits_of, 'e') + 1;
  int64_t exponent = 0;
  (void)str_to_i64(str_slice(digits_of, from + (text[from] == '+'), digits_of.len), &exponent);
  if (exponent < -4 || exponent >= 21) {
    buf_add_z(out, text);
    return;
  }
  int digits = precision - 1 > exponent + 1 ? precision - 2 - (int)exponent : 0;
  buf_addf(out, "%.*f", digits, number);
}
