// SPDX-License-Identifier: Apache-2.0
// The CEL language definition, rule by rule.
#include "manifests/base/bug.h"
#include "manifests/cel/parse.h"
#include "tests/unit/cel/support_cel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void literals(void **state) {
  (void)state;
  static const char *const TRUE[] = {
      "0x1F == 31 && 0xffu == 255u && -0x10 == -16",
      "-9223372036854775808 < -9223372036854775807 && 18446744073709551615u > 0u",
      "1.5e3 == 1500.0 && .5 == 0.5 && 1e-2 == 0.01 && 2E+1 == 20.0",
      "'a' == \"a\" && '''it's''' == \"it's\" && \"\"\"two\nlines\"\"\" == 'two\\nlines'",
      "r'\\d' == '\\\\d' && R\"\"\"\\n\"\"\" == '\\\\n'",
      "'\\x41\\u00e9\\U0001F600\\101' == 'A\u00e9\U0001F600A'",
      "'\\a\\b\\f\\n\\r\\t\\v\\\\\\?\\'\\\"\\`'.size() == 12",
      ("b'a\\xff\\377'.size() == 3 && b'\u00e9'.size() == 2 && br'\\x' == b'\\\\x' && bytes('a') "
       "== "
       "b'a'"),
      "[1, 2, 3,][1] == 2 && {'a': 1, 'b': 2,}['b'] == 2 && [] == [] && {} == {}",
      "null == null && true != false && !false",
      "{1: 'a', 2: 'b'}[2] == 'b' && {true: 1}[true] == 1 && {2u: 1}[2u] == 1",
      "// a comment\ntrue // and another",
      "  true\t\f\r\n",
  };
  assert_all_true(TRUE, ARRAY_LEN(TRUE));
}

static void precedence(void **state) {
  (void)state;
  static const char *const TRUE[] = {
      "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 10 - 4 - 3 == 3 && 100 / 10 / 5 == 2",
      "7 % 4 == 3 && -7 % 4 == -3 && -7 / 2 == -3 && 2 - -2 == 4",
      "true || false && false",
      "!true || true",
      "!!true",
      "(true ? 1 : 2) == 1 && (false ? 1 : true ? 2 : 3) == 2",
      "1 < 2 == true",
      "1 + 1 in [2] && !(3 in [1, 2])",
      "'b' in {'a': 1, 'b': 2}",
      "-(1) == -1 && --1 == 1",
      "-[1][0] == -1",
      "[[1, 2], [3]][1][0] == 3",
      "{'a': {'b': [1]}}.a.b[0] == 1",
      "{'a-b': 1}.`a-b` == 1",
      ".int(1.9) == 1",
      "[1, 2] + [3] == [1, 2, 3] && 'a' + 'b' == 'ab' && b'a' + b'b' == b'ab'",
  };
  assert_all_true(TRUE, ARRAY_LEN(TRUE));
}

static void equality_and_order(void **state) {
  (void)state;
  static const char *const TRUE[] = {
      "dyn(1) == dyn(1.0) && dyn(1u) == dyn(1) && dyn(1) != dyn(1.5) && dyn('1') != dyn(1)",
      "1 < 1.5 && 1u < 2 && 2.5 > 2u && -1 < 1u && 1 <= 1.0 && 3 >= 3u",
      "dyn(9007199254740993) != dyn(9007199254740992.0)",
      "dyn(0.0)/0.0 != 0.0/0.0",
      "!(0.0/0.0 == 0.0/0.0)",
      "1.0/0.0 > 1e308 && -1.0/0.0 < -1e308",
      "'a' < 'b' && 'a' < 'aa' && b'a' < b'b' && false < true && 'Z' < 'a'",
      "[1, 2] != [2, 1] && [1] != [1, 1] && {'a': 1, 'b': 2} == {'b': 2, 'a': 1}",
      "{'a': [[1], [2]]} == {'a': [[1], [2]]}",
      "dyn([1]) == dyn([1.0]) && 1 in [dyn(1.0)]",
      "type(1) == int && type(1u) == uint && type(1.0) == double && type('') == string",
      "type([]) == list && type({}) == map && type(null) == null_type && type(type(1)) == type",
      "type(b'') == bytes && type(true) == bool && type(int) == type",
      "type(duration('1s')) == google.protobuf.Duration",
      "type(timestamp(0)) == google.protobuf.Timestamp && type(1) != type('')",
      "duration('1m') == duration('60s') && duration('1s') < duration('1m')",
      "timestamp('2026-01-01T00:00:00Z') < timestamp('2026-01-01T00:00:00.000000001Z')",
      "timestamp('2026-01-01T01:00:00+01:00') == timestamp('2026-01-01T00:00:00Z')",
  };
  assert_all_true(TRUE, ARRAY_LEN(TRUE));
}

