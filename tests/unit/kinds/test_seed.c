// SPDX-License-Identifier: Apache-2.0
// Each manifest of examples/kagenti decodes, comes back the same and passes lint.
#include "manifests/kinds/lint.h"
#include "manifests/kinds/registry.h"
#include "manifests/schema/decode.h"
#include "manifests/schema/defaults.h"
#include "manifests/schema/encode.h"
#include "manifests/text/duration.h"
#include "manifests/text/yaml.h"
#include "support_golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define FOLDER "examples/kagenti"
#define FRAGMENT "25-readiness-probe.yaml" // a patch fragment, not an object

static struct arena arena;
static struct findings findings;

static int setup(void **state) {
  (void)state;
  arena_init(&arena);
  findings_init(&findings, &arena);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

static struct json *read_yaml(struct str name) {
  struct str path = arena_printf(&arena, "%s/%.*s", FOLDER, STR_ARG(name));
  struct yaml_doc *docs = NULL;
  size_t count = yaml_parse(golden_read(path.ptr, &arena), name, &arena, &docs, &findings);
  if (count != 1 || findings.errors)
    fail_msg("%s: %zu documents, %zu errors", name.ptr, count, findings.errors);
  return docs[0].root;
}

static bool same_scalar(const struct json *a, const struct json *b) {
  int64_t x = 0, y = 0;
  if (json_is(a, JSON_STRING) && json_is(b, JSON_STRING) && duration_parse(a->string, &x) &&
      duration_parse(b->string, &y))
    return x == y; // 3600s comes back as 1h0m0s
  return json_equal(a, b);
}

// Everything that `given` says, `result` says, too; defaults may have been added.
static void contains(const struct json *result, const struct json *given, struct str path) {
  if (json_is(given, JSON_OBJECT)) {
    JSON_EACH(child, given) {
      struct str at = arena_printf(&arena, "%.*s.%.*s", STR_ARG(path), STR_ARG(child->key));
      const struct json *other = json_get_s(result, child->key);
      if (!other && json_is(child, JSON_BOOL) && !child->boolean)
        continue;
      if (!other)
        fail_msg("%s is lost", at.ptr);
      contains(other, child, at);
    }
  } else if (json_is(given, JSON_ARRAY)) {
    assert_int_equal(result->count, given->count);
    size_t index = 0;
    JSON_EACH(item, given) {
      contains(json_at(result, index), item,
               arena_printf(&arena, "%.*s[%zu]", STR_ARG(path), index));
      index++;
    }
  } else if (!same_scalar(result, given)) {
    fail_msg("%s is not the same: %s and %s", path.ptr, json_text(&arena, result).ptr,
             json_text(&arena, given).ptr);
  }
}

static void round_trip(struct str name) {
  struct json *json = read_yaml(name);
  struct str version = json_get_string(json, "apiVersion"), group;
  const struct kind_desc *kind = kind_find(version, json_get_string(json, "kind"));
  assert_non_null(kind);
  kind_split_api_version(version, &group, &version);
  void *object = NULL, *again = NULL;
  const struct decode_options options = {.file = name};
  assert_int_equal(kind_decode(kind, json, &options, &arena, &findings, &object), 0);
  struct json *once = kind_encode(kind, object, version, &arena);
  contains(once, json, name);
  assert_int_equal(kind_decode(kind, once, &options, &arena, &findings, &again), 0);
  assert_true(json_equal(once, kind_encode(kind, again, version, &arena)));
  // What a server would store (defaults written into the tree) means the same object.
  struct json *stored = json_dup(&arena, json);
  kind_default(kind, stored, &arena);
  assert_int_equal(kind_decode(kind, stored, &options, &arena, &findings, &again), 0);
  assert_true(json_equal(once, kind_encode(kind, again, version, &arena)));
  struct buf yaml;
  buf_init(&yaml, 1u << 20);
  assert_int_equal(yaml_write(&yaml, once), 0);
  golden_same(arena_printf(&arena, "tests/golden/kinds/%.*s", STR_ARG(name)).ptr, buf_str(&yaml));
  buf_dispose(&yaml);
}

static void all_come_back_the_same(void **state) {
  (void)state;
  struct str *names = NULL;
  size_t count = golden_list(FOLDER, ".yaml", &arena, &names), tried = 0;
  for (size_t i = 0; i < count; i++) {
    bool numbered = names[i].ptr[0] >= '0' && names[i].ptr[0] <= '9';
    if (!numbered || str_eq_z(names[i], FRAGMENT))
      continue;
    round_trip(names[i]);
    tried++;
  }
  assert_int_equal(tried, 26);
}

// One by one, as they are applied.
static void all_pass_lint(void **state) {
  (void)state;
  struct str *names = NULL, report = STR("");
  size_t count = golden_list(FOLDER, ".yaml", &arena, &names);
  for (size_t i = 0; i < count; i++) {
    if (names[i].ptr[0] < '0' || names[i].ptr[0] > '9')
      continue;
    struct findings one;
    struct lint lint;
    findings_init(&one, &arena);
    lint_init(&lint, &arena, &one);
    struct str path = arena_printf(&arena, "%s/%.*s", FOLDER, STR_ARG(names[i]));
    lint_add_text(&lint, names[i], golden_read(path.ptr, &arena));
    lint_finish(&lint);
    lint_dispose(&lint);
    for (size_t f = 0; f < one.count; f++) {
      struct str line = finding_text(&one.items[f], &arena);
      report = arena_printf(&arena, "%.*s%.*s\n", STR_ARG(report), STR_ARG(line));
    }
    if (one.errors)
      fail_msg("%s has errors:\n%s", names[i].ptr, report.ptr);
  }
  golden_same("tests/golden/lint/kagenti.txt", report);
}

static void together_they_warn_of_each_other(void **state) {
  (void)state;
  struct str *names = NULL, report = STR("");
  struct lint lint;
  lint_init(&lint, &arena, &findings);
  size_t count = golden_list(FOLDER, ".yaml", &arena, &names);
  for (size_t i = 0; i < count; i++)
    if (names[i].ptr[0] >= '0' && names[i].ptr[0] <= '9')
      lint_add_text(
          &lint, names[i],
          golden_read(arena_printf(&arena, "%s/%.*s", FOLDER, STR_ARG(names[i])).ptr, &arena));
  lint_finish(&lint);
  lint_dispose(&lint);
  assert_int_equal(findings.errors, 0);
  for (size_t f = 0; f < findings.count; f++) {
    struct str id = findings.items[f].id;
    if (!str_starts(id, STR("duplicate-")) && !str_eq_z(id, "unknown-subset") &&
        !str_eq_z(id, "subset-without-endpoints"))
      continue;
    struct str line = finding_text(&findings.items[f], &arena);
    report = arena_printf(&arena, "%.*s%.*s\n", STR_ARG(report), STR_ARG(line));
  }
  golden_same("tests/golden/lint/kagenti-together.txt", report);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
      TEST(all_come_back_the_same),
      TEST(all_pass_lint),
      TEST(together_they_warn_of_each_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
