// SPDX-License-Identifier: Apache-2.0
// /openapi/v3: the index and one document per group version, from the field tables. Enough for
// kubectl's explain, apply, diff and validation. Pure.
#pragma once

#include "operator/standalone/api_kinds.h"

struct json *openapi_serve_index(const struct api_kinds *kinds, struct arena *arena);
// NULL: no such group version.
struct json *openapi_serve_document(const struct api_kinds *kinds, struct str group,
                                    struct str version, struct arena *arena);
