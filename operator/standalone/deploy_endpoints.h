// SPDX-License-Identifier: Apache-2.0
// The older form of a Service's slices: one Endpoints object with the Service's name, for kubectl
// before 1.31 and for clients that know nothing else. Pure.
#pragma once

#include "operator/standalone/deploy.h"

#define DEPLOY_ENDPOINTS_LABEL "endpoints.kubernetes.io/managed-by"

// Adds what a slice's `endpoints` and `ports` say to `subsets`: those that are leaving are left
// out.
void deploy_endpoints_add(struct json *subsets, const struct json *endpoints,
                          const struct json *ports, struct arena *arena);
// have: the object of that name, NULL when there is none; one that is not ours stays as it is.
void deploy_endpoints_plan(const struct json *service, struct json *subsets,
                           const struct json *have, struct deploy_actions *actions);
