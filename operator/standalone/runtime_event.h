// SPDX-License-Identifier: Apache-2.0
// Kubernetes Events of the runtime. The same event again counts up the one that is there. Best
// effort: an event that cannot be written is dropped after a log line; nothing waits for it.
#pragma once

#include "operator/standalone/runtime_state.h"

#define EVENTS_MAX 128u // distinct events remembered for counting

// About `object` (kind, metadata). `field_path` may be NULL: "spec.containers{web}".
void event_write(struct runtime *runtime, const char *api_version, const char *kind,
                 const struct json *object, const char *field_path, bool warning,
                 const char *reason, struct str message);
void event_dispose(struct runtime *runtime); // after the HTTP client has closed
