// SPDX-License-Identifier: Apache-2.0
// What the checker refuses, and rules over objects with a schema.
#include "manifests/base/bug.h"
#include "tests/unit/cel/support_cel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

// {spec: {name: string, size: int, ratio: double, port: dyn, tags: set of string, map: map of int,
//  parts: list by key "name" of {name, weight}, when: timestamp, wait: duration, raw: bytes,
//  x-y: int}}
static struct cel_field part_fields[2], spec_fields[11], root_fields[1];
static struct cel_type part = {.kind = CEL_OBJECT, .name = {"self.part", 9}};
static struct cel_type spec = {.kind = CEL_OBJECT, .name = {"self.spec", 9}};
static struct cel_type root = {.kind = CEL_OBJECT, .name = {"self", 4}};
static struct cel_type tags = {.kind = CEL_LIST, .merge = CEL_MERGE_SET};
static struct cel_type parts = {.kind = CEL_LIST, .a = &part, .merge = CEL_MERGE_KEYS};
static struct cel_type numbers = {.kind = CEL_MAP};
static const struct str key_names[] = {{"name", 4}};

static void field(struct cel_field *to, const char *name, const char *key,
                  const struct cel_type *type) {
  *to = (struct cel_field){str_of(name), str_of(key), type};
}

static int make_types(void **state) {
  (void)state;
  tags.a = cel_simple(CEL_STRING);
  numbers.a = cel_simple(CEL_STRING);
  numbers.b = cel_simple(CEL_INT);
  parts.keys = key_names;
  parts.key_count = 1;
  field(&part_fields[0], "name", "name", cel_simple(CEL_STRING));
  field(&part_fields[1], "weight", "weight", cel_simple(CEL_INT));
  field(&spec_fields[0], "name", "name", cel_simple(CEL_STRING));
  field(&spec_fields[1], "size", "size", cel_simple(CEL_INT));
  field(&spec_fields[2], "ratio", "ratio", cel_simple(CEL_DOUBLE));
  field(&spec_fields[3], "port", "port", cel_simple(CEL_DYN));
  field(&spec_fields[4], "tags", "tags", &tags);
  field(&spec_fields[5], "map", "map", &numbers);
  field(&spec_fields[6], "parts", "parts", &parts);
  field(&spec_fields[7], "when", "when", cel_simple(CEL_TIMESTAMP));
  field(&spec_fields[8], "wait", "wait", cel_simple(CEL_DURATION));
  field(&spec_fields[9], "raw", "raw", cel_simple(CEL_BYTES));
  field(&spec_fields[10], "x__dash__y", "x-y", cel_simple(CEL_INT));
  part.fields = part_fields;
  part.field_count = ARRAY_LEN(part_fields);
  spec.fields = spec_fields;
  spec.field_count = ARRAY_LEN(spec_fields);
  field(&root_fields[0], "spec", "spec", &spec);
  root.fields = root_fields;
  root.field_count = 1;
  return 0;
}

static struct str outcome_of(const char *source, const char *text, const char *old_text,
                             struct arena *arena) {
  struct json *self, *old;
  struct err err;
  assert_int_equal(json_parse(str_of(text), arena, &self, &err), 0);
  assert_int_equal(json_parse(str_of(old_text), arena, &old, &err), 0);
  struct cel_variable variables[] = {{"self", &root}, {"oldSelf", &root}};
  struct cel_value values[] = {cel_from_json(self, &root, arena), cel_from_json(old, &root, arena)};
  return cel_outcome(source, variables, values, 2, arena);
}

static const char OBJECT[] = "{\"spec\": {\"name\": \"n\", \"size\": 3, \"ratio\": 2, \"port\": "
                             "\"http\", \"tags\": [\"a\", \"b\"], "
                             "\"map\": {\"x\": 1, \"y-z\": 2}, \"parts\": [{\"name\": \"p\", "
                             "\"weight\": 1}, {\"name\": \"q\", "
                             "\"weight\": 2}], \"when\": \"2026-01-01T00:00:00Z\", \"wait\": "
                             "\"90s\", \"raw\": \"aGk=\", \"x-y\": 7, "
                             "\"unknown\": 1}}";
static const char OTHER[] =
    "{\"spec\": {\"name\": \"n\", \"size\": 3, \"tags\": [\"b\", \"a\"], \"port\": 80, \"parts\": "
    "[{\"name\": \"q\", \"weight\": 2}, {\"name\": \"p\", \"weight\": 1}]}}";

