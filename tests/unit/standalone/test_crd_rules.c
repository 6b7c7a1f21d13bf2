// SPDX-License-Identifier: Apache-2.0
// Rules of a schema: which objects they see, what they say, and what of them is refused.
#include "manifests/base/bug.h"
#include "operator/standalone/crd_check.h"
#include "operator/standalone/crd_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const struct json *parse(const char *text, struct arena *arena) {
  struct json *json;
  struct err err;
  if (json_parse(str_of(text), arena, &json, &err))
    fail_msg("%s: %s", text, err.msg);
  return json;
}

// All findings as "path: message" lines, warnings behind "warning ".
static struct str lines(const struct findings *found, struct arena *arena) {
  struct str text = STR("");
  for (size_t i = 0; i < found->count; i++) {
    const struct finding *f = &found->items[i];
    text = f->level == FINDING_ERROR
               ? arena_printf(arena, "%.*s%s%.*s: %.*s", STR_ARG(text), i ? "\n" : "",
                              STR_ARG(f->path), STR_ARG(f->message))
               : arena_printf(arena, "%.*s%swarning %.*s", STR_ARG(text), i ? "\n" : "",
                              STR_ARG(f->message));
  }
  return text;
}

#define ROOT(spec) "{\"type\":\"object\",\"properties\":{\"spec\":" spec "}}"
#define RULE(rule, more) "\"x-kubernetes-validations\":[{\"rule\":\"" rule "\"" more "}]"
#define SAYS(text) ",\"message\":\"" text "\""
#define NUMBER(rule, more) "{\"type\":\"integer\"," RULE(rule, more) "}"
#define OBJECT(members, more) "{\"type\":\"object\",\"properties\":{" members "}" more "}"
#define KEYED                                                                                      \
  "\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"n\"],\"type\":\"array\""

