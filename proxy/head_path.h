// SPDX-License-Identifier: Apache-2.0
// One canonical form of a request's path, used for matching, for the access log and for forwarding,
// so that no two places can read the same bytes differently. The modes are those of Istio's
// `pathNormalization`; the query stays as it is, a fragment is always cut off. Pure.
#pragma once

#include "manifests/base/str.h"

enum head_path_mode {
  HEAD_PATH_BASE, // RFC 3986 dot segments removed, percent-encoded unreserved characters decoded,
                  // backslash read as slash; %2F, %5C and double slashes stay
  HEAD_PATH_NONE, // as it came
  HEAD_PATH_MERGE_SLASHES,  // BASE, then runs of slashes become one
  HEAD_PATH_DECODE_SLASHES, // %2F and %5C read as slash first, then MERGE_SLASHES
};

// Rewrites path[0..*len), which starts with '/', in place; it never grows. False when a percent
// sign is not followed by two hexadecimal digits or an encoded NUL stands in the path (in all modes
// but NONE): that is answered 400.
bool head_path_normalize(char *path, size_t *len, enum head_path_mode mode);
// "BASE", "merge-slashes" and so on, as Istio or the command line writes them; false for others.
bool head_path_mode_parse(struct str text, enum head_path_mode *ret_mode);
