// SPDX-License-Identifier: Apache-2.0
// quantity(): exact, in billionths. Source: Kubernetes' documentation, "CEL in Kubernetes",
// quantity library; k8s.io/apimachinery resource.Quantity.
#include "manifests/cel/functions.h"

#include <ctype.h>
#include <math.h>

#define UNIT ((__int128)1000000000)
// Far beyond all that fits an int64; more is cut to it.
#define MOST (UNIT * UNIT * UNIT * 1000000)

struct scale {
  bool binary;
  int exponent; // of 10, or of 2
};

static bool take_suffix(struct str text, struct scale *ret_scale) {
  static const struct {
    const char *suffix;
    struct scale scale;
  } rows[] = {{"", {false, 0}},   {"n", {false, -9}}, {"u", {false, -6}}, {"m", {false, -3}},
              {"k", {false, 3}},  {"M", {false, 6}},  {"G", {false, 9}},  {"T", {false, 12}},
              {"P", {false, 15}}, {"E", {false, 18}}, {"Ki", {true, 10}}, {"Mi", {true, 20}},
              {"Gi", {true, 30}}, {"Ti", {true, 40}}, {"Pi", {true, 50}}, {"Ei", {true, 60}}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (str_eq_z(text, rows[i].suffix)) {
      *ret_scale = rows[i].scale;
      return true;
    }
  int64_t exponent;
  if (text.len < 2 || (text.ptr[0] != 'e' && text.ptr[0] != 'E'))
    return false;
  struct str number = str_slice(text, text.ptr[1] == '+' ? 2 : 1, text.len);
  if (!number.len || !str_to_i64(number, &exponent) || exponent > 1000 || exponent < -1000)
    return false;
  *ret_scale = (struct scale){false, (int)exponent};
  return true;
}

// value * factor, cut to MOST.
static __int128 times(__int128 value, __int128 factor) {
  return value > MOST / factor ? MOST : value * factor;
}

// value in units of 10^-places -> in billionths, rounded up.
static __int128 scaled(__int128 value, int places, struct scale scale) {
  int exponent = 9 - places + (scale.binary ? 0 : scale.exponent);
  if (scale.binary)
    value = times(value, (__int128)1 << scale.exponent);
  for (; exponent > 0 && value < MOST && value > 0; exponent--)
    value = times(value, 10);
  bool rest = false;
  for (; exponent < 0 && value > 0; exponent++) {
    rest = rest || value % 10 != 0;
    value /= 10;
  }
  return value + (rest ? 1 : 0);
}

static bool parse(struct str text, __int128 *ret_value) {
  size_t at = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+'), digits = 0;
  bool minus = text.len && text.ptr[0] == '-', point = false;
  __int128 value = 0;
  int places = 0, dropped = 0;
  for (; at < text.len && (isdigit((unsigned char)text.ptr[at]) || (text.ptr[at] == '.' && !point));
       at++) {
    if (text.ptr[at] == '.') {
      point = true;
      continue;
    }
    digits++;
    if (value < UNIT * UNIT * UNIT) { // 27 digits; more say nothing
      value = value * 10 + (text.ptr[at] - '0');
      places += point;
    } else {
      dropped += !point;
    }
  }
  struct scale scale;
  if (!digits || !take_suffix(str_slice(text, at, text.len), &scale))
    return false;
  value = scaled(value, places - dropped, scale);
  *ret_value = minus ? -value : value;
  return true;
}

static struct cel_value boxed(struct cel_run *run, __int128 value) {
  value = value > MOST ? MOST : value < -MOST ? -MOST : value;
  const __int128 *kept = arena_dup(run->arena, &value, sizeof value);
  return (struct cel_value){.kind = CEL_QUANTITY, .quantity = kept};
}

struct cel_value cel_fn_quantity(struct cel_run *run, const struct cel_value *args) {
  __int128 value;
  if (parse(args[0].text, &value))
    return boxed(run, value);
  return cel_error(run->arena, "quantities must match the regular expression "
                               "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

struct cel_value cel_fn_is_quantity(struct cel_run *run, const struct cel_value *args) {
  __int128 value;
  (void)run;
  return cel_bool(parse(args[0].text, &value));
}

struct cel_value cel_fn_quantity_sign(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_int(*args[0].quantity < 0 ? -1 : *args[0].quantity > 0);
}

static bool as_integer(__int128 value, int64_t *ret_integer) {
  __int128 whole = value / UNIT;
  *ret_integer = (int64_t)whole;
  return value % UNIT == 0 && whole <= INT64_MAX && whole >= INT64_MIN;
}

struct cel_value cel_fn_quantity_is_integer(struct cel_run *run, const struct cel_value *args) {
  int64_t integer;
  (void)run;
  return cel_bool(as_integer(*args[0].quantity, &integer));
}

struct cel_value cel_fn_quantity_as_integer(struct cel_run *run, const struct cel_value *args) {
  int64_t integer;
  if (as_integer(*args[0].quantity, &integer))
    return cel_int(integer);
  return cel_error(run->arena, "cannot convert value to integer");
}

struct cel_value cel_fn_quantity_as_float(struct cel_run *run, const struct cel_value *args) {
  __int128 value = *args[0].quantity;
  (void)run;
  return cel_double((double)(value / UNIT) + (double)(value % UNIT) / 1e9);
}

static __int128 amount(struct cel_value value) {
  return value.kind == CEL_INT ? (__int128)value.integer * UNIT : *value.quantity;
}

struct cel_value cel_fn_quantity_add(struct cel_run *run, const struct cel_value *args) {
  return boxed(run, amount(args[0]) + amount(args[1]));
}

struct cel_value cel_fn_quantity_sub(struct cel_run *run, const struct cel_value *args) {
  return boxed(run, amount(args[0]) - amount(args[1]));
}
