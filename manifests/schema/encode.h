// SPDX-License-Identifier: Apache-2.0
// Typed object -> json tree in the order of the field table; what is absent is left out.
// decode(encode(decode(x))) is decode(x).
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

// With apiVersion and kind in front. `version` empty: the stored one.
struct json *kind_encode(const struct kind_desc *kind, const void *object, struct str version,
                         struct arena *arena);
struct json *schema_encode(const struct schema *schema, const void *object, struct arena *arena);
