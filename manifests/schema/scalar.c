// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/scalar.h"

#include "manifests/text/duration.h"
#include "manifests/text/percent.h"
#include "manifests/text/quantity.h"
#include "manifests/text/time.h"

#include "manifests/base/bug.h"

#include <math.h>

bool scalar_is(enum field_type type) {
  return type <= FIELD_INT_OR_STRING;
}

static bool refuse(struct arena *arena, struct str *ret_why, const struct json *json,
                   const char *expected) {
  *ret_why =
      arena_printf(arena, "expected %s, found %.*s", expected, STR_ARG(scalar_show(json, arena)));
  return false;
}

static bool is_number(const struct json *json) {
  return json_is(json, JSON_INT) || json_is(json, JSON_DOUBLE);
}

static bool read_int(const struct json *json, int64_t *ret_value) {
  if (json_is(json, JSON_INT)) {
    *ret_value = json->integer;
    return true;
  }
  // 3.0 is a whole number, too; beyond 2^53 a double no longer says which one.
  if (!json_is(json, JSON_DOUBLE) || json->number != floor(json->number) ||
      fabs(json->number) > 9007199254740992.0)
    return false;
  *ret_value = (int64_t)json->number;
  return true;
}

// Gateway API's GEP-2257: 1 to 4 groups of at most 5 digits and h, m, s or ms.
static bool is_gep_duration(struct str s) {
  size_t at = 0, groups = 0;
  while (at < s.len) {
    size_t digits = 0;
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9') {
      at++;
      digits++;
    }
    if (digits < 1 || digits > 5 || at == s.len || ++groups > 4)
      return false;
    if (s.ptr[at] == 'm' && at + 1 < s.len && s.ptr[at + 1] == 's')
      at += 2;
    else if (s.ptr[at] == 'h' || s.ptr[at] == 'm' || s.ptr[at] == 's')
      at++;
    else
      return false;
  }
  return groups > 0;
}

static bool read_text(const struct field *row, const struct json *json, struct arena *arena,
                      struct str *member, const char **ret_id, struct str *ret_why) {
  if (row->numbers_too && is_number(json)) {
    *member = scalar_show(json, arena);
    return true;
  }
  if (!json_is(json, JSON_STRING)) {
    if (json->source.len && !json_is(json, JSON_NULL))
      *ret_why = arena_printf(arena, "expected a string, found %.*s: put it in quotes",
                              STR_ARG(scalar_show(json, arena)));
    else
      (void)refuse(arena, ret_why, json, "a string");
    return false;
  }
  if (row->format && json->string.len && !row->format->is_valid(json->string)) {
    *ret_id = "bad-value";
    return refuse(arena, ret_why, json, row->format->expected);
  }
  *member = arena_str(arena, json->string);
  return true;
}

static bool read_enum(const struct field *row, const struct json *json, struct arena *arena,
                      int *member, const char **ret_id, struct str *ret_why) {
  if (!json_is(json, JSON_STRING))
    return refuse(arena, ret_why, json, "a string");
  int value = enum_find(row->values, json->string);
  if (value > 0) {
    *member = value;
    return true;
  }
  if (str_is_empty(json->string)) { // "" is how Go writes a name that is not set
    *member = 0;
    return true;
  }
  *ret_id = "bad-value";
  (void)refuse(arena, ret_why, json, scalar_choices(row->values, arena).ptr);
  const char *near = enum_nearest(row->values, json->string);
  if (near)
    *ret_why = arena_printf(arena, "%.*s; did you mean \"%s\"?", STR_ARG(*ret_why), near);
  return false;
}

static bool read_duration(const struct field *row, const struct json *json, struct arena *arena,
                          int64_t *member, const char **ret_id, struct str *ret_why) {
  bool gep = row->type == FIELD_GEP_DURATION;
  const char *expected =
      gep ? "a duration such as \"10s\" or \"1m30s\" (whole h, m, s, ms)"
          : "a duration such as \"10s\", \"1m30s\" or \"250ms\", to the millisecond";
  if (!json_is(json, JSON_STRING))
    return refuse(arena, ret_why, json, expected);
  if ((!gep || is_gep_duration(json->string)) && duration_parse(json->string, member))
    return true;
  *ret_id = "bad-value";
  return refuse(arena, ret_why, json, expected);
}

static bool read_measure(const struct field *row, const struct json *json, struct arena *arena,
                         double *member, const char **ret_id, struct str *ret_why) {
  bool percent = row->type == FIELD_PERCENT;
  const char *expected = percent ? "a percentage such as 10, 0.5 or \"10%\""
                                 : "a quantity such as 2, \"500m\" or \"128Mi\"";
  double value = 0;
  if (is_number(json)) {
    value = json_number(json, 0);
  } else if (!json_is(json, JSON_STRING)) {
    return refuse(arena, ret_why, json, expected);
  } else if (!(percent ? percent_parse(json->string, &value)
                       : quantity_parse(json->string, &value))) {
    *ret_id = "bad-value";
    return refuse(arena, ret_why, json, expected);
  }
  if (percent && !row->has_range && (value < 0 || value > 100)) {
    *ret_id = "out-of-range";
    return refuse(arena, ret_why, json, "0 to 100 percent");
  }
  *member = value;
  return true;
}

