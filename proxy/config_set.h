// SPDX-License-Identifier: Apache-2.0
// The declared objects as they are now: decoded once, checked, kept by key; a version with errors
// leaves the last good one in force. Pure; config.c fills it from a source and builds tables from
// it.
#pragma once

#include "manifests/base/map.h"
#include "manifests/text/json.h"
#include "proxy/table_build.h"

struct config_set {
  struct map entries; // "Kind/ns/name" -> struct config_entry
  uint64_t round;     // of mark and sweep
};

void config_set_init(struct config_set *set);
void config_set_dispose(struct config_set *set);

// Whether a table is made from objects of this kind, or at least a report that it is not.
bool config_set_wants(struct str api_version, struct str kind);

// Takes an object over (it is copied as far as needed). True when this changes anything: not when
// the same resourceVersion of the same uid stands there already. Kinds that are not wanted are
// ignored.
bool config_set_put(struct config_set *set, const struct json *json, struct str file, int line);
// False when there is no such object.
bool config_set_delete(struct config_set *set, const struct kind_desc *kind, struct str namespace_,
                       struct str name);
// For sources that hand over everything at once: mark, put all, sweep what was not put. Sweep says
// whether anything went.
void config_set_mark(struct config_set *set);
bool config_set_sweep(struct config_set *set);

// All of it as input of table_build, in the arena; views into the set, valid until the next change.
// `more` (may be NULL) is what is to be said of the source itself.
void config_set_objects(const struct config_set *set, const struct findings *more,
                        struct arena *arena, struct table_object **ret_objects, size_t *ret_count);
