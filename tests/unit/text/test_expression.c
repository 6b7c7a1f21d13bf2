// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/expression.h"
#include "manifests/base/bug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static enum expression_result eval(const char *text, const double *values, size_t count) {
  struct expression expression;
  struct err err = {0};
  if (expression_parse(str_of(text), &expression, &err) != RC_OK)
    fail_msg("%s: %s", text, err.msg);
  return expression_evaluate(&expression, values, count);
}

static void conditions_mean_what_they_say(void **state) {
  (void)state;
  const double one[] = {.97}, two[] = {.9, 5}, nan_value[] = {NAN}, inf[] = {-INFINITY};
  static const struct {
    const char *text;
    enum expression_result one, two, nan_value, inf, none;
  } CASES[] = {
#define T EXPRESSION_TRUE
#define F EXPRESSION_FALSE
#define E EXPRESSION_ERROR
      {"result[0] >= 0.95", T, F, F, F, E},
      {"result >= 0.95", T, E, F, F, E},
      {"isNaN(result[0])", F, F, T, F, E},
      {"isNaN(result[0]) || result[0] >= 0.95", T, F, T, F, E},
      {"len(result) == 0 || result[0] < 1", T, T, F, T, T},
      {"len(result) > 1 && result[1] == 5", F, T, F, F, F},
      {"result[0] > 0.9 && result[1] == 5", E, F, F, F, E},
      {"isInf(result[0])", F, F, F, T, E},
      {"default(result[0], 1) == 1", F, F, T, F, T},
      {"default(result, 0) < 0.98", T, T, T, T, T},
      {"!(result[0] < 0.95)", T, F, T, F, E},
      {"!isNaN(result[0]) && !isInf(result[0])", T, T, F, F, E},
      {"1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && -2 + 2 == 0 && 6 / 4 == 1.5", T, T, T, T, T},
      {"2 - 1 - 1 == 0 && asInt(1.9) == 1 && asFloat(2) != 1e-3", T, T, T, T, T},
      {"true", T, T, T, T, T},
      {"false || !true", F, F, F, F, F},
      {"1 < 2 || result[7] > 1", T, T, T, T, T},
      {"\tresult[ 0 ]<=0.97&&result[0]>=.97 ", T, F, F, F, E},
  };
  for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
    assert_int_equal(eval(CASES[i].text, one, 1), CASES[i].one);
    assert_int_equal(eval(CASES[i].text, two, 2), CASES[i].two);
    assert_int_equal(eval(CASES[i].text, nan_value, 1), CASES[i].nan_value);
    assert_int_equal(eval(CASES[i].text, inf, 1), CASES[i].inf);
    assert_int_equal(eval(CASES[i].text, NULL, 0), CASES[i].none);
  }
}

static void nonsense_is_refused_with_its_place(void **state) {
  (void)state;
  static const char *const CASES[][2] = {
      {"", "at its end"},
      {"result[0]", "a comparison"},
      {"result[0] >= ", "at its end"},
      {"result[0] => 0.95", "near \"=> 0.95\""},
      {"result[0] >= 0.95 extra", "near \"extra\""},
      {"result[-1] > 0", "an index"},
      {"result[0 > 1", "expected ]"},
      {"results[0] > 1", "near \"results[0]"},
      {"result[0] > 1 && 3", "a comparison before"},
      {"3 && result[0] > 1", "comparisons around"},
      {"(result[0] > 1) + 1 > 0", "numbers around"},
      {"1 < 2 < 3", "an operator or the end"},
      {"!3", "a comparison behind !"},
      {"-(1 < 2) == 1", "a number behind -"},
      {"isNaN(1 < 2)", "not a truth value"},
      {"isNaN 1", "expected ("},
      {"default(1) == 1", "a second value"},
      {"len(1) > 0", "(result)"},
      {"1.2.3 > 1", "a number"},
      {"1e > 1", "a number"},
      {"result[0] > 1 & true", "an operator or the end"},
      {"system(1) == 1", "near \"system(1) ==\""},
  };
  for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
    struct expression expression;
    struct err err = {0};
    assert_int_equal(expression_parse(str_of(CASES[i][0]), &expression, &err), RC_PARSE);
    if (!strstr(err.msg, CASES[i][1]))
      fail_msg("%s: \"%s\" does not say \"%s\"", CASES[i][0], err.msg, CASES[i][1]);
    assert_int_equal(expression_evaluate(&expression, NULL, 0), EXPRESSION_ERROR);
  }
}

static void size_and_depth_are_bounded(void **state) {
  (void)state;
  char deep[200], wide[1200];
  struct expression expression;
  struct err err = {0};
  memset(deep, '(', 100);
  strncpy(deep + 100, "1 < 2", 20);
  assert_int_equal(expression_parse(str_of(deep), &expression, &err), RC_PARSE);
  memset(deep, '!', 100);
  assert_int_equal(expression_parse(str_of(deep), &expression, &err), RC_PARSE);
  size_t at = 0;
  for (int i = 0; i < 90; i++)
    at += (size_t)snprintf(wide + at, sizeof wide - at, "1+1+");
  snprintf(wide + at, sizeof wide - at, "1 > 2");
  assert_int_equal(expression_parse(str_of(wide), &expression, &err), RC_PARSE);
  assert_non_null(strstr(err.msg, "shorter"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conditions_mean_what_they_say),
      cmocka_unit_test(nonsense_is_refused_with_its_place),
      cmocka_unit_test(size_and_depth_are_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
