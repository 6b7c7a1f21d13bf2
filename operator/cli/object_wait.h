// SPDX-License-Identifier: Apache-2.0
// Waiting for one object to be as somebody wants it, by a watch. Used by wait, delete and the
// manual verbs.
#pragma once

#include "operator/cli/session.h"

// 0: go on waiting; 1: it is so; negative: it never will be (RC_*, with *err). object is NULL while
// there is none.
typedef int (*object_wait_fn)(const struct json *object, void *data, struct err *err);

// RC_OK, what `is_so` gave, RC_TIMEOUT after timeout_ms (0: for ever), or why it cannot be watched.
int object_wait(struct session *session, const struct kube_resource *resource, struct str ns,
                struct str name, object_wait_fn is_so, void *data, int64_t timeout_ms,
                struct err *err);
int object_wait_gone(struct session *session, const struct kube_resource *resource, struct str ns,
                     struct str name, int64_t timeout_ms, struct err *err);
