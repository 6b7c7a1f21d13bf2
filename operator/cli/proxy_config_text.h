// SPDX-License-Identifier: Apache-2.0
// A proxy's dumps (proxy/dump.h) as tables: what it enforces right now. Pure.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/text/json.h"

enum proxy_config_part {
  PROXY_CONFIG_ROUTES,
  PROXY_CONFIG_CLUSTERS,
  PROXY_CONFIG_ENDPOINTS,
  PROXY_CONFIG_LISTENERS
};

// False when `name` is none of routes, clusters, endpoints, listeners.
bool proxy_config_part_of(struct str name, enum proxy_config_part *ret_part);
const char *proxy_config_path(enum proxy_config_part part); // of the admin endpoint
void proxy_config_text(enum proxy_config_part part, const struct json *dump, struct arena *arena,
                       struct buf *out);
