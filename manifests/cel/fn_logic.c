// SPDX-License-Identifier: Apache-2.0
// Comparing values of any type.
#include "manifests/cel/functions.h"

struct cel_value cel_fn_equals(struct cel_run *run, const struct cel_value *args) {
  return cel_bool(cel_equal(args[0], args[1], run->arena));
}

struct cel_value cel_fn_differs(struct cel_run *run, const struct cel_value *args) {
  return cel_bool(!cel_equal(args[0], args[1], run->arena));
}

static struct cel_value unordered(struct cel_run *run, const struct cel_value *args) {
  bool doubles = args[0].kind == CEL_DOUBLE || args[1].kind == CEL_DOUBLE;
  return cel_error(run->arena, doubles ? "NaN values cannot be ordered" : "no such overload");
}

struct cel_value cel_fn_less(struct cel_run *run, const struct cel_value *args) {
  int order;
  return cel_order(args[0], args[1], &order) ? cel_bool(order < 0) : unordered(run, args);
}

struct cel_value cel_fn_less_equal(struct cel_run *run, const struct cel_value *args) {
  int order;
  return cel_order(args[0], args[1], &order) ? cel_bool(order <= 0) : unordered(run, args);
}

struct cel_value cel_fn_greater(struct cel_run *run, const struct cel_value *args) {
  int order;
  return cel_order(args[0], args[1], &order) ? cel_bool(order > 0) : unordered(run, args);
}

struct cel_value cel_fn_greater_equal(struct cel_run *run, const struct cel_value *args) {
  int order;
  return cel_order(args[0], args[1], &order) ? cel_bool(order >= 0) : unordered(run, args);
}

struct cel_value cel_fn_not(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_bool(!args[0].boolean);
}

struct cel_value cel_fn_same(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return args[0];
}

struct cel_value cel_fn_type(struct cel_run *run, const struct cel_value *args) {
  enum cel_kind kind = args[0].kind;
  struct str name = str_of(cel_kind_name(kind));
  (void)run;
  return cel_type_value(cel_type_named(name));
}
