// SPDX-License-Identifier: Apache-2.0
// Durations and timestamps. Source: CEL language definition, "Timestamp and duration".
#include "manifests/cel/functions.h"
#include "manifests/text/time.h"

#include <ctype.h>

#define NANOS 1000000000

static struct cel_value duration_overflow(void) {
  return (struct cel_value){.kind = CEL_ERROR, .text = STR("duration overflow")};
}

static struct cel_value shifted(struct cel_instant at, __int128 nanos) {
  __int128 sum = (__int128)at.seconds * NANOS + at.nanos + nanos;
  __int128 seconds = sum / NANOS;
  int64_t rest = (int64_t)(sum - seconds * NANOS);
  if (rest < 0) {
    rest += NANOS;
    seconds--;
  }
  return cel_timestamp((struct cel_instant){(int64_t)seconds, (int32_t)rest});
}

struct cel_value cel_fn_add_durations(struct cel_run *run, const struct cel_value *args) {
  int64_t sum;
  (void)run;
  return __builtin_add_overflow(args[0].integer, args[1].integer, &sum) ? duration_overflow()
                                                                        : cel_duration(sum);
}

struct cel_value cel_fn_subtract_durations(struct cel_run *run, const struct cel_value *args) {
  int64_t rest;
  (void)run;
  return __builtin_sub_overflow(args[0].integer, args[1].integer, &rest) ? duration_overflow()
                                                                         : cel_duration(rest);
}

struct cel_value cel_fn_add_duration_time(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return shifted(args[1].instant, args[0].integer);
}

struct cel_value cel_fn_add_time_duration(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return shifted(args[0].instant, args[1].integer);
}

struct cel_value cel_fn_subtract_time_duration(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return shifted(args[0].instant, -(__int128)args[1].integer);
}

struct cel_value cel_fn_subtract_times(struct cel_run *run, const struct cel_value *args) {
  struct cel_instant a = args[0].instant, b = args[1].instant;
  __int128 nanos = (__int128)(a.seconds - b.seconds) * NANOS + (a.nanos - b.nanos);
  (void)run;
  return nanos > INT64_MAX || nanos < INT64_MIN ? duration_overflow()
                                                : cel_duration((int64_t)nanos);
}

// --- Parts of a time

// "UTC", "+01:00", "-08:00", "01:00". There is no table of zones here.
static bool zone_seconds(struct str zone, int64_t *ret_seconds) {
  int64_t hours, minutes;
  bool minus = zone.len && zone.ptr[0] == '-';
  *ret_seconds = 0;
  if (zone.len == 0 || str_eq_z(zone, "UTC"))
    return true;
  if (zone.ptr[0] == '-' || zone.ptr[0] == '+')
    zone = str_slice(zone, 1, zone.len);
  if (zone.len != 5 || zone.ptr[2] != ':' || !isdigit((unsigned char)zone.ptr[0]) ||
      !isdigit((unsigned char)zone.ptr[3]) || !str_to_i64(str_slice(zone, 0, 2), &hours) ||
      !str_to_i64(str_slice(zone, 3, 5), &minutes))
    return false;
  *ret_seconds = (hours * 60 + minutes) * 60 * (minus ? -1 : 1);
  return true;
}

struct moment {
  int64_t year, month, day, day_of_year, day_of_week, second_of_day;
};

static bool split(struct cel_run *run, const struct cel_value *args, struct moment *ret_moment,
                  struct cel_value *ret_error) {
  int64_t shift = 0;
  if (args[1].kind == CEL_STRING && !zone_seconds(args[1].text, &shift)) {
    *ret_error = cel_error(run->arena,
                           "unknown time zone %.*s: this server knows UTC and offsets (\"+01:00\")",
                           STR_ARG(args[1].text));
    return false;
  }
  int64_t seconds = args[0].instant.seconds + shift;
  int64_t days = seconds / 86400 - (seconds % 86400 < 0);
  time_date_of(days, &ret_moment->year, &ret_moment->month, &ret_moment->day);
  ret_moment->day_of_year = days - time_days_of(ret_moment->year, 1, 1);
  ret_moment->day_of_week = ((days + 4) % 7 + 7) % 7;
  ret_moment->second_of_day = seconds - days * 86400;
  return true;
}

#define PART(name, expression)                                                                     \
  struct cel_value cel_fn_##name(struct cel_run *run, const struct cel_value *args) {              \
    struct moment m;                                                                               \
    struct cel_value error;                                                                        \
    return split(run, args, &m, &error) ? cel_int(expression) : error;                             \
  }

PART(year, m.year)
PART(month, m.month - 1)
PART(day_of_year, m.day_of_year)
PART(day_of_month, m.day - 1)
PART(date, m.day)
PART(day_of_week, m.day_of_week)
PART(hours, m.second_of_day / 3600)
PART(minutes, m.second_of_day / 60 % 60)
PART(seconds, m.second_of_day % 60)
PART(milliseconds, args[0].instant.nanos / 1000000)

#define DURATION(name, nanos)                                                                      \
  struct cel_value cel_fn_duration_##name(struct cel_run *run, const struct cel_value *args) {     \
    (void)run;                                                                                     \
    return cel_int(args[0].integer / (nanos));                                                     \
  }

DURATION(hours, 3600ll * NANOS)
DURATION(minutes, 60ll * NANOS)
DURATION(seconds, NANOS)
DURATION(milliseconds, 1000000)