static void objects_are_what_their_schema_says(void **state) {
  (void)state;
  static const char *const TRUE[] = {
      "self.spec.name == 'n' && self.spec.size + 1 == 4 && self.spec.ratio == 2.0",
      "self.spec.port == 'http' && oldSelf.spec.port == 80 && type(self.spec.port) == string",
      "self.spec.map.x == 1 && self.spec.map['y-z'] == 2 && 'x' in self.spec.map",
      "self.spec.when.getFullYear() == 2026 && self.spec.wait == duration('1m30s')",
      "self.spec.raw == b'hi' && self.spec.x__dash__y == 7 && has(self.spec.x__dash__y)",
      ("has(self.spec.name) && !has(oldSelf.spec.ratio) && has(self.spec.map.x) && "
       "!has(self.spec.map.q)"),
      "self.spec.tags == oldSelf.spec.tags && self.spec.parts == oldSelf.spec.parts",
      "self.spec.tags + ['c', 'a'] == ['a', 'b', 'c']",
      "(self.spec.parts + oldSelf.spec.parts).size() == 2",
      "self.spec.parts.map(p, p.weight).sum() == 3 && self.spec.parts.exists_one(p, p.name == 'q')",
      "self.spec.parts.all(p, p.weight > 0 && p.name.size() == 1)",
      "self != oldSelf && self == self",
      "self.spec.map.size() == 2 && type(self.spec) == map",
      "self.?spec.?ratio.orValue(1.0) == 2.0",
      "oldSelf.?spec.?ratio.orValue(1.0) == 1.0 && self.spec.map.transformList(k, v, v).sum() == 3",
      "self.spec != null && self.spec.when != null",
      "dyn(self).spec.name == 'n'",
      "[self.spec.size, self.spec.x__dash__y].max() == 7",
      "self.spec.tags.join(',') == 'a,b'",
  };
  for (size_t i = 0; i < ARRAY_LEN(TRUE); i++) {
    struct arena arena;
    arena_init(&arena);
    struct str outcome = outcome_of(TRUE[i], OBJECT, OTHER, &arena);
    if (!str_eq_z(outcome, "true"))
      fail_msg("%s: %.*s", TRUE[i], STR_ARG(outcome));
    arena_dispose(&arena);
  }
}

static void what_the_schema_does_not_allow_is_refused(void **state) {
  (void)state;
  static const struct cel_case CASES[] = {
      {"self.spec.typo == 1",
       "ERROR: <input>:1:10: undefined field 'typo'\n | self.spec.typo == 1\n | .........^"},
      {"has(self.spec.typo)", "undefined field 'typo'"},
      {"self.spec.parts.all(p, p.typo == 1)", "undefined field 'typo'"},
      {"self.spec.name == 1", "found no matching overload for '_==_' applied to '(string, int)'"},
      {"self.spec.size > 'a'", "found no matching overload for '_>_' applied to '(int, string)'"},
      {"self.spec.size + 1.0 > 2.0",
       "found no matching overload for '_+_' applied to '(int, double)'"},
      {"self.spec.size.startsWith('a')",
       "found no matching overload for 'startsWith' applied to 'int.(string)'"},
      {"self.spec.name.nope()", "undeclared reference to 'nope' (in container '')"},
      {"nope(1)", "undeclared reference to 'nope' (in container '')"},
      {"other.spec", "undeclared reference to 'other' (in container '')"},
      {"self.spec.size.x == 1", "type 'int' does not support field selection"},
      {"self.spec.size.all(x, true)",
       "expression of type 'int' cannot be range of a comprehension"},
      {"self.spec.name && true", "expected type 'bool' but found 'string'"},
      {"[1, 'a'].size() == 2", "expected type 'int' but found 'string'"},
      {"{'a': 1, 'b': 'c'}.size() == 2", "expected type 'int' but found 'string'"},
      {"self.spec.name == null",
       "found no matching overload for '_==_' applied to '(string, null)'"},
      {"(true ? 1 : 'a') == 1",
       "found no matching overload for '_?_:_' applied to '(bool, int, string)'"},
      {"self.spec.tags.exists(t, t)", "expected type 'bool' but found 'string'"},
      {"self.spec.tags[0] == 1",
       "found no matching overload for '_==_' applied to '(string, int)'"},
      {"self.spec.tags['a'] == 'a'",
       "found no matching overload for '_[_]' applied to '(list(string), string)'"},
      {"1 in self.spec.tags",
       "found no matching overload for '@in' applied to '(int, list(string))'"},
      {"self.spec.map.transformMapEntry(k, v, k).size() == 1",
       "expected type 'map(dyn, dyn)' but found 'string'"},
      {"optional.of(1).optFlatMap(x, x).hasValue()",
       "expected type 'optional_type(dyn)' but found 'int'"},
      {"format.dns1123Label().validate('a').hasValue()",
       "the format library (format.NAME().validate()) is not supported"},
      {"self.spec.typo == 1 && self.spec.typo2 == 2", "undefined field 'typo2'"},
      {"size(1, 2)", "found no matching overload for 'size' applied to '(int, int)'"},
  };
  for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
    struct arena arena;
    arena_init(&arena);
    struct str outcome = outcome_of(CASES[i].source, OBJECT, OTHER, &arena);
    if (!str_starts(outcome, STR("refused: ")) || !str_contains(outcome, str_of(CASES[i].outcome)))
      fail_msg("%s: wanted %s, found %.*s", CASES[i].source, CASES[i].outcome, STR_ARG(outcome));
    arena_dispose(&arena);
  }
}

