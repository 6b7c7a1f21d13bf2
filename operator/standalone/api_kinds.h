// SPDX-License-Identifier: Apache-2.0
// The kinds this API server serves: those that are built in (manifests/kinds/registry.h), and those
// that CustomResourceDefinitions in the store define, one description for each of their versions
// (they share group and plural; the stored version stands first). Built-in kinds win: a definition
// of one of them changes nothing.
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/text/json.h"
#include "operator/standalone/store.h"

struct watch_hub;

struct api_kinds;

struct api_kinds *api_kinds_new(void); // only those built in
void api_kinds_free(struct api_kinds *kinds);
// Reads the definitions again. Watches of kinds that changed are ended; descriptions live on until
// the last of these has closed.
void api_kinds_refresh(struct api_kinds *kinds, struct store *store, struct watch_hub *hub);

size_t api_kind_count(const struct api_kinds *kinds);
const struct kind_desc *api_kind_at(const struct api_kinds *kinds, size_t index);
// By any version; NULL when it is not served.
const struct kind_desc *api_kind_find(const struct api_kinds *kinds, struct str api_version,
                                      struct str kind);
const struct kind_desc *api_kind_find_plural(const struct api_kinds *kinds, struct str group,
                                             struct str version, struct str plural);
// The kind of a store key's resource ("pods", "rollouts.serin.dev"); of several versions the stored
// one.
const struct kind_desc *api_kind_of(const struct api_kinds *kinds, struct str resource);
// Whether the kind's definition is being deleted: nothing of it may be created any more.
bool api_kind_is_closing(const struct api_kinds *kinds, const struct kind_desc *kind);
// The whole object's OpenAPI schema with metadata, for server-side apply and strategic merge; made
// when it is first asked for. Lives until api_kinds_rest() or the end of the kind.
const struct json *api_kind_schema(struct api_kinds *kinds, const struct kind_desc *kind);
// Frees the schemas of built-in kinds, which nobody may hold now; the next that is asked for is
// made again.
void api_kinds_rest(struct api_kinds *kinds);
