// SPDX-License-Identifier: Apache-2.0
// Any VirtualService, HTTPRoute or GRPCRoute: a patch applies to what it was made from, and asks
// for nothing a second time; the canary never has more than asked.
#include "manifests/base/bug.h"
#include "manifests/text/json_patch.h"
#include "operator/traffic/router.h"
#include "operator/traffic/router_row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_router(const struct router *router, const struct json *object, int64_t parts,
                       struct arena *arena) {
  struct str old[] = {STR("v0")};
  struct str message;
  const struct json *others[] = {object};
  struct route_target target = {.ref = {.router = router, .name = STR("x")},
                                .object = object,
                                .ns = STR("n"),
                                .host = STR("h"),
                                .stable = parts % 3 == 0 && parts % 2 == 0 ? STR_NULL : STR("v1"),
                                .canary = STR("v2"),
                                .old = old,
                                .old_count = 1,
                                .takes_bare = parts % 2 == 0};
  const struct json *patch = router_patch(&target, parts, ROUTE_DROP_NONE, arena);
  struct json *after = json_dup(arena, object);
  (void)router_shadow(&target, others, 1, arena);
  (void)router_refusal(&target, arena, &message);
  (void)router_word(&target, false);
  if (patch && json_patch_apply(arena, &after, patch, NULL) == RC_OK) {
    struct route_split split;
    target.object = after;
    router_read(&target, arena, &split);
    BUG_ON(split.problem == ROUTE_FINE && split.canary_max > parts);
    BUG_ON(router_patch(&target, parts, ROUTE_DROP_NONE, arena) != NULL);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct router *const routers[] = {&virtual_service_router, &http_route_router,
                                                 &grpc_route_router};
  struct arena arena;
  struct json *object = NULL;
  if (size < 2)
    return 0;
  arena_init(&arena);
  int64_t parts = data[0] * 256 + data[1];
  parts = parts > 10000 ? parts % 10001 : parts;
  struct str text = {(const char *)data + 2, size - 2};
  if (json_parse(text, &arena, &object, NULL) == RC_OK)
    for (size_t i = 0; i < sizeof(routers) / sizeof(routers[0]); i++)
      try_router(routers[i], object, parts, &arena);
  arena_dispose(&arena);
  return 0;
}
