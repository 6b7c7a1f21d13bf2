// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/deploy_endpoints.h"
#include "operator/standalone/deploy_slice.h"

static struct json *address_of(const struct json *endpoint, struct arena *arena) {
  struct json *address = json_new_object(arena);
  json_put_string(arena, address, "ip", json_path_string(endpoint, "addresses.0"));
  struct str node = json_get_string(endpoint, "nodeName");
  if (!str_is_empty(node))
    json_put_string(arena, address, "nodeName", node);
  if (json_get(endpoint, "targetRef"))
    json_put(arena, address, "targetRef", json_dup(arena, json_get(endpoint, "targetRef")));
  return address;
}

void deploy_endpoints_add(struct json *subsets, const struct json *endpoints,
                          const struct json *ports, struct arena *arena) {
  struct json *subset = json_new_object(arena);
  JSON_EACH(endpoint, endpoints) {
    const struct json *conditions = json_get(endpoint, "conditions");
    bool ready = json_is_true(json_get(conditions, "ready"));
    if (!ready && json_is_true(json_get(conditions, "terminating")))
      continue;
    json_append(json_need_array(arena, subset, ready ? "addresses" : "notReadyAddresses"),
                address_of(endpoint, arena));
  }
  if (!subset->count)
    return;
  if (ports && ports->count)
    json_put(arena, subset, "ports", json_dup(arena, ports));
  json_append(subsets, subset);
}

static bool is_ours(const struct json *object) {
  return str_eq(json_get_string(json_path(object, "metadata.labels"), DEPLOY_ENDPOINTS_LABEL),
                STR(DEPLOY_SLICE_MANAGER));
}

void deploy_endpoints_plan(const struct json *service, struct json *subsets,
                           const struct json *have, struct deploy_actions *actions) {
  struct arena *arena = actions->arena;
  struct deploy_action action = {.kind = "Endpoints",
                                 .ns = json_path_string(service, "metadata.namespace"),
                                 .name = json_path_string(service, "metadata.name"),
                                 .body = json_new_object(arena)};
  if (have) {
    const struct json *old = json_get(have, "subsets");
    bool same = old ? json_equal(old, subsets) : subsets->count == 0;
    if (same || !is_ours(have) || deploy_is_deleting(have))
      return;
    action.verb = DEPLOY_PATCH;
  } else {
    action.verb = DEPLOY_CREATE;
    json_put_z(arena, action.body, "apiVersion", "v1");
    json_put_z(arena, action.body, "kind", "Endpoints");
    struct json *meta = json_need_object(arena, action.body, "metadata");
    json_put_string(arena, meta, "name", action.name);
    json_put_string(arena, meta, "namespace", action.ns);
    json_put_z(arena, json_need_object(arena, meta, "labels"), DEPLOY_ENDPOINTS_LABEL,
               DEPLOY_SLICE_MANAGER);
    json_put(arena, meta, "ownerReferences", deploy_owner(arena, service, "v1", "Service"));
  }
  json_put(arena, action.body, "subsets", subsets);
  deploy_add(actions, action);
}
