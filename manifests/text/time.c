// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/time.h"

// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-compatible low-level
// date algorithms").
int64_t time_days_of(int64_t y, int64_t m, int64_t d) {
  y -= m <= 2;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t yoe = y - era * 400;
  int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + doe - 719468;
}

void time_date_of(int64_t days, int64_t *y, int64_t *m, int64_t *d) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t doe = days - era * 146097;
  int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  int64_t mp = (5 * doy + 2) / 153;
  *d = doy - (153 * mp + 2) / 5 + 1;
  *m = mp < 10 ? mp + 3 : mp - 9;
  *y = yoe + era * 400 + (*m <= 2);
}

static bool take_number(struct str *text, size_t digits, int64_t low, int64_t high, int64_t *ret) {
  if (text->len < digits || !str_to_i64(str_slice(*text, 0, digits), ret) || *ret < low ||
      *ret > high)
    return false;
  *text = str_slice(*text, digits, text->len);
  return true;
}

static bool take_char(struct str *text, char a, char b) {
  if (text->len == 0 || (text->ptr[0] != a && text->ptr[0] != b))
    return false;
  *text = str_slice(*text, 1, text->len);
  return true;
}

static bool take_fraction(struct str *text, int64_t *ret_ms) {
  *ret_ms = 0;
  if (!take_char(text, '.', '.'))
    return true;
  size_t digits = 0;
  for (; text->len && text->ptr[0] >= '0' && text->ptr[0] <= '9'; digits++) {
    if (digits < 3)
      *ret_ms = *ret_ms * 10 + (text->ptr[0] - '0');
    *text = str_slice(*text, 1, text->len);
  }
  for (size_t i = digits; i < 3; i++)
    *ret_ms *= 10;
  return digits > 0;
}

static bool take_zone(struct str *text, int64_t *ret_minutes) {
  *ret_minutes = 0;
  if (take_char(text, 'Z', 'z'))
    return text->len == 0;
  bool minus = text->len && text->ptr[0] == '-';
  int64_t h, m;
  if (!take_char(text, '+', '-') || !take_number(text, 2, 0, 23, &h) ||
      !take_char(text, ':', ':') || !take_number(text, 2, 0, 59, &m) || text->len)
    return false;
  *ret_minutes = (h * 60 + m) * (minus ? -1 : 1);
  return true;
}

bool time_parse(struct str text, int64_t *ret_ms) {
  int64_t y, mo, d, h, mi, s, ms, zone;
  if (!take_number(&text, 4, 0, 9999, &y) || !take_char(&text, '-', '-') ||
      !take_number(&text, 2, 1, 12, &mo) || !take_char(&text, '-', '-') ||
      !take_number(&text, 2, 1, 31, &d) || !take_char(&text, 'T', 't') ||
      !take_number(&text, 2, 0, 23, &h) || !take_char(&text, ':', ':') ||
      !take_number(&text, 2, 0, 59, &mi) || !take_char(&text, ':', ':') ||
      !take_number(&text, 2, 0, 60, &s) || !take_fraction(&text, &ms) || !take_zone(&text, &zone))
    return false;
  *ret_ms = ((time_days_of(y, mo, d) * 24 + h) * 60 + mi - zone) * 60000 + s * 1000 + ms;
  return true;
}

static struct str format(struct arena *arena, int64_t ms, const char *tail, int64_t tail_value) {
  int64_t days = ms / 86400000, in_day = ms % 86400000;
  if (in_day < 0) {
    in_day += 86400000;
    days--;
  }
  int64_t y, m, d;
  time_date_of(days, &y, &m, &d);
  struct str seconds =
      arena_printf(arena, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld", (long long)y, (long long)m,
                   (long long)d, (long long)(in_day / 3600000), (long long)(in_day / 60000 % 60),
                   (long long)(in_day / 1000 % 60));
  return tail ? arena_printf(arena, "%.*s.%03lld%s", STR_ARG(seconds), (long long)tail_value, tail)
              : arena_printf(arena, "%.*sZ", STR_ARG(seconds));
}

static int64_t milliseconds(int64_t ms) {
  return (ms % 1000 + 1000) % 1000;
}

struct str time_format(struct arena *arena, int64_t ms) {
  return format(arena, ms, NULL, 0);
}

struct str time_format_micro(struct arena *arena, int64_t ms) {
  return format(arena, ms, "000Z", milliseconds(ms));
}

struct str time_format_ms(struct arena *arena, int64_t ms) {
  return format(arena, ms, "Z", milliseconds(ms));
}
