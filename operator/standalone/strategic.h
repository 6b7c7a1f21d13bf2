// SPDX-License-Identifier: Apache-2.0
// Strategic merge patch, for Kubernetes' own kinds: lists of objects merge by the key their field
// table names. Directives: $patch (replace, delete, merge), $setElementOrder/x,
// $deleteFromPrimitiveList/x, $retainKeys. Pure. Source: k8s.io/apimachinery
// pkg/util/strategicpatch.
#pragma once

#include "manifests/base/err.h"
#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

// *ret_result is a new tree; neither argument is changed. RC_PARSE: the patch is malformed.
int strategic_merge(const struct schema *schema, const struct json *target,
                    const struct json *patch, struct arena *arena, struct json **ret_result,
                    struct err *err);