static void names_are_escaped(void **state) {
  (void)state;
  static const struct {
    const char *key, *name; // NULL: no expression can name it
  } CASES[] = {{"a", "a"},
               {"namespace", "__namespace__"},
               {"in", "__in__"},
               {"int", "int"},
               {"a-b", "a__dash__b"},
               {"a.b/c", "a__dot__b__slash__c"},
               {"a__b", "a__underscores__b"},
               {"_a", "_a"},
               {"___", "__underscores___"},
               {"1a", NULL},
               {"a b", NULL},
               {"\u00e9", NULL},
               {"", NULL}};
  struct arena arena;
  arena_init(&arena);
  for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
    struct str name;
    assert_int_equal(cel_escape(str_of(CASES[i].key), &arena, &name), CASES[i].name != NULL);
    if (CASES[i].name)
      assert_string_equal(name.ptr, CASES[i].name);
  }
  arena_dispose(&arena);
}

// What a hostile rule costs is bounded, whatever it does.
static void runs_are_limited(void **state) {
  (void)state;
  static const char *const SLOW[] = {
      ("self.spec.tags.all(a, self.spec.tags.all(b, self.spec.tags.all(c, self.spec.tags.all(d, a "
       "+ "
       "b != c + d + 'x'))))"),
      ("[[0]].map(a, a + a).map(a, a + a).size() == 0 || self.spec.tags.map(a, "
       "self.spec.tags.map(b, "
       "self.spec.tags.map(c, a + b + c))).size() < 0"),
      ("self.spec.tags.all(a, self.spec.tags.join('').replace('t', "
       "'ttttttttttttttttttttttttttttttttttttttttttttttt')"
       ".replace('t', 'tttttttttttttttttttttttttttttttttttttttttttttttttttttttt').replace('t', "
       "'tttttttttttttttttttttttttttttt')"
       ".replace('t', 'tttttttttttttttttttttttttttt').size() > 0)"),
      ("self.spec.tags.all(a, (a + "
       "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!').matches('(a+)+$') || true)"),
  };
  struct buf text;
  buf_init(&text, 1u << 20);
  buf_add_z(&text, "{\"spec\":{\"tags\":[");
  for (int i = 0; i < 500; i++)
    buf_addf(&text, "%s\"t%d\"", i ? "," : "", i);
  buf_add_z(&text, "]}}");
  for (size_t i = 0; i < ARRAY_LEN(SLOW); i++) {
    struct arena arena;
    arena_init(&arena);
    struct str outcome = outcome_of(SLOW[i], buf_z(&text), "{}", &arena);
    if (!str_eq_z(outcome, "error: operation cancelled: actual cost limit exceeded"))
      fail_msg("%s: %.*s", SLOW[i], STR_ARG(outcome));
    assert_true(arena.used < CEL_MEMORY_MAX * 2);
    arena_dispose(&arena);
  }
  buf_dispose(&text);
}

// Doubling a list forty times over.
static void memory_is_limited(void **state) {
  (void)state;
  char source[2048] = "[[0]]";
  for (int i = 0; i < 40; i++)
    strncat(source, ".map(a, a + a)", sizeof source - strlen(source) - 1);
  struct arena arena;
  arena_init(&arena);
  struct str outcome = cel_outcome(source, NULL, NULL, 0, &arena);
  assert_true(str_eq_z(outcome, "error: operation cancelled: actual cost limit exceeded"));
  assert_true(arena.used < CEL_MEMORY_MAX * 2);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(objects_are_what_their_schema_says),
      cmocka_unit_test(what_the_schema_does_not_allow_is_refused),
      cmocka_unit_test(names_are_escaped),
      cmocka_unit_test(runs_are_limited),
      cmocka_unit_test(memory_is_limited),
  };
  return cmocka_run_group_tests(tests, make_types, NULL);
}
