// SPDX-License-Identifier: Apache-2.0
// Owners and dependents, as the garbage collector of kube-controller-manager sees them; worked off
// at once. Source: k8s.io/kubernetes pkg/controller/garbagecollector.
#include "operator/standalone/api_delete_cascade.h"

enum owner_state { OWNER_GONE, OWNER_WAITING, OWNER_SOLID };

// An owner of a kind that is unknown here is left alone.
static enum owner_state owner_state(struct cascade *c, const struct json *object,
                                    const struct json *reference) {
  const struct kind_desc *kind = api_kind_find(
      c->api->kinds, json_get_string(reference, "apiVersion"), json_get_string(reference, "kind"));
  struct json *owner;
  if (!kind)
    return OWNER_SOLID;
  struct store_key key = api_key(c->call->arena, kind, api_meta_string(object, "namespace"),
                                 json_get_string(reference, "name"));
  if (!cascade_load(c, key, &kind, &owner) ||
      !str_eq(api_meta_string(owner, "uid"), json_get_string(reference, "uid")))
    return OWNER_GONE;
  return api_is_deleting(owner) && api_has_finalizer(owner, CASCADE_FOREGROUND) ? OWNER_WAITING
                                                                                : OWNER_SOLID;
}

// Without `uid` (where it is not empty) and without the owners that are no solid ones (where it
// is).
static int drop_owners(struct cascade *c, const struct kind_desc *kind, const struct json *old,
                       struct str uid) {
  struct json *object = json_dup(c->call->arena, old);
  struct json *meta = api_meta(object), *owners = json_get(meta, "ownerReferences");
  size_t index = 0, before = owners->count;
  for (struct json *owner = owners->child, *next; owner; owner = next) {
    next = owner->next;
    if (uid.len ? str_eq(json_get_string(owner, "uid"), uid)
                : owner_state(c, old, owner) != OWNER_SOLID)
      json_remove_at(owners, index);
    else
      index++;
  }
  if (owners->count == before)
    return RC_OK;
  if (owners->count == 0)
    json_remove(meta, STR("ownerReferences"));
  return api_store(c->api, c->call, STORE_MODIFIED, kind, object, old);
}

static int settle(struct cascade *c, const struct kind_desc *kind, const struct json *object,
                  enum propagation propagation) {
  const struct json *owners = json_get(api_meta(object), "ownerReferences");
  struct json *ignored;
  // What is on its way keeps what it has; without references it is nobody's.
  if (api_is_deleting(object) || !owners)
    return RC_OK;
  JSON_EACH(owner, owners)
    if (owner_state(c, object, owner) == OWNER_SOLID)
      return drop_owners(c, kind, object, STR(""));
  return cascade_delete(c, kind, object, -1, propagation, &ignored);
}

int cascade_settle_owners(struct cascade *c, const struct kind_desc *kind,
                          const struct json *object) {
  return settle(c, kind, object, PROPAGATE_BACKGROUND);
}

int cascade_dependents(struct cascade *c, struct str uid, enum propagation propagation) {
  struct store_key *keys;
  size_t count;
  struct err err;
  int rc = store_owned_by(c->api->store, uid, c->call->arena, &keys, &count, &err);
  if (rc)
    return api_fail_err(c->call, &err);
  for (size_t i = 0; !rc && i < count; i++) {
    const struct kind_desc *kind;
    struct json *object;
    if (!cascade_load(c, keys[i], &kind, &object))
      continue;
    rc = propagation == PROPAGATE_ORPHAN ? drop_owners(c, kind, object, uid)
                                         : settle(c, kind, object, propagation);
  }
  return rc;
}

static bool blocks(const struct json *object, struct str uid) {
  JSON_EACH(owner, json_get(api_meta(object), "ownerReferences"))
    if (str_eq(json_get_string(owner, "uid"), uid) &&
        json_is_true(json_get(owner, "blockOwnerDeletion")))
      return true;
  return false;
}

bool cascade_is_blocked(struct cascade *c, struct str uid) {
  struct store_key *keys;
  size_t count = 0;
  if (store_owned_by(c->api->store, uid, c->call->arena, &keys, &count, NULL))
    return true;
  for (size_t i = 0; i < count; i++) {
    const struct kind_desc *kind;
    struct json *object;
    if (cascade_load(c, keys[i], &kind, &object) && blocks(object, uid))
      return true;
  }
  return false;
}

struct json *cascade_without_finalizer(struct arena *arena, const struct json *old,
                                       const char *finalizer) {
  struct json *object = json_dup(arena, old);
  struct json *finalizers = json_get(api_meta(object), "finalizers");
  size_t index = 0;
  for (struct json *item = finalizers ? finalizers->child : NULL, *next; item; item = next) {
    next = item->next;
    if (str_eq_z(json_string(item), finalizer))
      json_remove_at(finalizers, index);
    else
      index++;
  }
  if (finalizers && finalizers->count == 0)
    json_remove(api_meta(object), STR("finalizers"));
  return object;
}

// An owner that waits for its dependents goes when the last one has gone.
int cascade_finish_foreground(struct cascade *c, const struct kind_desc *kind,
                              const struct json *owner) {
  if (!api_is_deleting(owner) || !api_has_finalizer(owner, CASCADE_FOREGROUND) ||
      cascade_is_blocked(c, api_meta_string(owner, "uid")))
    return RC_OK;
  struct json *object = cascade_without_finalizer(c->call->arena, owner, CASCADE_FOREGROUND);
  if (!cascade_is_held(kind, object))
    return cascade_remove(c, kind, object);
  return api_store(c->api, c->call, STORE_MODIFIED, kind, object, owner);
}

int cascade_tell_owners(struct cascade *c, const struct json *object) {
  int rc = RC_OK;
  JSON_EACH(reference, json_get(api_meta(object), "ownerReferences")) {
    const struct kind_desc *kind =
        api_kind_find(c->api->kinds, json_get_string(reference, "apiVersion"),
                      json_get_string(reference, "kind"));
    struct json *owner;
    if (rc || !kind)
      continue;
    struct store_key key = api_key(c->call->arena, kind, api_meta_string(object, "namespace"),
                                   json_get_string(reference, "name"));
    if (cascade_load(c, key, &kind, &owner) &&
        str_eq(api_meta_string(owner, "uid"), json_get_string(reference, "uid")))
      rc = cascade_finish_foreground(c, kind, owner);
  }
  return rc;
}
