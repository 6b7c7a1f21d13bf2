// SPDX-License-Identifier: Apache-2.0
// Any bytes as two manifests that are judged together.
#include "manifests/kinds/lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  arena_init(&arena);
  struct findings findings;
  struct lint lint;
  findings_init(&findings, &arena);
  lint_init(&lint, &arena, &findings);
  struct str text = {(const char *)data, size};
  lint_add_text(&lint, STR("a"), text);
  lint_add_text(&lint, STR("b"), str_slice(text, size / 2, size));
  lint_finish(&lint);
  for (size_t i = 0; i < findings.count; i++)
    (void)finding_text(&findings.items[i], &arena);
  lint_dispose(&lint);
  arena_dispose(&arena);
  return 0;
}
