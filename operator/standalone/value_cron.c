// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/value_cron.h"
#include "manifests/base/bug.h"
#include "manifests/text/duration.h"

#include <ctype.h>

struct field {
  const char *name;
  int64_t low, high;
  const char *const *words; // for low, low + 1, ...
};

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                     "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static bool read_number(struct str text, const struct field *field, int64_t *ret_value) {
  for (int64_t i = 0; field->words && field->words[i]; i++)
    if (str_eq_nocase(text, str_of(field->words[i]))) {
      *ret_value = field->low + i;
      return true;
    }
  return str_to_i64(text, ret_value) && *ret_value >= field->low && *ret_value <= field->high;
}

// "1", "1-5", "*", "?", each with "/step".
static bool is_range(struct str text, const struct field *field) {
  struct str range, first;
  int64_t step = 1, low = field->low, high = field->high;
  (void)str_next(&text, '/', &range);
  if (text.ptr && (!str_to_i64(text, &step) || step < 1))
    return false;
  if (str_eq_z(range, "*") || str_eq_z(range, "?"))
    return true;
  (void)str_next(&range, '-', &first);
  if (!read_number(first, field, &low))
    return false;
  high = low;
  return (!range.ptr || read_number(range, field, &high)) && low <= high;
}

static bool is_descriptor(struct str text) {
  static const char *const known[] = {"@yearly", "@annually", "@monthly", "@weekly",
                                      "@daily",  "@midnight", "@hourly"};
  int64_t every_ms;
  if (str_starts(text, STR("@every ")))
    return duration_parse(str_slice(text, 7, text.len), &every_ms);
  for (size_t i = 0; i < ARRAY_LEN(known); i++)
    if (str_eq_z(text, known[i]))
      return true;
  return false;
}

bool value_cron_is_valid(struct str text, struct arena *arena, struct str *ret_why) {
  static const struct field fields[] = {{"minute", 0, 59, NULL},
                                        {"hour", 0, 23, NULL},
                                        {"day of the month", 1, 31, NULL},
                                        {"month", 1, 12, months},
                                        {"day of the week", 0, 6, days}};
  struct str rest = text, word, part;
  size_t count = 0;
  if (str_starts(text, STR("TZ=")) || str_starts(text, STR("CRON_TZ="))) {
    *ret_why = STR("cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
    return false;
  }
  if (str_starts(text, STR("@"))) {
    *ret_why = arena_printf(arena, "unrecognized descriptor: %.*s", STR_ARG(text));
    return is_descriptor(text);
  }
  while (str_next(&rest, ' ', &word)) {
    if (word.len == 0)
      continue;
    while (count < ARRAY_LEN(fields) && str_next(&word, ',', &part))
      if (!is_range(part, &fields[count])) {
        *ret_why = arena_printf(arena, "no %s between %lld and %lld: %.*s", fields[count].name,
                                (long long)fields[count].low, (long long)fields[count].high,
                                STR_ARG(part));
        return false;
      }
    count++;
  }
  *ret_why = arena_printf(arena, "expected exactly 5 fields, found %zu: [%.*s]", count,
                          STR_ARG(str_trim(text)));
  return count == ARRAY_LEN(fields);
}
