// SPDX-License-Identifier: Apache-2.0
// Every function of the table does what its documentation says.
#include "manifests/base/bug.h"
#include "manifests/cel/table.h"
#include "tests/unit/cel/support_cel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void conversions(void **state) {
  (void)state;
  static const char *const TRUE[] = {
      "int('42') == 42 && int('-7') == -7 && int(3.99) == 3 && int(-3.99) == -3 && int(5u) == 5",
      "uint('7') == 7u && uint(3.5) == 3u && uint(5) == 5u && double('1.5') == 1.5",
      "double(2) == 2.0 && double(3u) == 3.0 && double('1e3') == 1000.0",
      "string(42) == '42' && string(7u) == '7' && string(true) == 'true' && string('a') == 'a'",
      ("string(1.5) == '1.5' && string(1.0) == '1' && string(1e21) == '1e+21' && string(0.1) == "
       "'0.1'"),
      ("string(123456789.0) == '123456789' && string(1e-7) == '1e-07' && string(-2.5e10) == "
       "'-25000000000'"),
      "string(b'abc') == 'abc' && bytes('\u00e9') == b'\\xc3\\xa9'",
      "bool('true') && !bool('F') && bool('1')",
      "string(duration('1h30m')) == '5400s' && string(duration('-1.5s')) == '-1.5s'",
      "string(timestamp('2026-01-29T12:00:00.5Z')) == '2026-01-29T12:00:00.5Z'",
      "string(timestamp('2026-01-29T12:00:00+01:00')) == '2026-01-29T11:00:00Z'",
      ("timestamp(0) == timestamp('1970-01-01T00:00:00Z') && "
       "int(timestamp('1970-01-01T00:01:00Z')) "
       "== 60"),
      "int(duration('1us')) == 1000 && dyn(1) == 1 && int(1) == 1 && double(1.0) == 1.0",
      ("duration('1h2m3s4ms5us6ns') == duration('3723004005006ns') && duration('0') == "
       "duration('0s')"),
      "duration('.5s') == duration('500ms') && duration('1.s') == duration('1s')",
      "duration(1000000000) == duration('1s')",
  };
  assert_all_true(TRUE, ARRAY_LEN(TRUE));
  static const struct cel_case CASES[] = {
      {"int(dyn('x'))", "error: type conversion error from 'string' to 'int'"},
      {"uint('-1')", "error: type conversion error from 'string' to 'uint'"},
      {"double('x')", "error: type conversion error from 'string' to 'double'"},
      {"bool('yes')", "error: type conversion error from 'string' to 'bool'"},
      {"string(b'\\xff')", "error: invalid UTF-8 in bytes, cannot convert to string"},
      {"duration('1' + 'x')",
       "error: type conversion error from 'string' to 'google.protobuf.Duration'"},
      {"timestamp('2026' + '')",
       "error: type conversion error from 'string' to 'google.protobuf.Timestamp'"},
      {"timestamp('2026-02-30T00:00:00Z' + '')",
       "error: type conversion error from 'string' to 'google.protobuf.Timestamp'"},
      {"duration('1x')", "invalid duration argument"},
      {"timestamp('soon')", "invalid timestamp argument"},
      {"'a'.matches('(')", "invalid matches argument"},
      {"'a'.matches('(?=a)')", "invalid matches argument"},
  };
  assert_outcomes(CASES, ARRAY_LEN(CASES));
}

