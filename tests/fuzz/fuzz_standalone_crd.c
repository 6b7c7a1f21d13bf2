// SPDX-License-Identifier: Apache-2.0
// Two JSON texts, split by a NUL: a schema of a CustomResourceDefinition (or a whole definition)
// and an object. The schema is judged; the object is pruned, defaulted and judged by it.
#include "manifests/base/bug.h"
#include "operator/standalone/crd_check.h"
#include "operator/standalone/crd_kind.h"
#include "operator/standalone/crd_rules.h"
#include "operator/standalone/crd_validate.h"
#include "operator/standalone/crd_value.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void define(struct json *definition, struct arena *arena) {
  struct findings findings;
  const struct kind_desc **kinds;
  findings_init(&findings, arena);
  crd_check_default(definition, arena);
  crd_check(definition, NULL, &findings);
  if (!findings.errors)
    BUG_ON(crd_kinds(definition, arena, &kinds) > json_path(definition, "spec.versions")->count);
}

static void use(const struct json *schema, struct json *object, struct arena *arena) {
  struct findings found;
  findings_init(&found, arena);
  crd_prune(schema, object, true, arena, &found);
  crd_drop_nulls(schema, object);
  crd_default(schema, object, arena);
  struct json *again = json_dup(arena, object);
  crd_default(schema, again, arena);
  crd_prune(schema, again, true, arena, NULL);
  findings_init(&found, arena);
  crd_validate(schema, object, STR(""), arena, &found);
  crd_validate_lists(schema, object, STR(""), &found);
  crd_validate_embedded(schema, object, STR(""), &found);
  crd_rules_judge(crd_rules_compile(schema, true, arena), object, again, STR(""), &found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  struct json *schema, *object;
  struct findings findings;
  const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
  if (!nul)
    return 0;
  struct str first = {(const char *)data, (size_t)(nul - data)};
  struct str second = {(const char *)nul + 1, size - first.len - 1};
  arena_init(&arena);
  findings_init(&findings, &arena);
  if (!json_parse(first, &arena, &schema, NULL) && !json_parse(second, &arena, &object, NULL) &&
      json_is(schema, JSON_OBJECT)) {
    crd_check_schema(schema, STR("schema"), &findings);
    if (!findings.errors)
      use(schema, object, &arena);
    define(schema, &arena);
  }
  arena_dispose(&arena);
  return 0;
}
