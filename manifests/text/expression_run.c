// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "manifests/text/expression.h"
#include "manifests/text/expression_code.h"

#include <math.h>

struct value {
  double number; // truth: 0 or 1
  bool missing;  // a value that is not there
};

static struct value combine(enum expression_code code, struct value a, struct value b) {
  struct value value = {.missing = a.missing || b.missing};
  switch (code) {
  case OP_ADD: value.number = a.number + b.number; break;
  case OP_SUBTRACT: value.number = a.number - b.number; break;
  case OP_MULTIPLY: value.number = a.number * b.number; break;
  case OP_DIVIDE: value.number = a.number / b.number; break;
  case OP_LESS: value.number = a.number < b.number; break;
  case OP_LESS_EQUAL: value.number = a.number <= b.number; break;
  case OP_GREATER: value.number = a.number > b.number; break;
  case OP_GREATER_EQUAL: value.number = a.number >= b.number; break;
  case OP_EQUAL: value.number = a.number == b.number; break;
  case OP_NOT_EQUAL: value.number = a.number != b.number; break;
  case OP_DEFAULT: return a.missing || isnan(a.number) ? b : a;
  case OP_AND: return !a.missing && a.number == 0 ? a : a.missing ? a : b;
  case OP_OR: return !a.missing && a.number != 0 ? a : a.missing ? a : b;
  case OP_NUMBER:
  case OP_VALUE:
  case OP_ONLY:
  case OP_LENGTH:
  case OP_NEGATE:
  case OP_IS_NAN:
  case OP_IS_INF:
  case OP_AS_INT:
  case OP_NOT: BUG_ON(true);
  }
  return value;
}

// Ops without operands, and with one; false for those with two.
static bool push(enum expression_code code, double number, const double *values, size_t count,
                 struct value *stack, size_t *depth) {
  struct value *top = *depth ? &stack[*depth - 1] : stack;
  size_t index = code == OP_VALUE ? (size_t)number : 0;
  switch (code) {
  case OP_NUMBER: stack[(*depth)++] = (struct value){number, false}; return true;
  case OP_LENGTH: stack[(*depth)++] = (struct value){(double)count, false}; return true;
  case OP_VALUE:
    stack[(*depth)++] =
        index < count ? (struct value){values[index], false} : (struct value){0, true};
    return true;
  case OP_ONLY:
    stack[(*depth)++] = count == 1 ? (struct value){values[0], false} : (struct value){0, true};
    return true;
  case OP_NEGATE: top->number = -top->number; return true;
  case OP_IS_NAN: top->number = isnan(top->number); return true;
  case OP_IS_INF: top->number = isinf(top->number) != 0; return true;
  case OP_AS_INT: top->number = trunc(top->number); return true;
  case OP_NOT: top->number = top->number == 0; return true;
  case OP_ADD:
  case OP_SUBTRACT:
  case OP_MULTIPLY:
  case OP_DIVIDE:
  case OP_DEFAULT:
  case OP_LESS:
  case OP_LESS_EQUAL:
  case OP_GREATER:
  case OP_GREATER_EQUAL:
  case OP_EQUAL:
  case OP_NOT_EQUAL:
  case OP_AND:
  case OP_OR: break;
  }
  return false;
}

enum expression_result expression_evaluate(const struct expression *expression,
                                           const double *values, size_t count) {
  struct value stack[EXPRESSION_OPS_MAX];
  size_t depth = 0;
  for (size_t i = 0; i < expression->count; i++) {
    enum expression_code code = (enum expression_code)expression->ops[i].code;
    if (push(code, expression->ops[i].number, values, count, stack, &depth))
      continue;
    BUG_ON(depth < 2);
    stack[depth - 2] = combine(code, stack[depth - 2], stack[depth - 1]);
    depth--;
  }
  if (depth != 1 || stack[0].missing)
    return EXPRESSION_ERROR;
  return stack[0].number != 0 ? EXPRESSION_TRUE : EXPRESSION_FALSE;
}