static bool read_number(const struct field *row, const struct json *json, struct arena *arena,
                        void *member, struct str *ret_why) {
  if (row->type == FIELD_BOOL) {
    if (!json_is(json, JSON_BOOL))
      return refuse(arena, ret_why, json, "true or false");
    *(bool *)member = json->boolean;
  } else if (row->type == FIELD_INT) {
    if (!read_int(json, member))
      return refuse(arena, ret_why, json, "a whole number");
  } else {
    if (!is_number(json))
      return refuse(arena, ret_why, json, "a number");
    *(double *)member = json_number(json, 0);
  }
  return true;
}

static bool read_int_or_string(const struct json *json, struct arena *arena,
                               struct int_or_string *member, struct str *ret_why) {
  int64_t integer = 0;
  if (json_is(json, JSON_STRING))
    *member = (struct int_or_string){
        .is_set = true, .is_string = true, .text = arena_str(arena, json->string)};
  else if (read_int(json, &integer))
    *member = (struct int_or_string){.is_set = true, .integer = integer};
  else
    return refuse(arena, ret_why, json, "a whole number or a string");
  return true;
}

bool scalar_read(const struct field *row, const struct json *json, struct arena *arena,
                 void *member, const char **ret_id, struct str *ret_why) {
  *ret_id = "wrong-type";
  if (row->type <= FIELD_DOUBLE)
    return read_number(row, json, arena, member, ret_why);
  if (row->type == FIELD_STRING)
    return read_text(row, json, arena, member, ret_id, ret_why);
  if (row->type == FIELD_ENUM)
    return read_enum(row, json, arena, member, ret_id, ret_why);
  if (row->type == FIELD_DURATION || row->type == FIELD_GEP_DURATION)
    return read_duration(row, json, arena, member, ret_id, ret_why);
  if (row->type == FIELD_PERCENT || row->type == FIELD_QUANTITY)
    return read_measure(row, json, arena, member, ret_id, ret_why);
  if (row->type == FIELD_INT_OR_STRING)
    return read_int_or_string(json, arena, member, ret_why);
  BUG_ON(row->type != FIELD_TIME && row->type != FIELD_MICRO_TIME);
  if (json_is(json, JSON_STRING) && time_parse(json->string, member))
    return true;
  *ret_id = json_is(json, JSON_STRING) ? "bad-time" : "wrong-type";
  return refuse(arena, ret_why, json, "a time such as \"2026-01-29T12:00:00Z\"");
}

struct json *scalar_default_json(const struct field *row, struct arena *arena) {
  if (!row->fallback)
    return NULL;
  if (row->type == FIELD_STRING || row->type == FIELD_ENUM || row->type == FIELD_DURATION ||
      row->type == FIELD_GEP_DURATION || row->type == FIELD_TIME || row->type == FIELD_MICRO_TIME)
    return json_new_z(arena, row->fallback);
  struct json *json = NULL;
  if (json_parse(str_of(row->fallback), arena, &json, NULL) != 0)
    return json_new_z(arena, row->fallback); // "25%" of an int-or-string
  json->line = 0;
  return json;
}

bool scalar_default(const struct field *row, struct arena *arena, void *member) {
  const char *id = NULL;
  struct str why = STR_NULL;
  return scalar_read(row, scalar_default_json(row, arena), arena, member, &id, &why);
}

static struct json *write_present(const struct field *row, const void *member,
                                  struct arena *arena) {
  switch (row->type) {
  case FIELD_BOOL: return json_new_bool(arena, *(const bool *)member);
  case FIELD_INT: return json_new_int(arena, *(const int64_t *)member);
  case FIELD_DOUBLE:
  case FIELD_PERCENT:
  case FIELD_QUANTITY: {
    double value = *(const double *)member;
    return value == floor(value) && fabs(value) < 9007199254740992.0
               ? json_new_int(arena, (int64_t)value)
               : json_new_double(arena, value);
  }
  case FIELD_STRING: return json_new_string(arena, *(const struct str *)member);
  case FIELD_ENUM: return json_new_z(arena, enum_name(row->values, *(const int *)member));
  case FIELD_DURATION:
  case FIELD_GEP_DURATION: {
    int64_t ms = *(const int64_t *)member;
    bool fraction = row->type == FIELD_GEP_DURATION && ms % 1000; // 1.5s is not allowed there
    return json_new_string(arena, fraction ? arena_printf(arena, "%lldms", (long long)ms)
                                           : duration_format(arena, ms));
  }
  case FIELD_TIME: return json_new_string(arena, time_format(arena, *(const int64_t *)member));
  case FIELD_MICRO_TIME:
    return json_new_string(arena, time_format_micro(arena, *(const int64_t *)member));
  case FIELD_INT_OR_STRING: {
    const struct int_or_string *value = member;
    return value->is_string ? json_new_string(arena, value->text)
                            : json_new_int(arena, value->integer);
  }
  case FIELD_OBJECT:
  case FIELD_OPTIONAL:
  case FIELD_LIST:
  case FIELD_STRINGS:
  case FIELD_INTS:
  case FIELD_STRING_MAP:
  case FIELD_INT_MAP:
  case FIELD_MAP:
  case FIELD_JSON: break;
  }
  BUG_ON(true);
  return NULL;
}

