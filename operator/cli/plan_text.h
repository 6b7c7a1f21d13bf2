// SPDX-License-Identifier: Apache-2.0
// What a Rollout would do: every step with its weight, the time it takes and the requests its judge
// needs. Pure.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/kinds/rollout.h"

void plan_text_write(const struct rollout *rollout, struct arena *arena, struct buf *out);
