// SPDX-License-Identifier: Apache-2.0
// Field tables that HTTPRoute and GRPCRoute share. Used by http_route.c and grpc_route.c only.
#pragma once

#include "manifests/schema/field.h"

extern const struct schema route_header_modifier_schema;

#define ROUTE_API_GROUP "gateway.networking.k8s.io"
