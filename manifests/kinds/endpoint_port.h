// SPDX-License-Identifier: Apache-2.0
// The port table that EndpointSlice and Endpoints share.
#pragma once

#include "manifests/schema/field.h"

extern const struct schema endpoint_port_schema;
