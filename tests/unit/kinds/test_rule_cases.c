// SPDX-License-Identifier: Apache-2.0
// Each rule of lint has a manifest that breaks it, tests/golden/lint/rules/<rule>.yaml, with what
// is said of that in <rule>.txt, and <rule>.good.yaml, of which it says nothing. The rules are
// those that manifests/kinds/lint*.c name.
#include "manifests/base/map.h"
#include "manifests/kinds/lint.h"
#include "support_golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define FOLDER "tests/golden/lint/rules"
#define SOURCES "manifests/kinds"

// --- the rules ---

static bool is_rule(struct str text) {
  for (size_t i = 0; i < text.len; i++)
    if (!(text.ptr[i] >= 'a' && text.ptr[i] <= 'z') &&
        !(text.ptr[i] >= '0' && text.ptr[i] <= '9') && text.ptr[i] != '-')
      return false;
  return text.len > 0;
}

static size_t find(struct str text, size_t from, const char *what) {
  struct str word = str_of(what);
  for (size_t i = from; i + word.len <= text.len; i++)
    if (str_eq(str_slice(text, i, i + word.len), word))
      return i;
  return text.len;
}

// The first literal of each call of check_warn and the like.
static void add_rules(struct str text, struct map *rules) {
  static const char *const calls[] = {"check_warn(", "check_error(", "check_add(", "tell("};
  for (size_t c = 0; c < sizeof(calls) / sizeof(calls[0]); c++)
    for (size_t at = find(text, 0, calls[c]); at < text.len; at = find(text, at + 1, calls[c])) {
      size_t begin = find(text, at, "\"") + 1, end = find(text, begin, "\"");
      if (begin < find(text, at, ";") && end < text.len && is_rule(str_slice(text, begin, end)))
        map_put(rules, str_slice(text, begin, end), rules);
    }
}

// --- a case ---

static bool lint_case(struct str rule, const char *suffix, struct arena *arena, struct str *ret) {
  struct findings findings;
  struct lint lint;
  struct str name = arena_printf(arena, "%.*s%s", STR_ARG(rule), suffix);
  findings_init(&findings, arena);
  lint_init(&lint, arena, &findings);
  lint_add_text(&lint, name, golden_read(arena_printf(arena, FOLDER "/%s", name.ptr).ptr, arena));
  lint_finish(&lint);
  lint_dispose(&lint);
  *ret = STR("");
  for (size_t i = 0; i < findings.count; i++)
    if (str_eq(rule, findings.items[i].id))
      *ret = arena_printf(arena, "%.*s%.*s\n", STR_ARG(*ret),
                          STR_ARG(finding_text(&findings.items[i], arena)));
  return findings.errors == 0;
}

static void check_rule(struct str rule, struct arena *arena) {
  struct str bad, good;
  (void)lint_case(rule, ".yaml", arena, &bad);
  bool sound = lint_case(rule, ".good.yaml", arena, &good);
  if (!bad.len)
    fail_msg("%.*s.yaml does not break its rule", STR_ARG(rule));
  if (good.len || !sound)
    fail_msg("%.*s.good.yaml is not good: %.*s", STR_ARG(rule), STR_ARG(good));
  golden_same(arena_printf(arena, FOLDER "/%.*s.txt", STR_ARG(rule)).ptr, bad);
}

static void each_rule_has_a_bad_and_a_good_case(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  struct map rules = {0};
  struct str *names = NULL;
  size_t count = golden_list(SOURCES, ".c", &arena, &names);
  for (size_t i = 0; i < count; i++)
    if (str_starts(names[i], STR("lint")))
      add_rules(golden_read(arena_printf(&arena, SOURCES "/%s", names[i].ptr).ptr, &arena), &rules);
  assert_true(map_count(&rules) >= 40);
  for (struct map_iter it = map_begin(&rules); map_each(&it);)
    check_rule(arena_str(&arena, it.key), &arena);
  // And none is left over of a rule that is gone.
  count = golden_list(FOLDER, ".txt", &arena, &names);
  assert_int_equal(count, map_count(&rules));
  map_dispose(&rules);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(each_rule_has_a_bad_and_a_good_case)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
