// SPDX-License-Identifier: Apache-2.0
// Deletion of what holds other objects: namespaces, and definitions.
#include "manifests/kinds/custom_resource_definition.h"
#include "manifests/kinds/namespace.h"
#include "operator/standalone/api_definition.h"
#include "operator/standalone/api_delete_cascade.h"
#include "operator/standalone/crd_kind.h"

// A namespace that waits for what it holds.
int cascade_finish_namespace(struct cascade *c, struct str name) {
  struct json *ns;
  const struct kind_desc *kind;
  struct store_key *keys;
  size_t count = 1;
  struct store_key key = api_key(c->call->arena, &namespace_kind, STR(""), name);
  if (name.len == 0 || c->purging || !cascade_load(c, key, &kind, &ns) || !api_is_deleting(ns))
    return RC_OK;
  struct err err;
  int rc = store_in_namespace(c->api->store, name, c->call->arena, &keys, &count, &err);
  if (rc)
    return api_fail_err(c->call, &err);
  return count || cascade_is_held(kind, ns) ? RC_OK : cascade_remove(c, kind, ns);
}

// A definition that waits for the objects of its kind.
int cascade_finish_definition(struct cascade *c, struct str resource) {
  struct json *definition;
  const struct kind_desc *kind;
  struct store_key none = {.ns = STR(""), .name = STR("")};
  struct store_key key =
      api_key(c->call->arena, &custom_resource_definition_kind, STR(""), resource);
  if (!cascade_load(c, key, &kind, &definition) || !api_is_deleting(definition) ||
      store_count(c->api->store, resource, STR(""), none))
    return RC_OK;
  struct json *object = cascade_without_finalizer(c->call->arena, definition, CRD_FINALIZER);
  return cascade_is_held(kind, object)
             ? api_store(c->api, c->call, STORE_MODIFIED, kind, object, definition)
             : cascade_remove(c, kind, object);
}

static int empty_namespace(struct cascade *c, struct str name) {
  struct store_key *keys;
  size_t count;
  struct err err;
  int rc = store_in_namespace(c->api->store, name, c->call->arena, &keys, &count, &err);
  if (rc)
    return api_fail_err(c->call, &err);
  bool outer = c->purging;
  c->purging = true;
  for (size_t i = 0; !rc && i < count; i++) {
    const struct kind_desc *kind;
    struct json *object, *ignored;
    if (cascade_load(c, keys[i], &kind, &object) && !api_is_deleting(object))
      rc = cascade_delete(c, kind, object, -1, PROPAGATE_BACKGROUND, &ignored);
  }
  c->purging = outer;
  return rc;
}

int cascade_delete_namespace(struct cascade *c, const struct json *old, struct json **ret_object) {
  struct arena *arena = c->call->arena;
  struct str name = api_meta_string(old, "name");
  if (str_eq_z(name, API_NAMESPACE_DEFAULT) || str_eq_z(name, API_NAMESPACE_SYSTEM))
    return api_forbidden(c->call, &namespace_kind, name, "this namespace may not be deleted");
  struct json *object = json_dup(arena, old);
  json_put_z(arena, json_need_object(arena, object, "status"), "phase", "Terminating");
  int rc = cascade_mark(c, &namespace_kind, old, object, 0);
  if (!rc)
    rc = empty_namespace(c, name);
  if (!rc)
    rc = cascade_finish_namespace(c, name);
  *ret_object = object;
  return rc;
}

struct names {
  struct arena *arena;
  struct store_key *keys;
  size_t count, capacity;
};

static bool collect_name(const struct store_row *row, void *context) {
  struct names *names = context;
  struct store_key *key = arena_push(names->arena, (void **)&names->keys, &names->count,
                                     &names->capacity, sizeof(*key));
  *key = (struct store_key){STR(""), arena_str(names->arena, row->key.ns),
                            arena_str(names->arena, row->key.name)};
  return true;
}

// With a definition go the objects of its kind; those with finalizers hold it.
int cascade_delete_definition(struct cascade *c, const struct json *old, struct json **ret_object) {
  struct arena *arena = c->call->arena;
  struct str resource = definition_resource(old, arena);
  const struct kind_desc *kind = api_kind_of(c->api->kinds, resource);
  struct names names = {.arena = arena};
  struct json *object = json_dup(arena, old), *item, *ignored;
  struct err err;
  crd_set_condition(object, "Terminating", "True", "InstanceDeletionInProgress",
                    STR("CustomResource deletion is in progress"), c->call->now_ms, arena);
  int rc = cascade_mark(c, &custom_resource_definition_kind, old, object, 0);
  *ret_object = object;
  if (!rc &&
      store_list(c->api->store, resource, STR(""),
                 (struct store_key){.ns = STR(""), .name = STR("")}, collect_name, &names, &err))
    rc = api_fail_err(c->call, &err);
  for (size_t i = 0; !rc && kind && i < names.count; i++) {
    struct store_key key = {resource, names.keys[i].ns, names.keys[i].name};
    if (cascade_load(c, key, &kind, &item) && !api_is_deleting(item))
      rc = cascade_delete(c, kind, item, -1, PROPAGATE_BACKGROUND, &ignored);
  }
  return rc ? rc : cascade_finish_definition(c, resource);
}
