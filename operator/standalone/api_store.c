// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/kinds/custom_resource_definition.h"
#include "manifests/kinds/namespace.h"
#include "operator/standalone/api_write.h"
#include "operator/standalone/crd_value.h"

int api_load(struct api *api, struct api_call *call, struct store_key key, struct json **ret_object,
             struct store_row *ret_row) {
  struct store_row row;
  struct err err;
  int rc = store_get(api->store, key, call->arena, &row, &err);
  if (rc == RC_NOT_FOUND)
    return rc;
  if (!rc)
    rc = json_parse(row.body, call->arena, ret_object, &err);
  if (rc)
    return api_fail(call, 500, "InternalError", "%s", err.msg);
  const struct kind_desc *kind = api_kind_of(api->kinds, key.resource);
  if (kind && kind->has_defaults)
    crd_default(kind->structural, *ret_object, call->arena);
  if (ret_row)
    *ret_row = row;
  return RC_OK;
}

static size_t owner_uids(const struct json *object, struct arena *arena, struct str **ret_uids) {
  const struct json *owners = json_get(api_meta(object), "ownerReferences");
  size_t count = 0, capacity = 0;
  *ret_uids = NULL;
  JSON_EACH(owner, json_is(owners, JSON_ARRAY) ? owners : NULL) {
    struct str uid = json_get_string(owner, "uid");
    if (uid.len == 0)
      continue;
    struct str *slot = arena_push(arena, (void **)ret_uids, &count, &capacity, sizeof(struct str));
    *slot = uid;
  }
  return count;
}

int api_store(struct api *api, struct api_call *call, enum store_event_type type,
              const struct kind_desc *kind, struct json *object, const struct json *old) {
  int64_t revision = store_revision(api->store) + 1;
  struct str *owners;
  struct err err;
  api_set_revision(call->arena, object, revision);
  size_t owner_count = owner_uids(object, call->arena, &owners);
  struct str body = json_text(call->arena, object);
  struct str prev = STR("");
  if (old && api_selectable_differs(kind, old, object))
    prev = json_text(call->arena, old); // for watches with selectors
  struct store_write write = {.type = type,
                              .key =
                                  api_key(call->arena, kind, api_meta_string(object, "namespace"),
                                          api_meta_string(object, "name")),
                              .uid = api_meta_string(object, "uid"),
                              .body = body,
                              .owners = owners,
                              .owner_count = owner_count};
  int rc = store_put(api->store, &write, &err);
  if (rc == RC_LIMIT)
    return api_fail(call, 413, "RequestEntityTooLarge", "%s", err.msg);
  if (rc)
    return api_fail(call, 500, "InternalError", "%s", err.msg);
  BUG_ON(store_revision(api->store) != revision);
  watch_record(api->hub, type, kind, revision, body, prev);
  if (kind == &custom_resource_definition_kind)
    api->definitions_changed = true;
  return RC_OK;
}

static int prepare_namespace(struct api *api, const char *name, struct err *err) {
  struct arena arena;
  arena_init(&arena);
  struct api_call call = {.arena = &arena,
                          .user = &api->user,
                          .user_agent = STR("serin-apiserver"),
                          .now_ms = clock_wall_ms()};
  struct json *existing;
  int rc = api_load(api, &call, api_key(&arena, &namespace_kind, STR(""), str_of(name)), &existing,
                    NULL);
  if (rc == RC_NOT_FOUND) {
    struct json *body = json_new_object(&arena);
    json_put_z(&arena, json_need_object(&arena, body, "metadata"), "name", name);
    struct write_request request = {
        .verb = WRITE_CREATE, .kind = &namespace_kind, .version = STR("v1"), .body = body};
    struct write_result result;
    rc = write_run(api, &call, &request, &result);
  }
  if (rc)
    (void)err_set(err, rc, "cannot make namespace %s: %.*s", name, STR_ARG(call.fault.message));
  arena_dispose(&arena);
  return rc;
}

int api_prepare(struct api *api, struct err *err) {
  api->kinds = api_kinds_new();
  buf_init(&api->openapi_index, 1u << 20);
  api->definitions_changed = true;
  api_refresh(api);
  int rc = prepare_namespace(api, API_NAMESPACE_DEFAULT, err);
  if (!rc)
    rc = prepare_namespace(api, API_NAMESPACE_SYSTEM, err);
  if (!rc)
    rc = store_commit(api->store, err);
  if (!rc)
    watch_publish(api->hub);
  return rc;
}

void api_refresh(struct api *api) {
  if (!api->definitions_changed)
    return;
  api->definitions_changed = false;
  buf_reset(&api->openapi_index);
  api_kinds_refresh(api->kinds, api->store, api->hub);
}

void api_dispose(struct api *api) {
  buf_dispose(&api->openapi_index);
  api_kinds_free(api->kinds);
  api->kinds = NULL;
}
