// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/duration.h"

static const struct {
  const char *name;
  int64_t ns;
} units[] = {{"ns", 1},
             {"us", 1000},
             {"\xc2\xb5s", 1000},
             {"ms", 1000000},
             {"s", 1000000000},
             {"m", 60ll * 1000000000},
             {"h", 3600ll * 1000000000}};

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Takes one "12.5m" off *text and adds it to *ns.
static bool take_part(struct str *text, int64_t *ns) {
  size_t i = 0;
  int64_t whole = 0;
  while (i < text->len && is_digit(text->ptr[i])) {
    if (__builtin_mul_overflow(whole, 10, &whole) ||
        __builtin_add_overflow(whole, text->ptr[i] - '0', &whole))
      return false;
    i++;
  }
  size_t digits = i;
  double fraction = 0, scale = 0.1;
  if (i < text->len && text->ptr[i] == '.') {
    for (i++; i < text->len && is_digit(text->ptr[i]); i++, scale /= 10, digits++)
      fraction += (text->ptr[i] - '0') * scale;
  }
  if (digits == 0)
    return false;
  size_t start = i;
  while (i < text->len && !is_digit(text->ptr[i]) && text->ptr[i] != '.')
    i++;
  struct str unit = str_slice(*text, start, i);
  for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
    if (!str_eq_z(unit, units[u].name))
      continue;
    int64_t part;
    if (__builtin_mul_overflow(whole, units[u].ns, &part) ||
        __builtin_add_overflow(*ns, part, ns) ||
        __builtin_add_overflow(*ns, (int64_t)(fraction * (double)units[u].ns + 0.5), ns))
      return false;
    *text = str_slice(*text, i, text->len);
    return true;
  }
  return false;
}

bool duration_parse(struct str text, int64_t *ret_ms) {
  int64_t ns = 0;
  if (str_eq(text, STR("0"))) {
    *ret_ms = 0;
    return true;
  }
  if (text.len == 0)
    return false;
  while (text.len)
    if (!take_part(&text, &ns))
      return false;
  if (ns % 1000000 != 0)
    return false;
  *ret_ms = ns / 1000000;
  return true;
}

struct str duration_format(struct arena *arena, int64_t ms) {
  if (ms == 0)
    return arena_strz(arena, "0s");
  if (ms < 1000)
    return arena_printf(arena, "%lldms", (long long)ms);
  long long h = ms / 3600000, m = ms / 60000 % 60, s = ms / 1000 % 60, rest = ms % 1000;
  struct str text = arena_strz(arena, "");
  if (h)
    text = arena_printf(arena, "%lldh", h);
  if (m)
    text = arena_printf(arena, "%.*s%lldm", STR_ARG(text), m);
  if (rest == 0 && s)
    return arena_printf(arena, "%.*s%llds", STR_ARG(text), s);
  if (rest == 0)
    return text;
  while (rest % 10 == 0)
    rest /= 10;
  int width = ms % 10 ? 3 : ms % 100 ? 2 : 1;
  return arena_printf(arena, "%.*s%lld.%0*llds", STR_ARG(text), s, width, rest);
}

struct str duration_words(struct arena *arena, int64_t ms) {
  if (ms < 0)
    ms = 0;
  if (ms > 0 && ms < 1000)
    return arena_printf(arena, "0.%llds", (long long)(ms / 100 ? ms / 100 : 1));
  long long s = ms / 1000;
  static const struct {
    long long seconds;
    const char *name;
  } steps[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
  for (size_t i = 0; i < 3; i++) {
    if (s < steps[i].seconds)
      continue;
    long long low = s % steps[i].seconds / steps[i + 1].seconds;
    return low ? arena_printf(arena, "%lld%s%lld%s", s / steps[i].seconds, steps[i].name, low,
                              steps[i + 1].name)
               : arena_printf(arena, "%lld%s", s / steps[i].seconds, steps[i].name);
  }
  return arena_printf(arena, "%llds", s);
}
