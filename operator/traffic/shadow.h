// SPDX-License-Identifier: Apache-2.0
// A mesh does not merge VirtualServices: the oldest takes the host, and the others are not heard.
// Pure.
#pragma once

#include "manifests/text/json.h"

// The mesh VirtualService that takes a host of `object` before it does: the older one, then by name
// and namespace. `others` is a list of VirtualServices, which may have `object` in it. NULL when
// there is none.
const struct json *shadow_find(const struct json *object, const struct json *const *others,
                               size_t count, struct arena *arena);