static void errors_are_absorbed_where_they_do_not_matter(void **state) {
  (void)state;
  static const struct cel_case CASES[] = {
      {"true || 1 / 0 == 1", "true"},
      {"1 / 0 == 1 || true", "true"},
      {"false && 1 / 0 == 1", "false"},
      {"1 / 0 == 1 && false", "false"},
      {"1 / 0 == 1 || false", "error: division by zero"},
      {"1 / 0 == 1 && true", "error: division by zero"},
      {"1 % 0 == 1 || 1 / 0 == 1", "error: modulus by zero"},
      {"dyn(1) || true", "true"},
      {"dyn(1) || false", "error: no such overload"},
      {"true ? 1 : 1 / 0", "1"},
      {"1 / 0 == 0 ? 1 : 2", "error: division by zero"},
      {"[1, 0].exists(x, 1 / x == 1)", "true"},
      {"[0, 1].exists(x, 1 / x == 1)", "true"},
      {"[0, 2].exists(x, 1 / x == 1)", "error: division by zero"},
      {"[0, 2].all(x, 1 / x == 1)", "false"},
      {"[0, 1].all(x, 1 / x == 1)", "error: division by zero"},
      {"[0, 1].exists_one(x, 1 / x == 1)", "error: division by zero"},
      {"[0].map(x, 1 / x)", "error: division by zero"},
      {"[0].filter(x, 1 / x == 1)", "error: division by zero"},
      {"[1 / 0].size()", "error: division by zero"},
      {"{'a': 1}.b", "error: no such key: b"},
      {"{'a': 1}['b']", "error: no such key: b"},
      {"[1][1]", "error: index out of bounds: 1"},
      {"[1][-1]", "error: index out of bounds: -1"},
      {"dyn(1).a", "error: no such overload"},
      {"{1: 'a', 1: 'b'}", "error: Failed with repeated key"},
      {"{dyn(1.5): 'a'}", "error: unsupported key type"},
  };
  assert_outcomes(CASES, ARRAY_LEN(CASES));
}

static void whole_numbers_never_wrap(void **state) {
  (void)state;
  static const struct cel_case CASES[] = {
      {"9223372036854775807 + 1", "error: integer overflow"},
      {"-9223372036854775808 - 1", "error: integer overflow"},
      {"9223372036854775807 * 2", "error: integer overflow"},
      {"-9223372036854775808 / -1", "error: integer overflow"},
      {"-9223372036854775808 % -1", "error: integer overflow"},
      {"-(-9223372036854775808)", "error: integer overflow"},
      {"0u - 1u", "error: unsigned integer overflow"},
      {"18446744073709551615u + 1u", "error: unsigned integer overflow"},
      {"18446744073709551615u * 2u", "error: unsigned integer overflow"},
      {"1u / 0u", "error: division by zero"},
      {"1u % 0u", "error: modulus by zero"},
      {"1.0 / 0.0", "+Inf"},
      {"int(1e19)", "error: integer overflow"},
      {"uint(-1)", "error: unsigned integer overflow"},
      {"int(9223372036854775808u)", "error: integer overflow"},
      {"duration('100000h') + duration('2500000h')", "error: duration overflow"},
      {"timestamp('9999-12-31T23:59:59Z') + duration('1s')", "error: timestamp overflow"},
      {"timestamp('0001-01-01T00:00:00Z') - duration('1s')", "error: timestamp overflow"},
      {"timestamp('9999-01-01T00:00:00Z') - timestamp('0001-01-01T00:00:00Z')",
       "error: duration overflow"},
  };
  assert_outcomes(CASES, ARRAY_LEN(CASES));
}

