// SPDX-License-Identifier: Apache-2.0
// Sets of fields in the FieldsV1 form: {"f:spec":{"f:replicas":{}}}; an empty object is a leaf.
// "f:name" is a member, "k:{...}" an item of a list-map, "v:..." an item of a set, "." the item
// itself. Pure. Source: structured-merge-diff v4.
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

#define FIELDSET_ITEMS_MAX 500u // a longer list is owned as a whole, also where its items have keys

// Every leaf of `value`. schema NULL: unknown parts (maps are taken apart, lists are not).
struct json *fieldset_of(const struct schema *schema, const struct json *value,
                         struct arena *arena);
// Leaves of `b` that are not the same in `a`; *ret_removed: leaves only `a` has.
struct json *fieldset_changed(const struct schema *schema, const struct json *a,
                              const struct json *b, struct arena *arena, struct json **ret_removed);
// New trees; arguments unchanged, NULL counts as empty.
struct json *fieldset_union(const struct json *a, const struct json *b, struct arena *arena);
struct json *fieldset_minus(const struct json *a, const struct json *b, struct arena *arena);
struct json *fieldset_both(const struct json *a, const struct json *b, struct arena *arena);
bool fieldset_is_empty(const struct json *set);
// Whether a tree from outside is a set: objects all the way down, and names as above.
bool fieldset_is_valid(const struct json *set);
// ".spec.steps[name=\"s1\"].weight", once per leaf.
typedef void (*fieldset_path_fn)(struct str path, void *context);
void fieldset_paths(const struct json *set, struct arena *arena, fieldset_path_fn fn,
                    void *context);

// What apply makes of an object: `live` merged with `body` (a new tree), and a set's leaves taken
// out (in place).
struct json *fieldset_merge(const struct schema *schema, const struct json *live,
                            const struct json *body, struct arena *arena);
void fieldset_remove(const struct schema *schema, struct json *object, const struct json *set,
                     struct arena *arena);
