// SPDX-License-Identifier: Apache-2.0
// v1 Secret.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct secret {
  struct object_meta metadata;
  struct str type;
  struct string_map data;        // base64
  struct string_map string_data; // plain; an API server moves it into data
  bool immutable;
};
extern const struct kind_desc secret_kind;
