// SPDX-License-Identifier: Apache-2.0
// One route as JSON, in the words of VirtualService. Private to dump_json.c.
#pragma once

#include "manifests/text/json.h"
#include "proxy/table.h"

struct json *dump_route(struct arena *arena, const struct table_route *route);
