// SPDX-License-Identifier: Apache-2.0
// JSON Patch (RFC 6902), JSON Pointer (RFC 6901) and JSON Merge Patch (RFC 7386) on json trees.
#pragma once

#include "manifests/text/json.h"

// The value a pointer names, or NULL. "" is the whole document.
struct json *json_pointer(struct json *json, struct str pointer);
// One reference token as it stands in a pointer: ~ and / escaped.
struct str json_pointer_escape(struct arena *arena, struct str token);
// Applies all operations or none: *json is changed only on success. RC_PARSE: the patch is
// malformed; RC_INVALID: a path is missing or a test fails; the message names the operation's index
// and path.
int json_patch_apply(struct arena *arena, struct json **json, const struct json *patch,
                     struct err *err);
// The target after a merge patch; neither argument is changed, the result is in `arena`.
struct json *json_merge_patch(struct arena *arena, const struct json *target,
                              const struct json *patch);
// The merge patch that turns `from` into `to`; an empty object when they are equal.
struct json *json_merge_diff(struct arena *arena, const struct json *from, const struct json *to);
