// SPDX-License-Identifier: Apache-2.0
#include "operator/reconcile/claims.h"

static const struct {
  const char *kind, *path;
} places[] = {
    {"VirtualService", "spec.traffic.virtualService.name"},
    {"HTTPRoute", "spec.traffic.httpRoute.name"},
    {"GRPCRoute", "spec.traffic.grpcRoute.name"},
    {"Deployment", "spec.stable.deployment"},
    {"Deployment", "spec.canary.deployment"},
    {"Deployment", "spec.workloadRef.name"},
};

struct str claims_key(struct str ns, const char *kind, struct str name, struct arena *arena) {
  return arena_printf(arena, "%.*s/%s/%.*s", STR_ARG(ns), kind, STR_ARG(name));
}

static void add(const struct json *rollout, const char *kind, struct str name, struct arena *arena,
                struct str *keys, size_t *count) {
  if (str_is_empty(name) || *count == CLAIMS_MAX)
    return;
  keys[(*count)++] = claims_key(json_path_string(rollout, "metadata.namespace"), kind, name, arena);
}

size_t claims_of(const struct json *rollout, struct arena *arena, struct str *keys) {
  size_t count = 0;
  for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
    add(rollout, places[i].kind, json_path_string(rollout, places[i].path), arena, keys, &count);
  JSON_EACH(service, json_path(rollout, "spec.traffic.virtualServices")) {
    add(rollout, "VirtualService", json_get_string(service, "name"), arena, keys, &count);
  }
  return count;
}
