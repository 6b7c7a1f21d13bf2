// SPDX-License-Identifier: Apache-2.0
// kubectl 1.32 and later posts `create namespace`, `create configmap`, `create secret`, `auth
// can-i` and `auth whoami` as protobuf only. This reads exactly those. Pure. Source:
// k8s.io/apimachinery runtime/generated.proto (Unknown),
// k8s.io/api/{core,authorization}/v1/generated.proto.
#pragma once

#include "manifests/base/err.h"
#include "manifests/text/json.h"

// RC_PARSE: malformed; RC_UNSUPPORTED: a kind that is not in the table.
int rest_protobuf_decode(struct str body, struct arena *arena, struct json **ret_object,
                         struct err *err);
