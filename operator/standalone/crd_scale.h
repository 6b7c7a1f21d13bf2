// SPDX-License-Identifier: Apache-2.0
// What a definition's scale subresource asks of its objects: replicas that are counts, and a
// selector that is a text. Pure. Source: k8s.io/apiextensions-apiserver
// pkg/registry/customresource/validator.go.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

// with_spec: the replicas asked for, too; a write of the status is judged by its own only.
void crd_scale_check(const struct kind_desc *kind, const struct json *object, bool with_spec,
                     struct arena *arena, struct findings *findings);
