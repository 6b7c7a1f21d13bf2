// SPDX-License-Identifier: Apache-2.0
// One canonical form of a request's path, used for matching, for the access log and for forwarding,
// so that no two places can read the same bytes differently. Istio's `pathNormalization: BASE`: RFC
// 3986 dot segments removed, percent-encoded unreserved characters decoded, backslash read as
// slash; %2F and %5C, double slashes and the query stay as they are; a fragment is cut off. Pure.
#pragma once

#include "manifests/base/str.h"

// Rewrites path[0..*len), which starts with '/', in place; it never grows. False when a percent
// sign is not followed by two hexadecimal digits or an encoded NUL stands in the path: that is
// answered 400.
bool head_path_normalize(char *path, size_t *len);
