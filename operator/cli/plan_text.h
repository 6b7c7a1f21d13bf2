// SPDX-License-Identifier: Apache-2.0
// What a Rollout would do: every step with its weight, the time it takes and the requests its judge
// needs. Pure.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/kinds/rollout.h"

// pod_template: of the Deployment that workloadRef names, where it is known.
void plan_text_write(const struct rollout *rollout, const struct json *pod_template,
                     struct arena *arena, struct buf *out);
