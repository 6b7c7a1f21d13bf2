// SPDX-License-Identifier: Apache-2.0
// A condition of a metric: parsed or refused, and what was parsed gives an answer for any values.
#include "manifests/text/expression.h"
#include "manifests/base/bug.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const double VALUES[] = {0.97, NAN, -INFINITY, 1e308};
  struct expression expression;
  if (expression_parse((struct str){(const char *)data, size}, &expression, NULL))
    return 0;
  BUG_ON(expression.count == 0 || expression.count > EXPRESSION_OPS_MAX);
  for (size_t count = 0; count <= 4; count++)
    BUG_ON(expression_evaluate(&expression, VALUES, count) > EXPRESSION_ERROR);
  return 0;
}