static void texts(void **state) {
  (void)state;
  static const char *const TRUE[] = {
      "'hello'.contains('ell') && !'hello'.contains('x') && 'a'.contains('')",
      ("'hello'.startsWith('he') && 'hello'.endsWith('lo') && size('h\u00e9') == 2 && "
       "'h\u00e9'.size() == 2"),
      "'h\u00e9llo'.charAt(1) == '\u00e9' && 'ab'.charAt(2) == ''",
      "'h\u00e9llo'.indexOf('l') == 2 && 'abab'.indexOf('ab', 1) == 2 && 'a'.indexOf('x') == -1",
      "'abc'.indexOf('') == 0 && 'abc'.indexOf('', 2) == 2 && 'abc'.indexOf('a', 9) == -1",
      ("'abab'.lastIndexOf('ab') == 2 && 'abab'.lastIndexOf('ab', 1) == 0 && 'abc'.lastIndexOf('') "
       "== 3"),
      "'a'.lastIndexOf('abc') == -1 && 'h\u00e9h'.lastIndexOf('h') == 2",
      "'AbC\u00c9'.lowerAscii() == 'abc\u00c9' && 'aBc\u00e9'.upperAscii() == 'ABC\u00e9'",
      "'aaa'.replace('a', 'b') == 'bbb' && 'aaa'.replace('a', 'b', 2) == 'bba'",
      ("'ab'.replace('', '-') == '-a-b-' && 'aaa'.replace('a', 'b', 0) == 'aaa' && "
       "'x'.replace('x', "
       "'') == ''"),
      "'a,b,c'.split(',') == ['a', 'b', 'c'] && 'a,b,c'.split(',', 2) == ['a', 'b,c']",
      "'abc'.split('') == ['a', 'b', 'c'] && 'a,b'.split(',', 0) == [] && ''.split(',') == ['']",
      ("'h\u00e9llo'.substring(1) == '\u00e9llo' && 'h\u00e9llo'.substring(1, 3) == '\u00e9l' && "
       "'a'.substring(1) == ''"),
      "' \\t a b \\n'.trim() == 'a b' && '\u00a0\u3000x\u2003'.trim() == 'x' && '  '.trim() == ''",
      "['a', 'b'].join() == 'ab' && ['a', 'b'].join(', ') == 'a, b' && [].join('x') == ''",
      ("'abc'.matches('b') && 'abc'.matches('^a.c$') && !'abc'.matches('^b') && matches('abc', "
       "'c$')"),
      "'abc 123'.find('[0-9]+') == '123' && 'abc'.find('[0-9]') == ''",
      ("'1 22 333'.findAll('[0-9]+') == ['1', '22', '333'] && '1 2 3'.findAll('[0-9]', 2) == ['1', "
       "'2']"),
      ("'ab'.findAll('x*') == ['', '', ''] && 'abc'.findAll('[0-9]') == [] && "
       "'\u00e9\u00e9'.findAll('\u00e9').size() == 2"),
      ("'%s is %d, %.2f %x %X %o %b %e %%'.format(['a', dyn(5), dyn(1.5), 255, 255, 8, 5, "
       "dyn(1234.5)]) == "
       "'a is 5, 1.50 ff FF 10 101 1.234500e+03 %'"),
      ("'%s %s'.format([dyn([1, dyn('a')]), {'k': true}]) == '[1, a] {k: true}' && "
       "'%x'.format(['hi']) == "
       "'6869'"),
      "strings.quote('a\"b\\n') == '\"a\\\\\"b\\\\n\"'",
  };
  assert_all_true(TRUE, ARRAY_LEN(TRUE));
  static const struct cel_case CASES[] = {
      {"'abc'.charAt(4)", "error: index out of range: 4"},
      {"'abc'.charAt(-1)", "error: index out of range: -1"},
      {"'abc'.substring(4)", "error: index out of range: 4"},
      {"'abc'.substring(2, 1)", "error: invalid substring range. start: 2, end: 1"},
      {"'abc'.indexOf('a', -1)", "error: index out of range: -1"},
      {"'abc'.lastIndexOf('a', -1)", "error: index out of range: -1"},
      {"'%d'.format(['a'])",
       "error: error during formatting: only integers can be written in this form"},
      {"'%d'.format([])", "error: error during formatting: not enough arguments"},
      {"'%y'.format([1])", "error: error during formatting: unrecognized formatting clause"},
      {"[dyn(1)].join()", "error: join: invalid input"},
      {"'a'.matches('(' + '')",
       "error: error parsing regexp: missing closing parenthesis at byte 1 of \"(\""},
  };
  assert_outcomes(CASES, ARRAY_LEN(CASES));
}

static void lists_and_sets(void **state) {
  (void)state;
  static const char *const TRUE[] = {
      "size([1, 2]) == 2 && {'a': 1}.size() == 1 && size(b'abc') == 3",
      "[1, 2, 3].isSorted() && !['b', 'a'].isSorted() && [1, 1].isSorted() && [].isSorted()",
      "[1, 2, 3].sum() == 6 && [0.5, 0.5].sum() == 1.0 && [1u, 2u].sum() == 3u",
      "[duration('1s'), duration('1m')].sum() == duration('61s') && [].sum() == 0",
      "[3, 1, 2].min() == 1 && ['a', 'c', 'b'].max() == 'c' && [1.5].max() == 1.5",
      "[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && ['a'].indexOf('b') == -1",
      "sets.contains([1, 2], [2]) && !sets.contains([1], [2]) && sets.contains([1], [])",
      "sets.equivalent([1, 2, 2], [2, 1]) && !sets.equivalent([1], [1, 2])",
      "sets.intersects([1, 2], [2, 3]) && !sets.intersects([1], [2]) && !sets.intersects([], [])",
  };
  assert_all_true(TRUE, ARRAY_LEN(TRUE));
  static const struct cel_case CASES[] = {
      {"[].min()", "error: min called on empty list"},
      {"[].max()", "error: max called on empty list"},
      {"[9223372036854775807, 1].sum()", "error: integer overflow"},
  };
  assert_outcomes(CASES, ARRAY_LEN(CASES));
}

