// SPDX-License-Identifier: Apache-2.0
// Sets of fields, and their FieldsV1 form: {"f:spec":{"f:replicas":{}}}. A path is in the set when
// its last step is a member; a member may have members below it (".":{} says so in FieldsV1).
// "f:name" is a field, "k:{...}" an item of a list by its keys, "v:..." an item of a set. Pure.
// Source: structured-merge-diff v6 fieldpath.
#pragma once

#include "manifests/text/json.h"

struct fieldset {
  struct str name; // the step: "f:spec"; "" at the root
  bool is_member;
  struct fieldset **items; // below, in order of their names
  size_t count, capacity;
};

struct fieldset *fieldset_new(struct arena *arena);
// NULL unless `fields` is a FieldsV1 object.
struct fieldset *fieldset_read(const struct json *fields, struct arena *arena);
struct json *fieldset_write(const struct fieldset *set, struct arena *arena);
bool fieldset_is_valid(const struct json *fields);
bool fieldset_is_empty(const struct fieldset *set); // NULL is

// The step below, NULL when there is none; or made when it is not there.
struct fieldset *fieldset_find(const struct fieldset *set, struct str name);
struct fieldset *fieldset_step(struct fieldset *set, struct str name, struct arena *arena);
// Paths of both; of `a` but not `b`; of `a` and `b`. The arguments stay as they are, and may be
// NULL.
struct fieldset *fieldset_union(const struct fieldset *a, const struct fieldset *b,
                                struct arena *arena);
struct fieldset *fieldset_minus(const struct fieldset *a, const struct fieldset *b,
                                struct arena *arena);
struct fieldset *fieldset_both(const struct fieldset *a, const struct fieldset *b,
                               struct arena *arena);
// `set` without the path of `names` ("f:metadata", NULL-terminated) and, when `below`, all that is
// below it. Changes the set.
void fieldset_drop(struct fieldset *set, const char *const *names, bool below);
bool fieldset_same(const struct fieldset *a, const struct fieldset *b);

// ".spec.steps[name=\"s1\"].weight", for each path of the set.
typedef void (*fieldset_path_fn)(struct str path, void *context);
void fieldset_paths(const struct fieldset *set, struct arena *arena, fieldset_path_fn fn,
                    void *context);
