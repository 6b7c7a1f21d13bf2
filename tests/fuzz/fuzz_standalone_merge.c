// SPDX-License-Identifier: Apache-2.0
// Two JSON texts, split by a NUL: strategic merge of the second into the first, and server-side
// apply's merge, sets and removal.
#include "manifests/base/bug.h"
#include "manifests/kinds/deployment.h"
#include "operator/standalone/fieldset.h"
#include "operator/standalone/strategic.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(const struct schema *schema, struct json *live, struct json *body,
                  struct arena *arena) {
  struct json *removed;
  struct json *merged = fieldset_merge(schema, live, body, arena);
  struct json *changed = fieldset_changed(schema, live, merged, arena, &removed);
  struct json *set = fieldset_of(schema, body, arena);
  (void)fieldset_union(changed, removed, arena);
  BUG_ON(!fieldset_is_empty(fieldset_minus(set, set, arena)));
  (void)fieldset_both(set, changed, arena);
  fieldset_remove(schema, merged, set, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *split = size ? memchr(data, 0, size) : NULL;
  if (!split)
    return 0;
  struct str a = {(const char *)data, (size_t)(split - data)};
  struct str b = {(const char *)split + 1, size - a.len - 1};
  struct arena arena;
  struct json *live, *patch, *result;
  arena_init(&arena);
  if (json_parse(a, &arena, &live, NULL) == 0 && json_parse(b, &arena, &patch, NULL) == 0) {
    (void)strategic_merge(deployment_kind.schema, live, patch, &arena, &result, NULL);
    if (json_is(live, JSON_OBJECT) && json_is(patch, JSON_OBJECT))
      apply(deployment_kind.schema, live, patch, &arena);
  }
  arena_dispose(&arena);
  return 0;
}
