// SPDX-License-Identifier: Apache-2.0
// /openapi/v3: the index and one document per group version, from the field tables. Enough for
// kubectl's explain, apply, diff and validation. Pure.
#pragma once

#include "manifests/text/json.h"

struct json *openapi_serve_index(struct arena *arena);
// NULL: no such group version.
struct json *openapi_serve_document(struct str group, struct str version, struct arena *arena);
