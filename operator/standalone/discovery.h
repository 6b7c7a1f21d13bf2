// SPDX-License-Identifier: Apache-2.0
// What /api, /apis and below answer: which kinds there are, in the legacy and in the aggregated
// form. Pure.
#pragma once

#include "operator/standalone/api_kinds.h"

// Every group version the server has, in order; also the two that only take reviews.
struct discovery_group_version {
  const char *group, *version;
};
size_t discovery_group_versions(const struct api_kinds *kinds, struct arena *arena,
                                struct discovery_group_version **ret_list);

struct json *discovery_api(struct arena *arena);                                 // APIVersions
struct json *discovery_apis(const struct api_kinds *kinds, struct arena *arena); // APIGroupList
struct json *discovery_group(const struct api_kinds *kinds, struct str group,
                             struct arena *arena); // NULL: none
struct json *discovery_resources(const struct api_kinds *kinds, struct str group,
                                 struct str version,
                                 struct arena *arena); // NULL: none
// APIGroupDiscoveryList of /api (core) or /apis. version: "v2" or "v2beta1".
struct json *discovery_aggregated(const struct api_kinds *kinds, bool core, const char *version,
                                  struct arena *arena);
