// SPDX-License-Identifier: Apache-2.0
// What a server fills in where a schema's fallback cannot say it. Pure.
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

void api_default(struct arena *arena, const struct kind_desc *kind, struct json *object);
