// SPDX-License-Identifier: Apache-2.0
// Any bytes as YAML: findings, or documents that are written and read back as the same.
#include "manifests/base/bug.h"
#include "manifests/text/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  arena_init(&arena);
  struct findings findings;
  findings_init(&findings, &arena);
  struct yaml_doc *docs = NULL, *again = NULL;
  size_t count =
      yaml_parse((struct str){(const char *)data, size}, STR("f"), &arena, &docs, &findings);
  bool clean = findings.errors == 0;
  for (size_t i = 0; clean && i < count; i++) {
    struct buf text;
    buf_init(&text, 16u << 20);
    if (yaml_write(&text, docs[i].root) == 0) {
      size_t back = yaml_parse(buf_str(&text), STR("g"), &arena, &again, &findings);
      BUG_ON(findings.errors != 0);
      BUG_ON(back == 1 && !json_equal(docs[i].root, again[0].root));
    }
    buf_dispose(&text);
  }
  arena_dispose(&arena);
  return 0;
}
