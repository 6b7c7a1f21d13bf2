// SPDX-License-Identifier: Apache-2.0
// A write on its way through the steps of api_write.c. Private to api_write.c, api_scale.c and
// api_verdict.c.
#pragma once

#include "manifests/base/findings.h"
#include "operator/standalone/api_write.h"

struct write_job {
  struct api *api;
  struct api_call *call;
  const struct write_request *request;
  struct str name;     // final only after rules_create
  struct json *old;    // in the stored version; NULL: none
  struct json *object; // the candidate
  struct json *asked;  // as the client wants it, where that is not what is stored; else NULL
};

// The patched copy of `base`.
int write_apply_patch(struct write_job *job, struct json *base, struct json **ret_object);
// What came out of a patch, or was put or applied, is still the same object, of the same type.
int write_check_patched(struct write_job *job);
// The object as the client of this version sees it.
struct json *write_old_as_seen(struct write_job *job);
const struct json *write_schema_of(const struct write_job *job);
// job->object with the replicas of the Scale that the request is about.
int write_scale_candidate(struct write_job *job);
// Removes what the schema does not know; says so as the client asked.
int write_prune(struct write_job *job);
// Warnings of unknown fields and of the duplicate one, or the refusal, as the client asked.
int write_say_unknown(struct write_job *job, const struct findings *unknown);
// Metadata has the types it should have, before the server fills it in.
int write_check_metadata(struct write_job *job);
// All of an object of Kubernetes' own kinds has types that it can be read as, also the part that
// this write does not store.
int write_check_readable(struct write_job *job);
// The verdict of the schema and of the kind's rules. A fault that the stored object already has
// does not stand in the way of other changes.
int write_validate(struct write_job *job);
// What came out of a patch is no such object: a 422 that has the outcome in it; of a whole object a
// 400.
int write_unreadable(struct write_job *job, const struct json *object, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
