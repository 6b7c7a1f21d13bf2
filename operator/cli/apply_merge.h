// SPDX-License-Identifier: Apache-2.0
// kubectl's client-side apply: what the user said last time, what he says now and what is there
// give what shall be. Pure.
#pragma once

#include "manifests/text/json.h"

#define APPLY_ANNOTATION "kubectl.kubernetes.io/last-applied-configuration"

// The object to send: the manifest with the annotation that remembers it (which is never in
// itself).
struct json *apply_annotated(struct arena *arena, const struct json *manifest);
// What the annotation of a live object remembers; NULL when there is none or it cannot be read.
struct json *apply_remembered(struct arena *arena, const struct json *live);
// `live` with all of `wanted`, and without what `last` (may be NULL) had and `wanted` has no more.
// For kinds of Kubernetes itself (`builtin`) known lists are merged by their key, as a strategic
// merge does; all other lists are replaced.
struct json *apply_merge(struct arena *arena, const struct json *live, const struct json *last,
                         const struct json *wanted, bool builtin);
// The merge patch from live to that; an empty object when nothing is to do.
struct json *apply_patch(struct arena *arena, const struct json *live, const struct json *wanted,
                         bool builtin);
