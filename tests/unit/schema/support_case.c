// SPDX-License-Identifier: Apache-2.0
#include "support_case.h"

struct arena arena;
struct findings findings;

int case_begin(void **state) {
  (void)state;
  arena_init(&arena);
  findings_init(&findings, &arena);
  return 0;
}

int case_end(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

void same(const struct json *json, const char *text) {
  assert_string_equal(json_text(&arena, json).ptr, text);
}
