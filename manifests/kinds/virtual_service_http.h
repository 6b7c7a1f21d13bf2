// SPDX-License-Identifier: Apache-2.0
// Field tables of a VirtualService's HTTP routes. Used by virtual_service.c only.
#pragma once

#include "manifests/schema/field.h"

extern const struct schema vs_destination_schema;       // host, subset, port
extern const struct schema vs_route_destination_schema; // with weight and headers
extern const struct schema vs_match_schema;
extern const struct schema vs_headers_schema;
extern const struct schema vs_fault_schema;
extern const struct schema vs_percentage_schema;
extern const struct schema vs_retries_schema;
extern const struct schema vs_cors_schema;
extern const struct schema vs_http_schema; // one route