static void objects_are_judged(void **state) {
  (void)state;
  static const struct {
    const char *schema, *object, *old, *want; // old: NULL for a new object
  } CASES[] = {
      {ROOT(NUMBER("self > 1", SAYS("big"))), "{\"spec\":1}", NULL,
       "spec: Invalid value: \"integer\": big"},
      {ROOT(NUMBER("self > 1", SAYS("big"))), "{\"spec\":2}", NULL, ""},
      {ROOT(NUMBER("self > 1", "")), "{\"spec\":1}", NULL,
       "spec: Invalid value: \"integer\": failed rule: self > 1"},
      {ROOT(NUMBER("1 / self == 1", "")), "{\"spec\":0}", NULL,
       "spec: Invalid value: \"integer\": division by zero evaluating rule: 1 / self == 1"},
      {ROOT(NUMBER("self > 1", SAYS("r") ",\"reason\":\"FieldValueRequired\"")), "{\"spec\":1}",
       NULL, "spec: Required value: r"},
      {ROOT(NUMBER("self > 1", SAYS("r") ",\"reason\":\"FieldValueForbidden\"")), "{\"spec\":1}",
       NULL, "spec: Forbidden: r"},
      {ROOT(NUMBER("self > 1", SAYS("r") ",\"reason\":\"FieldValueDuplicate\"")), "{\"spec\":1}",
       NULL, "spec: Duplicate value: \"integer\""},
      {ROOT(NUMBER("self > 1", SAYS("m") ",\"messageExpression\":\"'is ' + string(self)\"")),
       "{\"spec\":1}", NULL, "spec: Invalid value: \"integer\": is 1"},
      {ROOT(NUMBER("self > 1", SAYS("m") ",\"messageExpression\":\"'x'.substring(self + 5)\"")),
       "{\"spec\":1}", NULL, "spec: Invalid value: \"integer\": m"},
      {ROOT(OBJECT("\"a\":{\"type\":\"integer\"}",
                   "," RULE("self.a > 1", SAYS("m") ",\"fieldPath\":\".a\""))),
       "{\"spec\":{\"a\":1}}", NULL, "spec.a: Invalid value: \"object\": m"},
      // A list: each item, by its place.
      {ROOT("{\"type\":\"array\",\"items\":" NUMBER("self > 1", SAYS("m")) "}"), "{\"spec\":[2,1]}",
       NULL, "spec[1]: Invalid value: \"integer\": m"},
      {ROOT("{\"type\":\"object\",\"additionalProperties\":" NUMBER("self > 1", SAYS("m")) "}"),
       "{\"spec\":{\"a.b\":1}}", NULL, "spec[a.b]: Invalid value: \"integer\": m"},
      // The root: its metadata is known by two names.
      {"{\"type\":\"object\"," RULE("self.metadata.name == 'a' && self.kind == 'K'", SAYS("m")) "}",
       "{\"kind\":\"K\",\"metadata\":{\"name\":\"b\"}}", NULL,
       "<nil>: Invalid value: \"object\": m"},
      // Rules on what was run only when something was.
      {ROOT(NUMBER("self >= oldSelf", SAYS("m"))), "{\"spec\":1}", NULL, ""},
      {ROOT(NUMBER("self >= oldSelf", SAYS("m"))), "{\"spec\":1}", "{\"spec\":2}",
       "spec: Invalid value: \"integer\": m"},
      {ROOT(NUMBER("self >= oldSelf", SAYS("m"))), "{\"spec\":1}", "{}", ""},
      {ROOT(NUMBER("oldSelf.hasValue() || self == 0", SAYS("m") ",\"optionalOldSelf\":true")),
       "{\"spec\":1}", NULL, "spec: Invalid value: \"integer\": m"},
      {ROOT(NUMBER("oldSelf.hasValue() || self == 0", SAYS("m") ",\"optionalOldSelf\":true")),
       "{\"spec\":1}", "{\"spec\":5}", ""},
      // Items of a list by key, wherever they moved.
      {ROOT("{" KEYED ",\"items\":" OBJECT(
           "\"n\":{\"type\":\"string\"},\"v\":" NUMBER("self >= oldSelf", SAYS("m")), "") "}"),
       "{\"spec\":[{\"n\":\"b\",\"v\":1},{\"n\":\"a\",\"v\":1}]}",
       "{\"spec\":[{\"n\":\"a\",\"v\":1},{\"n\":\"b\",\"v\":2}]}",
       "spec[0].v: Invalid value: \"integer\": m"},
      // What was as bad before, and did not change, is only told.
      {ROOT(OBJECT("\"a\":" NUMBER("self > 1", SAYS("m")) ",\"b\":{\"type\":\"integer\"}", "")),
       "{\"spec\":{\"a\":1,\"b\":2}}", "{\"spec\":{\"a\":1,\"b\":1}}",
       "warning spec.a: Invalid value: \"integer\": m"},
      {ROOT(OBJECT("\"a\":" NUMBER("self > 1", SAYS("m")), "")), "{\"spec\":{\"a\":0}}",
       "{\"spec\":{\"a\":1}}", "spec.a: Invalid value: \"integer\": m"},
      {ROOT("{\"type\":\"array\",\"items\":" NUMBER("self > 1", SAYS("m")) "}"), "{\"spec\":[1,2]}",
       "{\"spec\":[1,2]}", "warning spec[0]: Invalid value: \"integer\": m"},
      {ROOT("{\"type\":\"array\",\"items\":" NUMBER("self > 1", SAYS("m")) "}"), "{\"spec\":[1,2]}",
       "{\"spec\":[1]}", "spec[0]: Invalid value: \"integer\": m"},
      // A rule that never compiled (stored by another server) refuses everything.
      {ROOT(NUMBER("self.x", "")), "{\"spec\":1}", NULL,
       "spec: Invalid value: \"integer\": rule compile error: compilation failed: ERROR: "
       "<input>:1:5: type 'int' does not support field selection\n | self.x\n | ....^"},
      {ROOT("{\"type\":\"integer\"}"), "{\"spec\":1}", NULL, ""},
  };
  for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
    struct arena arena;
    struct findings found;
    arena_init(&arena);
    findings_init(&found, &arena);
    const struct json *old = CASES[i].old ? parse(CASES[i].old, &arena) : NULL;
    crd_rules_judge(crd_rules_compile(parse(CASES[i].schema, &arena), true, &arena),
                    parse(CASES[i].object, &arena), old, STR(""), &found);
    struct str have = lines(&found, &arena);
    if (!str_eq_z(have, CASES[i].want))
      fail_msg("%zu: wanted %s, found %.*s", i, CASES[i].want, STR_ARG(have));
    arena_dispose(&arena);
  }
}

