// SPDX-License-Identifier: Apache-2.0
// Rules that Deployment and ReplicaSet share.
#pragma once

#include "manifests/kinds/pod.h"
#include "manifests/schema/check.h"

// spec.selector must not be empty and must match spec.template's labels.
void workload_check_selector(const struct label_selector *selector,
                             const struct pod_template *template_, struct check *check);
