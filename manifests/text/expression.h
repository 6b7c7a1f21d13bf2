// SPDX-License-Identifier: Apache-2.0
// Conditions over a query's result, as Argo Rollouts' users write them: `result[0] >= 0.95`,
// `isNaN(result[0]) || len(result) == 0`. Parsed strictly before use; evaluating cannot fail but by
// an index that is not there. Numbers and truth values are different things.
//
//   or     = and {"||" and}          and    = not {"&&" not}         not = "!" not | compare
//   compare = sum [("=="|"!="|"<"|"<="|">"|">=") sum]
//   sum    = product {("+"|"-") product}      product = unary {("*"|"/") unary}
//   unary  = "-" unary | number | "true" | "false" | "(" or ")" | "result" ["[" index "]"]
//          | ("isNaN"|"isInf"|"asFloat"|"asInt") "(" or ")" | "len" "(" "result" ")"
//          | "default" "(" or "," or ")"
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"

#define EXPRESSION_OPS_MAX 128
#define EXPRESSION_DEPTH_MAX 32
#define EXPRESSION_BYTES_MAX 1024

struct expression {
  struct {
    unsigned char code;
    double number;
  } ops[EXPRESSION_OPS_MAX]; // postfix
  size_t count;
};

// RC_PARSE with the byte and what was expected there. The whole must be a truth value.
int expression_parse(struct str text, struct expression *ret_expression, struct err *err);

enum expression_result { EXPRESSION_FALSE, EXPRESSION_TRUE, EXPRESSION_ERROR };
// ERROR: `result[1]` of one value, or `result` of none or several, where it matters: "false && ..."
// is false and "true || ..." is true whatever follows.
enum expression_result expression_evaluate(const struct expression *expression,
                                           const double *values, size_t count);