static void times(void **state) {
  (void)state;
#define T "timestamp('2026-03-01T13:14:15.678Z')"
  static const char *const TRUE[] = {
      T ".getFullYear() == 2026 && " T ".getMonth() == 2 && " T ".getDate() == 1",
      T ".getDayOfMonth() == 0 && " T ".getDayOfYear() == 59 && " T ".getDayOfWeek() == 0",
      T ".getHours() == 13 && " T ".getMinutes() == 14 && " T ".getSeconds() == 15",
      T ".getMilliseconds() == 678 && " T ".getHours('+02:00') == 15 && " T
        ".getDate('-14:00') == 28",
      T ".getHours('UTC') == 13 && " T ".getMinutes('01:30') == 44",
      "duration('90m').getHours() == 1 && duration('90m').getMinutes() == 90",
      "duration('1.5s').getSeconds() == 1 && duration('1.5s').getMilliseconds() == 1500",
      T " + duration('1h') == timestamp('2026-03-01T14:14:15.678Z') && duration('1h') + " T " > " T,
      T " - duration('15.678s') == timestamp('2026-03-01T13:14:00Z')",
      T " - timestamp('2026-03-01T13:14:15Z') == duration('678ms')",
      "duration('1m') - duration('1s') == duration('59s')",
      "timestamp('1969-12-31T23:59:59.5Z').getSeconds() == 59",
  };
  assert_all_true(TRUE, ARRAY_LEN(TRUE));
  static const struct cel_case CASES[] = {
      {T ".getHours('Europe/Berlin')",
       "error: unknown time zone Europe/Berlin: this server knows UTC and offsets (\"+01:00\")"}};
  assert_outcomes(CASES, ARRAY_LEN(CASES));
}

static void addresses(void **state) {
  (void)state;
  static const char *const TRUE[] = {
      "ip('10.0.0.1').family() == 4 && ip('::1').family() == 6 && ip('10.0.0.1') == ip('10.0.0.1')",
      ("isIP('10.0.0.1') && !isIP('10.0.0.01') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0') "
       "&& !isIP('x')"),
      ("ip.isCanonical('2001:db8::1') && !ip.isCanonical('2001:DB8::1') && "
       "!ip.isCanonical('2001:db8:0::1')"),
      ("string(ip('0:0:1:0:0:0:0:1')) == '0:0:1::1' && string(ip('::')) == '::' && "
       "string(ip('::102:304')) == '::102:304'"),
      "ip('0.0.0.0').isUnspecified() && ip('127.1.2.3').isLoopback() && ip('::1').isLoopback()",
      "ip('224.0.0.5').isLinkLocalMulticast() && ip('ff02::1').isLinkLocalMulticast()",
      "ip('169.254.0.1').isLinkLocalUnicast() && ip('fe80::1').isLinkLocalUnicast()",
      ("ip('8.8.8.8').isGlobalUnicast() && ip('192.168.0.1').isGlobalUnicast() && "
       "!ip('255.255.255.255').isGlobalUnicast()"),
      "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))",
      ("cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && "
       "!cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))"),
      ("cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.1.2.3/8').ip() == "
       "ip('10.1.2.3')"),
      ("cidr('10.0.0.0/12').prefixLength() == 12 && string(cidr('2001:db8::/33').masked()) == "
       "'2001:db8::/33'"),
      ("isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0') && "
       "!isCIDR('10.0.0.0/08')"),
      "!cidr('::/0').containsIP('1.2.3.4') && type(ip('::1')) == net.IP",
  };
  assert_all_true(TRUE, ARRAY_LEN(TRUE));
  static const struct cel_case CASES[] = {
      {"ip('x')",
       "error: IP Address \"x\" parse error during conversion from string: unable to parse IP"},
      {"cidr('10.0.0.0/8').containsIP('x')",
       "error: IP Address \"x\" parse error during conversion from string: unable to parse IP"},
  };
  assert_outcomes(CASES, ARRAY_LEN(CASES));
}

static void urls(void **state) {
  (void)state;
#define U "url('https://user:pw@[::1]:80/a/b%20c?k=v%20w&k=x+y&n#f')"
  static const char *const TRUE[] = {
      U ".getScheme() == 'https' && " U ".getHost() == '[::1]:80' && " U ".getHostname() == '::1'",
      U ".getPort() == '80' && " U ".getEscapedPath() == '/a/b%20c'",
      U ".getQuery() == {'k': ['v w', 'x y'], 'n': ['']}",
      "url('/path only').getEscapedPath() == '/path%20only' && url('/p').getHost() == ''",
      ("url('http://example.com').getEscapedPath() == '' && url('HTTP://e.com/').getScheme() == "
       "'http'"),
      ("isURL('https://example.com:443/') && isURL('/a') && isURL('mailto:a') && !isURL('a/b') && "
       "!isURL('')"),
      ("!isURL('http://a b/') && !isURL('http://e.com:x/') && !isURL('://x') && !isURL('/%zz') && "
       "!isURL('http://[::1/')"),
      ("url('https://e.com/a') == url('https://e.com/a') && url('https://e.com/a') != "
       "url('https://e.com/b')"),
  };
  assert_all_true(TRUE, ARRAY_LEN(TRUE));
}

