// SPDX-License-Identifier: Apache-2.0
// Who owns which field: metadata.managedFields, and server-side apply on top of it. Pure.
// Source: kubernetes.io/docs/reference/using-api/server-side-apply; structured-merge-diff v6 merge.
#pragma once

#include "operator/standalone/api_write.h"

// `schema`: of the whole object (api_kind_schema).

// The candidate of a server-side apply: old merged with the body, minus what this manager applied
// before and leaves out now. Its managedFields hold the new Apply entry. 409 with a cause per
// conflict unless forced. old: NULL creates.
int fields_apply(struct api_call *call, const struct write_request *request,
                 const struct json *schema, struct json *old, struct json **ret_object);
// 422 when metadata.managedFields, which clients may send back, is no list of objects. What is in
// them is not judged: a list that cannot be read counts as left out.
int fields_check(struct api_call *call, const struct kind_desc *kind, const struct json *object);
// After any other write: what changed belongs to the writer. Does nothing for an apply.
void fields_track(struct api_call *call, const struct write_request *request,
                  const struct json *schema, struct json *object, const struct json *old);
// After a write of its Scale: who owns the replicas of the object, in its managedFields. 409 when
// an apply that is not forced takes them from others. Zero replicas are as good as none, as in Go's
// struct.
int fields_scale(struct api_call *call, const struct write_request *request, struct json *object,
                 int64_t old_replicas, int64_t replicas);
