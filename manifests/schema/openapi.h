// SPDX-License-Identifier: Apache-2.0
// Field table -> OpenAPI v3 schema (also the openAPIV3Schema of CRDs), with the x-kubernetes-*
// extensions that kubectl uses.
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

// Types that were made already. They are parts of all that have them: what comes out is only read.
struct openapi_types {
  struct openapi_type {
    const struct schema *schema;
    unsigned how;
    const struct json *json;
  } * items;
  size_t count, capacity;
};

// The whole object, self-contained (no $ref), with x-kubernetes-group-version-kind. `structural`:
// as a CRD wants it (metadata only as an object, no group-version-kind).
struct json *openapi_kind(const struct kind_desc *kind, struct str version, bool structural,
                          struct arena *arena);
// Of that what server-side apply looks at, small: types, list and map types, defaults, no words.
// All kinds of one `types` share their parts in one arena.
struct json *openapi_ownership(const struct kind_desc *kind, struct openapi_types *types,
                               struct arena *arena);
// openapi_kind() under its name, into the components of a document, with a component for each type
// that has a name ("ObjectMeta", "PodSpec": kubectl explain shows it) and references to these.
// `meta`: the type of everybody's metadata.
void openapi_add_components(const struct kind_desc *kind, struct str version,
                            const struct schema *meta, struct json *components,
                            struct arena *arena);
struct json *openapi_schema(const struct schema *schema, struct arena *arena);
// Name of the component: "dev.serin.v1alpha1.Rollout", "io.k8s.api.apps.v1.Deployment".
struct str openapi_component_name(const struct kind_desc *kind, struct str version,
                                  struct arena *arena);
