// SPDX-License-Identifier: Apache-2.0
// Kind -> apiextensions.k8s.io/v1 CustomResourceDefinition. manifests/install/crds is written with
// it.
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

struct json *crd_build(const struct kind_desc *kind, struct arena *arena);
