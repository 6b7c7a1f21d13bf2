// SPDX-License-Identifier: Apache-2.0
// gateway.networking.k8s.io ReferenceGrant: who may refer to things of this namespace.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct reference_grant_from {
  struct str group, kind, namespace_;
};
struct reference_grant_to {
  struct str group, kind, name; // name empty: all of them
};
struct reference_grant {
  struct object_meta metadata;
  struct reference_grant_spec {
    struct reference_grant_from *from;
    size_t from_count;
    struct reference_grant_to *to;
    size_t to_count;
  } spec;
};
extern const struct kind_desc reference_grant_kind;
