// SPDX-License-Identifier: Apache-2.0
// Two JSON texts, split by a NUL: strategic merge of the second into the first, and server-side
// apply's merge, difference, removal and sets of fields, on the schema of Deployment.
#include "manifests/base/bug.h"
#include "manifests/kinds/deployment.h"
#include "manifests/schema/openapi.h"
#include "operator/standalone/fieldset_typed.h"
#include "operator/standalone/strategic.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(const struct json *schema, struct json *live, const struct json *body,
                  struct arena *arena) {
  struct err err;
  if (typed_check(schema, body, arena, &err))
    return;
  struct json *merged = typed_merge(schema, live, body, arena);
  struct typed_change change = typed_compare(schema, live, merged, arena);
  struct fieldset *set = typed_fields(schema, body, arena);
  (void)fieldset_union(change.added, change.removed, arena);
  BUG_ON(!fieldset_is_empty(fieldset_minus(set, set, arena)));
  (void)fieldset_both(set, change.modified, arena);
  (void)typed_remove(schema, merged, typed_ensure(schema, set, arena), arena);
  (void)typed_reconcile(schema, merged, set, arena);
  (void)fieldset_read(body, arena);
  typed_fill(schema, merged, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  struct json *live, *body, *result;
  struct err err;
  const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
  if (!nul)
    return 0;
  struct str first = {(const char *)data, (size_t)(nul - data)};
  struct str second = {(const char *)nul + 1, size - first.len - 1};
  arena_init(&arena);
  if (!json_parse(first, &arena, &live, NULL) && !json_parse(second, &arena, &body, NULL) &&
      json_is(live, JSON_OBJECT) && json_is(body, JSON_OBJECT)) {
    (void)strategic_merge(deployment_kind.schema, live, body, &arena, &result, &err);
    struct openapi_types types = {.count = 0};
    apply(openapi_ownership(&deployment_kind, &types, &arena), live, body, &arena);
  }
  arena_dispose(&arena);
  return 0;
}
