// SPDX-License-Identifier: Apache-2.0
// Arithmetic. Whole numbers that do not fit are errors, never wrapped.
#include "manifests/cel/functions.h"

static struct cel_value overflow(void) {
  return (struct cel_value){.kind = CEL_ERROR, .text = STR("integer overflow")};
}

static struct cel_value uint_overflow(void) {
  return (struct cel_value){.kind = CEL_ERROR, .text = STR("unsigned integer overflow")};
}

static struct cel_value by_zero(bool modulus) {
  return (struct cel_value){.kind = CEL_ERROR,
                            .text = modulus ? STR("modulus by zero") : STR("division by zero")};
}

#define INTEGER(name, builtin)                                                                     \
  struct cel_value cel_fn_##name##_ints(struct cel_run *run, const struct cel_value *args) {       \
    int64_t result;                                                                                \
    (void)run;                                                                                     \
    return builtin(args[0].integer, args[1].integer, &result) ? overflow() : cel_int(result);      \
  }                                                                                                \
  struct cel_value cel_fn_##name##_uints(struct cel_run *run, const struct cel_value *args) {      \
    uint64_t result;                                                                               \
    (void)run;                                                                                     \
    return builtin(args[0].uinteger, args[1].uinteger, &result) ? uint_overflow()                  \
                                                                : cel_uint(result);                \
  }

INTEGER(add, __builtin_add_overflow)
INTEGER(subtract, __builtin_sub_overflow)
INTEGER(multiply, __builtin_mul_overflow)

struct cel_value cel_fn_divide_ints(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  if (args[1].integer == 0)
    return by_zero(false);
  if (args[0].integer == INT64_MIN && args[1].integer == -1)
    return overflow();
  return cel_int(args[0].integer / args[1].integer);
}

struct cel_value cel_fn_divide_uints(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return args[1].uinteger ? cel_uint(args[0].uinteger / args[1].uinteger) : by_zero(false);
}

struct cel_value cel_fn_modulo_ints(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  if (args[1].integer == 0)
    return by_zero(true);
  if (args[0].integer == INT64_MIN && args[1].integer == -1)
    return overflow();
  return cel_int(args[0].integer % args[1].integer);
}

struct cel_value cel_fn_modulo_uints(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return args[1].uinteger ? cel_uint(args[0].uinteger % args[1].uinteger) : by_zero(true);
}

struct cel_value cel_fn_negate_int(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return args[0].integer == INT64_MIN ? overflow() : cel_int(-args[0].integer);
}

struct cel_value cel_fn_add_doubles(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_double(args[0].number + args[1].number);
}

struct cel_value cel_fn_subtract_doubles(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_double(args[0].number - args[1].number);
}

struct cel_value cel_fn_multiply_doubles(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_double(args[0].number * args[1].number);
}

__attribute__((no_sanitize("float-divide-by-zero"))) struct cel_value
cel_fn_divide_doubles(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_double(args[0].number / args[1].number);
}

struct cel_value cel_fn_negate_double(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_double(-args[0].number);
}