static void macros(void **state) {
  (void)state;
  static const char *const TRUE[] = {
      "has({'a': 1}.a) && !has({'a': 1}.b) && has({'a': {'b': null}}.a.b)",
      "[1, 2, 3].all(x, x > 0) && ![1, 2].all(x, x > 1) && [].all(x, false)",
      "[1, 2].exists(x, x == 2) && ![].exists(x, true)",
      "[1, 2, 3].exists_one(x, x > 2) && ![1, 2, 3].exists_one(x, x > 1)",
      "[1, 2, 3].map(x, x * 2) == [2, 4, 6] && [1, 2, 3].map(x, x > 1, x + 1) == [3, 4]",
      "[1, 2, 3].filter(x, x % 2 == 1) == [1, 3] && [].map(x, x) == []",
      "{'a': 1, 'b': 2}.all(k, k in ['a', 'b']) && {'a': 1}.map(k, k) == ['a']",
      "{'a': 1, 'b': 2}.filter(k, k != 'a') == ['b'] && {'a': 1}.exists(k, k == 'a')",
      ("[[1, 2], [3]].all(x, x.all(y, y > 0)) && [1, 2].map(x, [3, 4].map(x, x)) == [[3, 4], [3, "
       "4]]"),
      "[1, 2].map(x, [10, 20].map(y, x + y)) == [[11, 21], [12, 22]]",
      "['a', 'b'].all(i, v, (i == 0 && v == 'a') || (i == 1 && v == 'b'))",
      "{'a': 1}.exists(k, v, k == 'a' && v == 1) && [1, 2].existsOne(i, v, i == 1 && v == 2)",
      "[1, 2].exists_one(i, v, v > 1) && [5, 6].transformList(i, v, i + v) == [5, 7]",
      "[5, 6].transformList(i, v, i > 0, v) == [6]",
      "{'a': 1, 'b': 2}.transformMap(k, v, v + 1) == {'a': 2, 'b': 3}",
      ("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v) == {'b': 2} && [7].transformMap(i, v, v) == "
       "{0: 7}"),
      "{'a': 'x'}.transformMapEntry(k, v, {v: k}) == {'x': 'a'}",
      "['a', 'b'].transformMapEntry(i, v, v != 'a', {v: i}) == {'b': 1}",
      "[{'a': 1}].exists(a, has(a.a)) && [1, 2].filter(x, x > 1).map(x, x * x)[0] == 4",
  };
  assert_all_true(TRUE, ARRAY_LEN(TRUE));
  static const struct cel_case CASES[] = {
      {"{'a': 1, 'b': 1}.transformMapEntry(k, v, {v: k})",
       "error: insert failed: key 1 already exists"},
      {"dyn(1).map(x, x)", "error: no such overload"},
      {"dyn([1]).map(x, x)", "[1]"},
  };
  assert_outcomes(CASES, ARRAY_LEN(CASES));
}

static void optional_values(void **state) {
  (void)state;
  static const char *const TRUE[] = {
      "optional.of(1).value() == 1 && optional.of(1).hasValue() && !optional.none().hasValue()",
      "optional.none().orValue(2) == 2 && optional.of(1).orValue(1 / 0) == 1",
      "optional.none().or(optional.of(3)).value() == 3",
      "{'a': {'b': 1}}.?a.b.orValue(0) == 1 && {'a': {'b': 1}}.?x.b.orValue(0) == 0",
      "{'a': 1}[?'a'].hasValue() && [1][?1].orValue(7) == 7 && [1][?0].value() == 1",
      "optional.of(2).optMap(x, x * 2).value() == 4 && !optional.none().optMap(x, x).hasValue()",
      "optional.of({'a': 1}).optFlatMap(m, m.?a).value() == 1",
      ("[?optional.none(), ?optional.of(2), 3] == [2, 3] && {?'a': optional.none(), 'b': 1} == "
       "{'b': 1}"),
      ("optional.ofNonZeroValue('') == optional.none() && optional.ofNonZeroValue(1) == "
       "optional.of(1)"),
      "[1, 2].first().value() == 1 && [1, 2].last().value() == 2 && ![].first().hasValue()",
      "optional.unwrap([optional.of(1), optional.none()]) == [1]",
      "has({'a': {'b': 1}}.?a.b) && !has({'a': {'b': 1}}.?x.b)",
      "optional.of([1, 2])[1].value() == 2",
  };
  assert_all_true(TRUE, ARRAY_LEN(TRUE));
  static const struct cel_case CASES[] = {
      {"optional.none().value()", "error: optional.none() dereference"},
      {"optional.of('a')", "optional(a)"},
      {"optional.none()", "optional.none()"},
  };
  assert_outcomes(CASES, ARRAY_LEN(CASES));
}

