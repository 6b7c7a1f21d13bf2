// SPDX-License-Identifier: Apache-2.0
// A deletion on its way through owners, dependents and holders. Private to api_delete*.c.
#pragma once

#include "operator/standalone/api_delete.h"

#define CASCADE_DEPTH 16 // deeper chains are left to the next sweep

struct cascade {
  struct api *api;
  struct api_call *call;
  int depth;
  bool purging; // a namespace is being emptied: it looks after itself
};

// --- api_delete.c

// Sets *ret_object to the marked object, NULL when it went at once.
int cascade_delete(struct cascade *c, const struct kind_desc *kind, const struct json *old,
                   int64_t grace, enum propagation propagation, struct json **ret_object);
// From the store, with all that follows from it.
int cascade_remove(struct cascade *c, const struct kind_desc *kind, const struct json *old);
// deletionTimestamp; nothing when it has one that is as near.
int cascade_mark(struct cascade *c, const struct kind_desc *kind, const struct json *old,
                 struct json *object, int64_t grace);
bool cascade_is_held(const struct kind_desc *kind, const struct json *object);
struct store_key cascade_key(struct cascade *c, const struct kind_desc *kind,
                             const struct json *object);
// False when the object, or its kind in this build, is not there.
bool cascade_load(struct cascade *c, struct store_key key, const struct kind_desc **ret_kind,
                  struct json **ret_object);

// --- api_delete_owners.c

#define CASCADE_FOREGROUND "foregroundDeletion"

int cascade_dependents(struct cascade *c, struct str uid, enum propagation propagation);
// Those that the owner waits for: blockOwnerDeletion.
bool cascade_is_blocked(struct cascade *c, struct str uid);
// What has no owner any more goes; what has one forgets those that are gone.
int cascade_settle_owners(struct cascade *c, const struct kind_desc *kind,
                          const struct json *object);
int cascade_finish_foreground(struct cascade *c, const struct kind_desc *kind,
                              const struct json *owner);
int cascade_tell_owners(struct cascade *c, const struct json *object);
struct json *cascade_without_finalizer(struct arena *arena, const struct json *old,
                                       const char *finalizer);

// --- api_delete_holders.c

int cascade_delete_namespace(struct cascade *c, const struct json *old, struct json **ret_object);
int cascade_delete_definition(struct cascade *c, const struct json *old, struct json **ret_object);
int cascade_finish_namespace(struct cascade *c, struct str name);
int cascade_finish_definition(struct cascade *c, struct str resource);

// --- Between these two, all writes or none.

int cascade_begin(struct api *api, struct api_call *call);
int cascade_end(struct api *api, struct api_call *call, size_t recorded, int rc);