static void wrong_rules_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *schema, *want; // a part of what is found
  } CASES[] = {
      {ROOT(NUMBER("self.x == 1", "")), "type 'int' does not support field selection"},
      {ROOT(NUMBER("self", "")), "cel expression must evaluate to a bool"},
      {ROOT(NUMBER("true", ",\"messageExpression\":\"1\"")),
       "spec].x-kubernetes-validations[0].messageExpression: Invalid value: "},
      {ROOT(NUMBER("true", ",\"reason\":\"Odd\"")), ".reason: Unsupported value: \"Odd\""},
      {ROOT(NUMBER("true", ",\"fieldPath\":\".x\"")),
       ".fieldPath: Invalid value: \".x\": must be a valid path"},
      {ROOT(NUMBER(" ", "")), ".rule: Required value: rule is not specified"},
      {ROOT(NUMBER("true", ",\"optionalOldSelf\":true")),
       ".optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"},
      {ROOT("{\"type\":\"array\",\"items\":" NUMBER("self == oldSelf", "") "}"),
       "oldSelf cannot be used on the uncorrelatable portion of the schema within "
       "schema.properties[spec]"},
      {ROOT("{\"type\":\"integer\",\"default\":1," RULE("self > 1", SAYS("m")) "}"),
       "schema.properties[spec].default: Invalid value: \"integer\": m"},
      {ROOT("{\"x-kubernetes-preserve-unknown-fields\":true," RULE("true", "") "}"),
       "unable to convert structural schema to CEL declarations"},
      {ROOT(NUMBER("self > 1 && self < 3", "")), ""},
  };
  for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
    struct arena arena;
    struct findings found;
    arena_init(&arena);
    findings_init(&found, &arena);
    crd_check_schema(parse(CASES[i].schema, &arena), STR("schema"), &found);
    struct str have = lines(&found, &arena);
    if (CASES[i].want[0] ? !str_contains(have, str_of(CASES[i].want)) : have.len > 0)
      fail_msg("%zu: wanted %s, found %.*s", i, CASES[i].want, STR_ARG(have));
    arena_dispose(&arena);
  }
}

static void all_rules_of_a_write_have_one_budget(void **state) {
  (void)state;
  struct arena arena;
  struct findings found;
  struct buf schema, object;
  arena_init(&arena);
  findings_init(&found, &arena);
  buf_init(&schema, 1u << 20);
  buf_init(&object, 1u << 20);
  // Each rule is below its own limit; together they are not.
  buf_add_z(&schema,
            "{\"type\":\"object\",\"properties\":{\"l\":{\"type\":\"array\",\"items\":{\"type\":"
            "\"integer\"},\"x-kubernetes-validations\":[");
  for (int i = 0; i < 40; i++)
    buf_addf(&schema, "%s{\"rule\":\"self.all(a, self.all(b, a + b < %d))\"}", i ? "," : "",
             100000 + i);
  buf_add_z(&schema, "]}}}");
  buf_add_z(&object, "{\"l\":[");
  for (int i = 0; i < 300; i++)
    buf_addf(&object, "%s%d", i ? "," : "", i);
  buf_add_z(&object, "]}");
  crd_rules_judge(crd_rules_compile(parse(buf_z(&schema), &arena), true, &arena),
                  parse(buf_z(&object), &arena), NULL, STR(""), &found);
  assert_int_equal(found.count, 1);
  assert_true(str_contains(found.items[0].message, STR("running out of cost budget")));
  buf_dispose(&schema);
  buf_dispose(&object);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(objects_are_judged),
      cmocka_unit_test(wrong_rules_are_refused),
      cmocka_unit_test(all_rules_of_a_write_have_one_budget),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