static void nonsense_is_refused_with_its_place(void **state) {
  (void)state;
  static const struct cel_case CASES[] = {
      {"", "<input>:1:1: Syntax error: mismatched input '<EOF>'"},
      {"1 +", "<input>:1:4: Syntax error: mismatched input '<EOF>'"},
      {"(1", "expecting ')'"},
      {"[1, 2", "expecting ']'"},
      {"{'a' 1}", "expecting ':'"},
      {"1 2", "mismatched input '2' expecting <EOF>"},
      {"a.", "expecting IDENTIFIER"},
      {"f(1,)", "mismatched input ')'"},
      {"1 = 2", "token recognition error"},
      {"'abc", "text without its closing quote"},
      {"'a\nb'", "text without its closing quote"},
      {"'\\q'", "invalid escape sequence"},
      {"'\\ud800'", "invalid escape sequence"},
      {"b'\\u0041'", "invalid escape sequence"},
      {"9223372036854775808", "invalid int literal"},
      {"18446744073709551616u", "invalid uint literal"},
      {"0xfffffffffffffffff", "invalid int literal"},
      {"1e999", "invalid double literal"},
      {"while", "reserved identifier: while"},
      {"has(a)", "invalid argument to has() macro"},
      {"[1].all(x.y, true)", "argument must be a simple name"},
      {"[1].all(x, x, true)", "duplicate variable name: x"},
      {"Foo{a: 1}", "messages (\"Type{field: value}\") are not supported"},
      {"`a b`", "Syntax error"},
      {"true &&\n  x",
       "<input>:2:3: undeclared reference to 'x' (in container '')\n |   x\n | ..^"},
      {"'\u00e9' + x", "| '\u00e9' + x\n | .\uff0e....^"},
  };
  assert_outcomes(CASES, ARRAY_LEN(CASES));
}

static void size_and_depth_are_limited(void **state) {
  (void)state;
  static char text[CEL_SOURCE_MAX + 2];
  struct arena arena;
  static const struct {
    const char *unit;
    size_t count;
  } CASES[] = {{"(", 1000},   {"[", 1000},    {"-", 5000},
               {"!", 5000},   {"1+", 5000},   {"[1,", 5000},
               {"a.", 5000},  {"a?b:", 5000}, {"x", CEL_SOURCE_MAX + 1},
               {"f(", 1000},  {"1,", 20000},  {"[0].map(x,", 2000},
               {"{1:", 2000}, {"a[", 2000}};
  for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
    size_t len = strlen(CASES[i].unit);
    for (size_t n = 0; n < CASES[i].count; n++)
      memcpy(text + n * len, CASES[i].unit, len);
    text[CASES[i].count * len] = '\0';
    arena_init(&arena);
    assert_true(str_starts(cel_outcome(text, NULL, NULL, 0, &arena), STR("refused: ")));
    arena_dispose(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(literals),
      cmocka_unit_test(precedence),
      cmocka_unit_test(equality_and_order),
      cmocka_unit_test(errors_are_absorbed_where_they_do_not_matter),
      cmocka_unit_test(whole_numbers_never_wrap),
      cmocka_unit_test(macros),
      cmocka_unit_test(optional_values),
      cmocka_unit_test(nonsense_is_refused_with_its_place),
      cmocka_unit_test(size_and_depth_are_limited),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