// Without a presence flag and without a default, the zero value is "absent".
static bool is_zero(const struct field *row, const void *member) {
  if (row->type == FIELD_BOOL)
    return !*(const bool *)member;
  if (row->type == FIELD_DOUBLE || row->type == FIELD_PERCENT || row->type == FIELD_QUANTITY)
    return fpclassify(*(const double *)member) == FP_ZERO;
  return *(const int64_t *)member == 0;
}

struct json *scalar_write(const struct field *row, const void *object, struct arena *arena) {
  const void *member = (const char *)object + row->offset;
  bool present = true;
  if (row->type == FIELD_STRING)
    present = ((const struct str *)member)->ptr != NULL;
  else if (row->type == FIELD_ENUM)
    present = *(const int *)member != 0;
  else if (row->type == FIELD_INT_OR_STRING)
    present = ((const struct int_or_string *)member)->is_set;
  else if (row->presence != FIELD_NO_PRESENCE)
    present = *(const bool *)((const char *)object + row->presence);
  else if (!row->fallback && !row->required)
    present = !is_zero(row, member);
  return present ? write_present(row, member, arena) : NULL;
}

bool scalar_measure(const struct field *row, const void *member, double *ret_number) {
  if (row->type == FIELD_INT || row->type == FIELD_DURATION || row->type == FIELD_GEP_DURATION)
    *ret_number = (double)*(const int64_t *)member;
  else if (row->type == FIELD_DOUBLE || row->type == FIELD_PERCENT || row->type == FIELD_QUANTITY)
    *ret_number = *(const double *)member;
  else if (row->type == FIELD_STRING)
    *ret_number = (double)((const struct str *)member)->len;
  else
    return false;
  return true;
}

struct str scalar_number(const struct field *row, double value, struct arena *arena) {
  if (row->type == FIELD_DURATION || row->type == FIELD_GEP_DURATION)
    return duration_format(arena, (int64_t)value);
  return arena_printf(arena, "%.15g", value);
}

struct str scalar_bounds(const struct field *row, struct arena *arena) {
  if (row->max >= 9007199254740992.0)
    return arena_printf(arena, "at least %.*s", STR_ARG(scalar_number(row, row->min, arena)));
  if (row->type == FIELD_STRING && row->min <= 0)
    return arena_printf(arena, "at most %.*s", STR_ARG(scalar_number(row, row->max, arena)));
  return arena_printf(arena, "%.*s to %.*s", STR_ARG(scalar_number(row, row->min, arena)),
                      STR_ARG(scalar_number(row, row->max, arena)));
}

struct str scalar_show(const struct json *json, struct arena *arena) {
  if (json_is(json, JSON_STRING)) {
    struct str text = str_slice(json->string, 0, 80);
    return arena_printf(arena, "the string \"%.*s%s\"", STR_ARG(text),
                        text.len < json->string.len ? "..." : "");
  }
  if (json->source.len)
    return arena_str(arena, str_slice(json->source, 0, 80));
  if (json_is(json, JSON_BOOL))
    return json->boolean ? STR("true") : STR("false");
  if (json_is(json, JSON_INT))
    return arena_printf(arena, "%lld", (long long)json->integer);
  if (json_is(json, JSON_DOUBLE))
    return arena_printf(arena, "%.15g", json->number);
  if (json_is(json, JSON_NULL))
    return STR("null");
  return json_is(json, JSON_ARRAY) ? STR("a list") : STR("an object");
}

const char *scalar_deprecated_id(const char *name, struct arena *arena) {
  struct buf out;
  buf_init(&out, 256);
  (void)buf_add_z(&out, "deprecated-");
  bool was_lower = false;
  for (const char *c = name; *c; c++) {
    bool upper = *c >= 'A' && *c <= 'Z';
    if (upper && was_lower)
      (void)buf_add_char(&out, '-');
    (void)buf_add_char(&out, *c == '_' ? '-' : upper ? (char)(*c - 'A' + 'a') : *c);
    was_lower = *c != '_' && !upper;
  }
  const char *id = arena_str(arena, buf_str(&out)).ptr;
  buf_dispose(&out);
  return id;
}

struct str scalar_choices(const struct enum_value *values, struct arena *arena) {
  struct buf out;
  buf_init(&out, 4096);
  for (int i = 1; values[i].name; i++)
    (void)buf_addf(&out, "%s\"%s\"",
                   i == 1               ? ""
                   : values[i + 1].name ? ", "
                                        : " or ",
                   values[i].name);
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}
