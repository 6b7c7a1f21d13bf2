// SPDX-License-Identifier: Apache-2.0
// Durations: Go's form (1h30m, 1.5s, 100ms; Istio, Rollout) and GEP-2257 (no fractions; Gateway
// API), in milliseconds.
#pragma once

#include "manifests/base/arena.h"

// "10s", "1m30s", "0.5s", "0". False unless the whole text is a duration >= 0 of whole milliseconds
// that fits.
bool duration_parse(struct str text, int64_t *ret_ms);
// "2m10s", "1.5s", "250ms", "0s": reads back the same.
struct str duration_format(struct arena *arena, int64_t ms);
// For people: at most two units, "1h5m", "2m10s", "45s", "0.3s".
struct str duration_words(struct arena *arena, int64_t ms);
