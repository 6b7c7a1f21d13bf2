// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/percent.h"

static struct str without_sign(struct str text) {
  return str_ends(text, STR("%")) ? str_slice(text, 0, text.len - 1) : text;
}

bool percent_parse_parts(struct str text, int64_t *ret_parts) {
  struct str rest = without_sign(text), whole, fraction = STR("");
  if (!str_next(&rest, '.', &whole) || whole.len == 0 || whole.len > 3)
    return false;
  if (rest.ptr && (!str_next(&rest, '.', &fraction) || rest.ptr || fraction.len == 0))
    return false;
  while (fraction.len > 2 && fraction.ptr[fraction.len - 1] == '0')
    fraction.len--;
  uint64_t high, low = 0;
  if (fraction.len > 2 || !str_to_u64(whole, &high) ||
      (fraction.len && !str_to_u64(fraction, &low)))
    return false;
  if (fraction.len == 1)
    low *= 10;
  uint64_t parts = high * 100 + low;
  if (parts > 10000)
    return false;
  *ret_parts = (int64_t)parts;
  return true;
}

struct str percent_format_parts(struct arena *arena, int64_t parts) {
  long long whole = parts / 100, rest = parts % 100;
  if (rest == 0)
    return arena_printf(arena, "%lld", whole);
  if (rest % 10 == 0)
    return arena_printf(arena, "%lld.%lld", whole, rest / 10);
  return arena_printf(arena, "%lld.%02lld", whole, rest);
}

bool percent_parse(struct str text, double *ret_percent) {
  double value;
  if (!str_to_double(without_sign(text), &value) || value < 0)
    return false;
  *ret_percent = value;
  return true;
}
