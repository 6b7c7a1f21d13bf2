// SPDX-License-Identifier: Apache-2.0
// Field table -> OpenAPI v3 schema (also the openAPIV3Schema of CRDs), with the x-kubernetes-*
// extensions that kubectl uses.
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

// The whole object, self-contained (no $ref), with x-kubernetes-group-version-kind. `structural`:
// as a CRD wants it (metadata only as an object, no group-version-kind).
struct json *openapi_kind(const struct kind_desc *kind, struct str version, bool structural,
                          struct arena *arena);
// The same of a built-in kind without what only people and kubectl read (descriptions, bounds,
// group-version-kind): a third of its size, for who holds it.
struct json *openapi_types(const struct kind_desc *kind, struct arena *arena);
// As openapi_kind, under its name, into the components of a document, with a component for each
// type that has a name ("ObjectMeta", "PodSpec": kubectl explain shows it) and references to these.
// `meta`: the type of everybody's metadata.
void openapi_add_components(const struct kind_desc *kind, struct str version,
                            const struct schema *meta, struct json *components,
                            struct arena *arena);
struct json *openapi_schema(const struct schema *schema, struct arena *arena);
// Name of the component: "dev.serin.v1alpha1.Rollout", "io.k8s.api.apps.v1.Deployment".
struct str openapi_component_name(const struct kind_desc *kind, struct str version,
                                  struct arena *arena);
