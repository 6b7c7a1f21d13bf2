// SPDX-License-Identifier: Apache-2.0
// The check of a schema on its way through crd_check_schema.c and crd_check_lists.c. Private to
// them.
#pragma once

#include "operator/standalone/crd_check.h"

struct checker {
  struct findings *findings;
  struct arena *arena;
  bool whole; // what a junctor judges must be in the schema itself; asked of the root's only
};

// The value where a schema may stand; NULL when it is none.
const struct json *crd_check_as_schema(const struct json *value);
// The place of a keyword; of a property; of an item of a keyword's list.
struct str crd_check_child(struct checker *c, struct str path, const char *name);
struct str crd_check_keyed(struct checker *c, struct str path, struct str key);
struct str crd_check_indexed(struct checker *c, struct str path, const char *name, size_t index);
void crd_check_forbid(struct checker *c, struct str path, const char *name, const char *why);
void crd_check_need(struct checker *c, struct str path, const char *name, const char *why);
void crd_check_wrong(struct checker *c, struct str path, const char *name, const struct json *value,
                     const char *why);
// x-kubernetes-list-type, -list-map-keys and -map-type.
void crd_check_list_and_map_type(struct checker *c, const struct json *schema, struct str path);
