// SPDX-License-Identifier: Apache-2.0
// What a route does to its requests, as it is in force, for /config_dump. Part of dump.
#pragma once

#include "manifests/text/json.h"
#include "proxy/table.h"

// Adds "headers", "fault", "mirrors" and "corsPolicy", those that there are.
void dump_filters(struct arena *arena, struct json *item, const struct table_route *route);
