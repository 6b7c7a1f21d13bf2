// SPDX-License-Identifier: Apache-2.0
// JSON as an object of every kind: what decodes comes back the same, and pruning and defaults do
// not break it. The first byte chooses the kind.
#include "manifests/base/bug.h"
#include "manifests/kinds/registry.h"
#include "manifests/schema/decode.h"
#include "manifests/schema/defaults.h"
#include "manifests/schema/encode.h"
#include "manifests/schema/enforced.h"
#include "manifests/schema/prune.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_kind(const struct kind_desc *kind, struct json *json, struct arena *arena) {
  struct findings findings;
  findings_init(&findings, arena);
  void *object = NULL, *again = NULL;
  (void)kind_unknown(kind, json, arena, &findings);
  (void)unenforced_report(kind, json, STR("f"), arena, &findings);
  int rc = kind_decode(kind, json, NULL, arena, &findings, &object);
  struct json *tree = json_dup(arena, json);
  (void)kind_prune(kind, tree, arena, NULL);
  BUG_ON(kind_unknown(kind, tree, arena, NULL) != 0);
  kind_default(kind, tree, arena);
  if (rc != 0) {
    // Also of a faulty object everything is in its place.
    if (object)
      (void)kind_encode(kind, object, STR_NULL, arena);
    return;
  }
  struct json *once = kind_encode(kind, object, STR_NULL, arena);
  BUG_ON(kind_decode(kind, once, NULL, arena, &findings, &again) != 0);
  BUG_ON(!json_equal(once, kind_encode(kind, again, STR_NULL, arena)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  struct arena arena;
  arena_init(&arena);
  struct json *json = NULL;
  struct str text = {(const char *)data + 1, size - 1}, path;
  if (json_parse(text, &arena, &json, NULL) == 0 && !json_duplicate_key(json, &arena, &path))
    try_kind(kind_at(data[0] % kind_count()), json, &arena);
  arena_dispose(&arena);
  return 0;
}