static void quantities_and_versions(void **state) {
  (void)state;
  static const char *const TRUE[] = {
      ("quantity('50k').add(quantity('20k')) == quantity('70k') && quantity('50k').add(20) == "
       "quantity('50020')"),
      ("quantity('50k').sub(20000) == quantity('30k') && quantity('1').sub(quantity('1m')) == "
       "quantity('999m')"),
      ("quantity('200M').compareTo(quantity('0.2G')) == 0 && "
       "quantity('50M').compareTo(quantity('50Mi')) == -1"),
      ("quantity('150Mi').isGreaterThan(quantity('100Mi')) && "
       "quantity('1').isLessThan(quantity('1.5'))"),
      ("quantity('50k').asInteger() == 50000 && quantity('50k').isInteger() && "
       "!quantity('1.5').isInteger()"),
      ("!quantity('9999999999999999999999999999999999999G').isInteger() && quantity('1e3') == "
       "quantity('1k')"),
      ("quantity('1E3') == quantity('1000') && quantity('1E') == quantity('1000P') && "
       "sign(quantity('-5')) == -1"),
      ("quantity('1.5').asApproximateFloat() == 1.5 && quantity('.5') == quantity('500m') && "
       "sign(quantity('0')) == 0"),
      ("isQuantity('1.3Gi') && !isQuantity('1.3GiB') && !isQuantity('') && !isQuantity('.') && "
       "!isQuantity('1..2')"),
      "quantity('1n').isGreaterThan(quantity('0')) && quantity('0.1n') == quantity('1n')",
      ("semver('1.2.3').major() == 1 && semver('1.2.3').minor() == 2 && semver('1.2.3').patch() == "
       "3"),
      ("semver('1.2.3').isLessThan(semver('1.10.0')) && "
       "semver('1.0.0-rc.1').isLessThan(semver('1.0.0'))"),
      ("semver('1.0.0-alpha.1').compareTo(semver('1.0.0-alpha.beta')) == -1 && "
       "semver('1.0.0-1').isLessThan(semver('1.0.0-a'))"),
      ("isSemver('1.0.0') && !isSemver('v1.0') && !isSemver('1.0') && !isSemver('01.0.0') && "
       "isSemver('v1.0', true)"),
      ("semver('v01.2', true) == semver('1.2.0') && semver('1.0.0+a').compareTo(semver('1.0.0+b')) "
       "== 0"),
  };
  assert_all_true(TRUE, ARRAY_LEN(TRUE));
  static const struct cel_case CASES[] = {
      {"sign(quantity('x'))", "error: quantities must match the regular expression "
                              "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
      {"quantity('1.5').asInteger()", "error: cannot convert value to integer"},
      {"semver('1')", "error: \"1\" is not a semantic version"},
  };
  assert_outcomes(CASES, ARRAY_LEN(CASES));
}

// A signature is read the same way by the checker and at run time.
static void the_table_is_well_formed(void **state) {
  (void)state;
  struct arena arena;
  size_t rows = 0;
  arena_init(&arena);
  const struct cel_type *open[2] = {cel_simple(CEL_DYN), cel_simple(CEL_DYN)};
  for (const struct cel_function *row = cel_function_find(STR("_==_")); row->name; rows++) {
    const char *signature = row->signature + cel_function_is_member(row);
    for (size_t i = 0; i < cel_function_args(row); i++)
      (void)cel_signature_take(&signature, open, &arena);
    assert_int_equal(*signature++, ':');
    (void)cel_signature_take(&signature, open, &arena);
    assert_int_equal(*signature, '\0');
    // Rows of one name stand together: the first one found is this one or leads here.
    const struct cel_function *first = cel_function_find(str_of(row->name));
    while (first != row)
      assert_non_null(first = cel_function_next(first));
    if (!cel_function_next(row) && str_eq_z(str_of(row->name), "patch"))
      break;
    row++;
  }
  assert_true(rows > 250);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conversions),
      cmocka_unit_test(texts),
      cmocka_unit_test(lists_and_sets),
      cmocka_unit_test(times),
      cmocka_unit_test(addresses),
      cmocka_unit_test(urls),
      cmocka_unit_test(quantities_and_versions),
      cmocka_unit_test(the_table_is_well_formed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
