// SPDX-License-Identifier: Apache-2.0
// apiextensions.k8s.io/v1 CustomResourceDefinition, kept as free json below spec.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct custom_resource_definition {
  struct object_meta metadata;
  const struct json *spec, *status;
};
extern const struct kind_desc custom_resource_definition_kind;
