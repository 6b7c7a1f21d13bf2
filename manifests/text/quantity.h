// SPDX-License-Identifier: Apache-2.0
// Kubernetes quantities (100m, 1.5, 128Mi, 2e3), as a double in base units.
// Source: k8s.io/apimachinery resource.Quantity.
#pragma once

#include "manifests/base/arena.h"

bool quantity_parse(struct str text, double *ret_value);
