// SPDX-License-Identifier: Apache-2.0
// Istio's VirtualService: http, tls and tcp routes whose destinations are a host and a subset.
// Pure.
#pragma once

#include "manifests/text/json.h"

// "research-agent" in namespace team1 -> "research-agent.team1.svc.cluster.local"; names with a dot
// stay.
struct str vs_full_host(struct str host, struct str ns, struct arena *arena);
