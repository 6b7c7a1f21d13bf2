// SPDX-License-Identifier: Apache-2.0
// /openapi/v2 for kubectl before 1.27, which reads nothing else: a Swagger document in gnostic's
// protobuf form, made from the same schemas as the v3 documents. Newer ones get an empty document,
// and take v3. Pure. Source: github.com/google/gnostic openapiv2/OpenAPIv2.proto (field numbers).
#pragma once

#include "manifests/base/buf.h"
#include "operator/standalone/api_kinds.h"

#define OPENAPI_V2_TYPE "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
#define OPENAPI_V2_BYTES (16u << 20)

// Whether the client is a kubectl that needs it.
bool openapi_v2_is_wanted(struct str user_agent);
// The whole document: definitions, and the paths in which kubectl looks for dryRun.
void openapi_v2_write(const struct api_kinds *kinds, struct buf *out);
