// SPDX-License-Identifier: Apache-2.0
// All kinds this product knows, in one explicit list.
#pragma once

#include "manifests/schema/kind.h"

size_t kind_count(void);
const struct kind_desc *kind_at(size_t index); // order of the list in registry.c
// All take any of the kind's versions; NULL when there is none.
const struct kind_desc *kind_find(struct str api_version, struct str kind);
const struct kind_desc *kind_find_plural(struct str group, struct str version, struct str plural);
// By what a user types: plural, singular, short name or kind, with or without ".group", any case.
// "gateway" alone is the Gateway API's; "gateways.networking.istio.io" or "gw" is Istio's.
const struct kind_desc *kind_find_name(struct str name);
// For "did you mean": the kind with the nearest kind name, NULL when none is close.
const struct kind_desc *kind_nearest(struct str kind);
