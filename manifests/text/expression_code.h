// SPDX-License-Identifier: Apache-2.0
// What an expression is made of: expression.c writes it, expression_run.c carries it out.
#pragma once

enum expression_code {
  OP_NUMBER, // pushes `number`
  OP_VALUE,  // pushes result[number]
  OP_ONLY,   // pushes the only value
  OP_LENGTH,
  OP_NEGATE,
  OP_ADD,
  OP_SUBTRACT,
  OP_MULTIPLY,
  OP_DIVIDE,
  OP_IS_NAN,
  OP_IS_INF,
  OP_AS_INT,
  OP_DEFAULT,
  OP_LESS,
  OP_LESS_EQUAL,
  OP_GREATER,
  OP_GREATER_EQUAL,
  OP_EQUAL,
  OP_NOT_EQUAL,
  OP_NOT,
  OP_AND,
  OP_OR,
};
