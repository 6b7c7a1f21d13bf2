// SPDX-License-Identifier: Apache-2.0
// CustomResourceDefinitions in the write path. What a cluster's controllers do one after the other
// (names accepted, established) is done with the write: a kind is there when the answer is.
#pragma once

#include "operator/standalone/api.h"

// Defaults, the judgement (422), the warnings about what is not enforced, and the status of a new
// or changed definition. old: NULL for a new one.
int definition_settle(struct api *api, struct api_call *call, struct json *object,
                      const struct json *old);
// "rollouts.serin.dev": the resource a definition defines.
struct str definition_resource(const struct json *definition, struct arena *arena);
