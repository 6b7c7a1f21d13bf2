// SPDX-License-Identifier: Apache-2.0
// The words of retryOn and of gRPC statuses.
#pragma once

#include "manifests/base/str.h"

// A condition that Envoy knows, or an HTTP status code. Not trimmed: Istio's webhook does not
// either.
bool retry_on_is_known(struct str token);
// The known condition nearest to `token`, NULL when none is close.
const char *retry_on_nearest(struct str token);
// A condition that may repeat a request the backend has already worked on.
bool retry_on_is_unsafe(struct str token);
bool grpc_status_is_known(struct str name);
// "UNAVAILABLE" -> 14; -1 when it is none.
int grpc_status_number(struct str name);
