// SPDX-License-Identifier: Apache-2.0
// v1 Namespace.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct namespace_ {
  struct object_meta metadata;
  struct namespace_spec {
    struct str *finalizers;
    size_t finalizers_count;
  } spec;
  struct namespace_status {
    struct str phase; // Active Terminating
    struct condition *conditions;
    size_t conditions_count;
  } status;
};
extern const struct kind_desc namespace_kind;
