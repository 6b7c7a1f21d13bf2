// SPDX-License-Identifier: Apache-2.0
// Field tables of containers and volumes. Used by pod_spec.c only.
#pragma once

#include "manifests/schema/field.h"

extern const struct schema pod_container_schema;
extern const struct schema pod_volume_schema;
extern const struct schema pod_field_ref_schema;
extern const struct schema pod_resource_field_ref_schema;
