// SPDX-License-Identifier: Apache-2.0
// metadata.managedFields read into sets, and written again. Pure. Source: k8s.io/apimachinery
// pkg/util/managedfields/internal.
#pragma once

#include "operator/standalone/fieldset.h"

struct field_owner {
  struct str manager, api_version, subresource; // subresource "" is the object itself
  struct str time;                              // RFC 3339; "" when there is none
  bool applies;                                 // operation Apply; else Update
  struct fieldset *fields;
};

struct field_owners {
  struct arena *arena;
  struct field_owner *items;
  size_t count, capacity;
};

// False when the list is not what a server writes there; then there are no owners.
bool field_owners_read(struct field_owners *owners, const struct json *list, struct arena *arena);
// The list in Kubernetes' order; owners of nothing are left out. NULL when none is left.
struct json *field_owners_write(const struct field_owners *owners);
// The owner who is `like` that: an applier stays the same when it moves to another version.
struct field_owner *field_owners_find(const struct field_owners *owners,
                                      const struct field_owner *like);
struct field_owner *field_owners_add(struct field_owners *owners, const struct field_owner *owner);
// At most `most` entries of updates: the oldest become one, "ancient-changes".
void field_owners_cap(struct field_owners *owners, size_t most);
