// SPDX-License-Identifier: Apache-2.0
// From a kind's table (manifests/schema/kind.h) to what a request is about. Pure.
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/source/kube_client.h"

// version NULL: the kind's stored one. The strings are the table's.
struct kube_resource kube_resource_of(const struct kind_desc *kind, const char *version);
