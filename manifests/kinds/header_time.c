// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/header_time.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ISO_8601 STR("%Y-%m-%dT%H:%M:%E3SZ")

// The length of the directive at form[at], which is a percent sign; 0 when it is not known.
static size_t directive_len(struct str form, size_t at) {
  struct str rest = str_slice(form, at + 1, form.len);
  if (str_starts(rest, STR("E3S")))
    return 4;
  if (str_starts(rest, STR("3f")) || str_starts(rest, STR("6f")) || str_starts(rest, STR("9f")))
    return 3;
  return rest.len > 0 && strchr("YymdjHMSsFTab%", rest.ptr[0]) ? 2 : 0;
}

bool header_time_is_valid(struct str form) {
  for (size_t i = 0; i < form.len;) {
    size_t len = form.ptr[i] == '%' ? directive_len(form, i) : 1;
    if (len == 0)
      return false;
    i += len;
  }
  return true;
}

struct civil {
  int64_t seconds;                                              // since 1970
  int year, month, day, hour, minute, second, weekday, yearday; // weekday from Sunday: 0
};

// The Gregorian calendar in closed form (Hinnant, "chrono-compatible low-level date algorithms"):
// years begin in March, so that the leap day is the last one.
static struct civil civil_of(int64_t seconds) {
  int64_t days = seconds / 86400, rest = seconds % 86400, shifted = days + 719468;
  int64_t era = shifted / 146097, day = shifted % 146097;
  int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  int64_t of_year = day - (365 * year + year / 4 - year / 100), march = (5 * of_year + 2) / 153;
  static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  struct civil c = {.seconds = seconds, .day = (int)(of_year - (153 * march + 2) / 5 + 1)};
  c.month = (int)(march < 10 ? march + 3 : march - 9);
  c.year = (int)(year + era * 400 + (c.month <= 2));
  c.hour = (int)(rest / 3600);
  c.minute = (int)(rest / 60 % 60);
  c.second = (int)(rest % 60);
  c.weekday = (int)((days + 4) % 7);
  bool leap = (c.year % 4 == 0 && c.year % 100 != 0) || c.year % 400 == 0;
  c.yearday = before[c.month - 1] + c.day + (leap && c.month > 2);
  return c;
}

// One directive as text in out[0..64).
static size_t directive_write(struct str directive, const struct civil *t, int64_t ms, char *out) {
  static const char days[] = "SunMonTueWedThuFriSat";
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int milli = (int)(ms % 1000), year = t->year, month = t->month, len = 0;
  if (directive.len == 4)
    len = snprintf(out, 64, "%02d.%03d", t->second, milli);
  else if (directive.len == 3) // the clock has milliseconds
    len = snprintf(out, 64, "%03d%.*s", milli, directive.ptr[1] - '3', "000000");
  else
    switch (directive.ptr[1]) {
    case 'Y': len = snprintf(out, 64, "%d", year); break;
    case 'y': len = snprintf(out, 64, "%02d", year % 100); break;
    case 'm': len = snprintf(out, 64, "%02d", month); break;
    case 'd': len = snprintf(out, 64, "%02d", t->day); break;
    case 'j': len = snprintf(out, 64, "%03d", t->yearday); break;
    case 'H': len = snprintf(out, 64, "%02d", t->hour); break;
    case 'M': len = snprintf(out, 64, "%02d", t->minute); break;
    case 'S': len = snprintf(out, 64, "%02d", t->second); break;
    case 's': len = snprintf(out, 64, "%lld", (long long)t->seconds); break;
    case 'F': len = snprintf(out, 64, "%d-%02d-%02d", year, month, t->day); break;
    case 'T': len = snprintf(out, 64, "%02d:%02d:%02d", t->hour, t->minute, t->second); break;
    case 'a': len = snprintf(out, 64, "%.3s", days + 3 * t->weekday); break;
    case 'b': len = snprintf(out, 64, "%.3s", months + 3 * (month - 1)); break;
    default: len = snprintf(out, 64, "%%"); break;
    }
  return len > 0 ? (size_t)len : 0;
}

size_t header_time_write(struct str form, int64_t ms, char *out, size_t room) {
  struct str rest = form.len > 0 ? form : ISO_8601;
  struct civil civil = civil_of(ms > 0 ? ms / 1000 : 0);
  char text[64];
  size_t len = 0;
  for (size_t i = 0; i < rest.len;) {
    size_t used = rest.ptr[i] == '%' ? directive_len(rest, i) : 1;
    if (used == 0)
      return len;
    text[0] = rest.ptr[i];
    size_t got =
        rest.ptr[i] == '%' ? directive_write(str_slice(rest, i, i + used), &civil, ms, text) : 1;
    got = got < room - len ? got : room - len;
    memcpy(out + len, text, got);
    len += got;
    i += used;
  }
  return len;
}
