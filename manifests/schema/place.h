// SPDX-License-Identifier: Apache-2.0
// Where a walker of the schema room stands in a manifest. Frames live on the walker's stack and
// become text only when something has to be said about them. Private to manifests/schema.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/text/json.h"

struct place {
  const struct place *up;
  struct str name; // NULL pointer: an item of a list
  size_t index;
  int line; // of the value, or of the nearest thing around it
};

// The frame of a member below `up`; `json` may be NULL (absent).
struct place place_member(const struct place *up, struct str name, const struct json *json);
struct place place_item(const struct place *up, size_t index, const struct json *json);
// "spec.http[0].route"; keys with dots or brackets as they stand in metadata.labels["a.b/c"].
struct str place_text(const struct place *place, struct arena *arena);
