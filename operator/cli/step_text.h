// SPDX-License-Identifier: Apache-2.0
// Steps of a Rollout in words: "monitor 10m, at least 1m". Pure.
#pragma once

#include "manifests/kinds/rollout.h"

struct str step_text(const struct rollout_spec *spec, size_t index, struct arena *arena);
