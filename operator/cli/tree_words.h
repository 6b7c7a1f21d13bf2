// SPDX-License-Identifier: Apache-2.0
// What the tree and the line say in the same words.
#pragma once

#include "manifests/kinds/rollout.h"

const char *tree_phase_word(const struct rollout_status *status);
const char *tree_verdict_word(enum rollout_verdict verdict);
// What a person should know now: always there, so that holding is never silent.
struct str tree_now_text(const struct rollout_status *status, struct arena *arena);
