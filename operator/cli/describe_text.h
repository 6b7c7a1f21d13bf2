// SPDX-License-Identifier: Apache-2.0
// One object and its events, for people. Pure.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/text/json.h"

// `events` is a list of Events, or NULL.
void describe_text(const struct json *object, const struct json *events, int64_t now_ms,
                   struct arena *arena, struct buf *out);
