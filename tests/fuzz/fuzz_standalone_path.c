// SPDX-License-Identifier: Apache-2.0
// Request URLs, and label and field selectors: whatever a client sends, it is read or refused.
#include "manifests/base/bug.h"
#include "operator/standalone/rest_path.h"
#include "operator/standalone/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct str text = {(const char *)data, size};
  struct arena arena;
  struct rest_path path;
  struct selector selector;
  struct json *labels = NULL;
  arena_init(&arena);
  (void)json_parse(STR("{\"app\":\"a\",\"n\":\"3\",\"metadata\":{\"name\":\"x\"}}"), &arena,
                   &labels, NULL);
  if (rest_path_parse(text, &arena, &path, NULL) == 0 && path.place == REST_RESOURCE)
    BUG_ON(path.resource.len == 0);
  if (selector_parse_labels(text, &arena, &selector, NULL) == 0)
    (void)selector_match_labels(&selector, labels);
  if (selector_parse_fields(text, &arena, &selector, NULL) == 0)
    (void)selector_match_fields(&selector, labels);
  arena_dispose(&arena);
  return 0;
}
