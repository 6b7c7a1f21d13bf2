// SPDX-License-Identifier: Apache-2.0
// Numbers and texts.
#include "manifests/kinds/regex.h"
#include "manifests/text/utf8.h"
#include "operator/standalone/crd_format.h"
#include "operator/standalone/crd_validate_state.h"
#include "operator/standalone/crd_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

// A bound or factor as it counts for `value`: Kubernetes compares whole numbers as such.
static struct json *bound_for(struct validator *v, const struct json *value,
                              const struct json *bound) {
  if (!bound || !json_is(value, JSON_INT) || json_is(bound, JSON_INT))
    return bound ? json_dup(v->arena, bound) : NULL;
  return json_new_int(v->arena, (int64_t)json_number(bound, 0));
}

static bool is_beyond(const struct json *value, const struct json *bound, int sign,
                      bool exclusive) {
  double a = json_number(value, 0), b = json_number(bound, 0);
  int order = a < b ? -1 : a > b;
  if (json_is(value, JSON_INT) && json_is(bound, JSON_INT))
    order = value->integer < bound->integer ? -1 : value->integer > bound->integer;
  return order == sign || (exclusive && order == 0);
}

static void check_range(struct validator *v, struct verdict *verdict, const struct json *schema,
                        const struct json *value, struct str path) {
  bool integer = str_eq_z(json_get_string(schema, "type"), "integer");
  struct str format = json_get_string(schema, "format");
  bool fits = json_is(value, JSON_INT) || fabs(value->number) < 9.2e18;
  if (str_eq_z(format, "int32"))
    fits = fits && json_int(value, 0) >= INT32_MIN && json_int(value, 0) <= INT32_MAX;
  if (!integer || fits)
    return;
  if (format.len)
    crd_fault(v, verdict, NO_FIELD, "invalid",
              "Invalid value: \"\": Checked value must be of type integer with format %.*s in %.*s",
              STR_ARG(format), STR_ARG(path));
  else
    crd_fault(v, verdict, NO_FIELD, "invalid",
              "Invalid value: \"\": Checked value must be of type integer (default format) in %.*s",
              STR_ARG(path));
}

static void check_factor(struct validator *v, struct verdict *verdict, const struct json *factor,
                         const struct json *value, struct str path) {
  struct str shown = json_text(v->arena, factor);
  double quotient = json_number(value, 0) / json_number(factor, 1);
  if (json_number(factor, 0) <= 0)
    crd_fault(v, verdict, path, "invalid",
              "Invalid value: %.*s: factor MultipleOf declared for %.*s must be positive: %.*s",
              STR_ARG(shown), STR_ARG(path), STR_ARG(shown));
  else if (quotient != floor(quotient))
    crd_fault(v, verdict, path, "invalid",
              "Invalid value: %.*s: %.*s in body should be a multiple of %.*s",
              STR_ARG(json_text(v->arena, value)), STR_ARG(crd_in_body(v, path)), STR_ARG(shown));
}

void crd_check_number(struct validator *v, struct verdict *verdict, const struct json *schema,
                      const struct json *value, struct str path) {
  const struct json *high = bound_for(v, value, json_get(schema, "maximum"));
  const struct json *low = bound_for(v, value, json_get(schema, "minimum"));
  const struct json *factor = bound_for(v, value, json_get(schema, "multipleOf"));
  bool high_out = crd_flag(schema, "exclusiveMaximum");
  bool low_out = crd_flag(schema, "exclusiveMinimum");
  struct str shown = json_text(v->arena, value);
  check_range(v, verdict, schema, value, path);
  if (factor)
    check_factor(v, verdict, factor, value, path);
  if (high && is_beyond(value, high, 1, high_out))
    crd_fault(v, verdict, path, "invalid",
              "Invalid value: %.*s: %.*s in body should be less than %s%.*s", STR_ARG(shown),
              STR_ARG(crd_in_body(v, path)), high_out ? "" : "or equal to ",
              STR_ARG(json_text(v->arena, high)));
  if (low && is_beyond(value, low, -1, low_out))
    crd_fault(v, verdict, path, "invalid",
              "Invalid value: %.*s: %.*s in body should be greater than %s%.*s", STR_ARG(shown),
              STR_ARG(crd_in_body(v, path)), low_out ? "" : "or equal to ",
              STR_ARG(json_text(v->arena, low)));
}

static int64_t letters(struct str text) {
  int64_t count = 0;
  for (size_t i = 0; i < text.len; i++)
    count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
  return count;
}

static bool has_pattern(struct validator *v, struct str pattern, struct str text) {
  struct regex *regex = map_get(&v->patterns, pattern);
  if (!regex) {
    if (regex_compile(pattern, false, &regex, NULL))
      return true; // refused when the definition was made
    regex_link(&v->compiled, regex);
    (void)map_put(&v->patterns, pattern, regex);
  }
  return regex_match(regex, text, &v->worker) == REGEX_YES;
}

void crd_check_string(struct validator *v, struct verdict *verdict, const struct json *schema,
                      const struct json *value, struct str path) {
  struct str text = json_string(value), pattern = json_get_string(schema, "pattern");
  const struct json *high = json_get(schema, "maxLength"), *low = json_get(schema, "minLength");
  int64_t count = letters(text), most = json_int(high, 0);
  if (high && count > most)
    crd_fault(v, verdict, path, "too-long", "Too long: may not be more than %" PRId64 " byte%s",
              most, most == 1 ? "" : "s");
  else if (low && count < json_int(low, 0))
    crd_fault(v, verdict, path, "invalid",
              "Invalid value: %.*s: %.*s in body should be at least %" PRId64 " chars long",
              STR_ARG(crd_show(value, v->arena)), STR_ARG(crd_in_body(v, path)), json_int(low, 0));
  else if (pattern.len && !has_pattern(v, pattern, text))
    crd_fault(v, verdict, path, "invalid", "Invalid value: %.*s: %.*s in body should match '%.*s'",
              STR_ARG(crd_show(value, v->arena)), STR_ARG(crd_in_body(v, path)), STR_ARG(pattern));
}

void crd_check_format(struct validator *v, struct verdict *verdict, const struct json *schema,
                      const struct json *value, struct str path) {
  struct str format = json_get_string(schema, "format");
  if (crd_format_is_valid(format, json_string(value)))
    return;
  struct str shown = crd_show(value, v->arena);
  crd_fault(v, verdict, path, "type",
            "Invalid value: %.*s: %.*s in body must be of type %.*s: %.*s", STR_ARG(shown),
            STR_ARG(crd_in_body(v, path)), STR_ARG(format), STR_ARG(shown));
}
