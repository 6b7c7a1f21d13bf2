// SPDX-License-Identifier: Apache-2.0
// Any VirtualService: a patch applies to what it was made from, and asks for nothing a second time.
#include "manifests/base/bug.h"
#include "manifests/text/json_patch.h"
#include "operator/traffic/virtual_service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  struct json *object = NULL;
  struct str old[] = {STR("v0")};
  if (size < 2)
    return 0;
  arena_init(&arena);
  int64_t parts = data[0] * 256 + data[1];
  parts = parts > 10000 ? 10000 : parts;
  struct str text = {(const char *)data + 2, size - 2};
  if (json_parse(text, &arena, &object, NULL) == RC_OK) {
    struct vs_target target = {.object = object,
                               .ns = STR("n"),
                               .host = STR("h"),
                               .stable = STR("v1"),
                               .canary = STR("v2"),
                               .old = old,
                               .old_count = 1,
                               .takes_bare = parts % 2 == 0};
    const struct json *patch = vs_patch(&target, parts, VS_DROP_NONE, &arena);
    struct json *after = json_dup(&arena, object);
    if (patch && json_patch_apply(&arena, &after, patch, NULL) == RC_OK) {
      target.object = after;
      BUG_ON(vs_patch(&target, parts, VS_DROP_NONE, &arena) != NULL);
    }
  }
  arena_dispose(&arena);
  return 0;
}
