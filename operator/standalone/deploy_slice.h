// SPDX-License-Identifier: Apache-2.0
// Service + Pods -> EndpointSlices: one slice for each set of resolved port numbers (a named
// targetPort may differ between pods). Pure. Source: kubernetes endpointslice controller; KEP-1672
// for ready, serving and terminating.
#pragma once

#include "operator/standalone/deploy.h"

#define DEPLOY_SLICE_MANAGER "serin-runtime"

// `pods`: all of the service's namespace; `slices`: those labelled with the service's name and
// managed by us; `endpoints`: the Endpoints object of the service's name or NULL, which is kept
// beside them (deploy_endpoints.h). A service without selector has none of ours; ExternalName
// neither.
void deploy_slice_plan(const struct json *service, const struct deploy_list *pods,
                       const struct deploy_list *slices, const struct json *endpoints,
                       struct deploy_actions *actions);
