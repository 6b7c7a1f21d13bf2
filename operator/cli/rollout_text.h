// SPDX-License-Identifier: Apache-2.0
// What a Rollout's status remembers, for people: its releases as a table, its decisions in words.
// Pure.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/kinds/rollout.h"

void rollout_text_history(const struct rollout *rollout, int64_t now_ms, struct arena *arena,
                          struct buf *out);
void rollout_text_explain(const struct rollout *rollout, int64_t now_ms, struct arena *arena,
                          struct buf *out);
