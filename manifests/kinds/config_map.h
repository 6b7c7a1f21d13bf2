// SPDX-License-Identifier: Apache-2.0
// v1 ConfigMap.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct config_map {
  struct object_meta metadata;
  struct string_map data;
  struct string_map binary_data; // base64
  bool immutable;
};
extern const struct kind_desc config_map_kind;
