// SPDX-License-Identifier: Apache-2.0
// Deletion: finalizers, a Pod's grace period, what owners own (background, foreground, orphan; done
// inline, there is no garbage collector to wait for), what namespaces hold. All through api_store.
//
// Pods: a Pod whose spec.nodeName is set and that has not ended is only marked (deletionTimestamp,
// its grace period); whoever runs it stops it and then deletes it with gracePeriodSeconds 0. All
// other Pods go at once.
#pragma once

#include "operator/standalone/api.h"

enum propagation { PROPAGATE_BACKGROUND, PROPAGATE_FOREGROUND, PROPAGATE_ORPHAN };

struct delete_options {
  enum propagation propagation;
  int64_t grace_seconds;    // -1: the object's own
  struct str uid, revision; // preconditions; empty: none
  bool drop_finalizers;     // the propagation was asked for: those of an earlier one do not hold
  bool dry_run;
};

// ret_object: the marked object, or NULL when it is gone (ret_uid is set then).
int api_delete_run(struct api *api, struct api_call *call, const struct kind_desc *kind,
                   struct str ns, struct str name, const struct delete_options *options,
                   struct json **ret_object, struct str *ret_uid);
// After a write: removes an object that only waited for its last finalizer. *ret_gone says whether.
int delete_finish(struct api *api, struct api_call *call, const struct kind_desc *kind,
                  const struct json *object, bool *ret_gone);
// After a write that gave it other owners: what has none that is there goes at once, what has some
// forgets the others. The answer to the write stays what it is.
int delete_settle(struct api *api, struct api_call *call, const struct kind_desc *kind,
                  const struct json *object);
// Objects whose owners are all gone, and Events older than an hour. The caller commits.
int delete_sweep(struct api *api, int64_t now_ms, struct err *err);
