// SPDX-License-Identifier: Apache-2.0
// Which objects a Rollout drives: those that no other Rollout may drive, too. Pure. Whose claim
// counts is in plan_claims.c.
#pragma once

#include "manifests/text/json.h"

#define CLAIMS_MAX 16

// "team1/VirtualService/web", "team1/Deployment/agent-v1": of a Rollout as the API server has it.
// Fills `keys` (CLAIMS_MAX); how many. More than that are not looked at.
size_t claims_of(const struct json *rollout, struct arena *arena, struct str *keys);
struct str claims_key(struct str ns, const char *kind, struct str name, struct arena *arena);
