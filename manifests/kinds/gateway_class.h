// SPDX-License-Identifier: Apache-2.0
// gateway.networking.k8s.io GatewayClass: which controller serves Gateways of this class.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct gateway_class {
  struct object_meta metadata;
  struct gateway_class_spec {
    struct str controller_name, description;
    const struct json *parameters_ref;
  } spec;
  struct gateway_class_status {
    struct condition *conditions;
    size_t conditions_count;
    const struct json *supported_features;
  } * status;
};
extern const struct kind_desc gateway_class_kind;
