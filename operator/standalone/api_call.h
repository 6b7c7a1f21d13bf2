// SPDX-License-Identifier: Apache-2.0
// One request to the embedded API server while it is being answered: who asks, where its memory is,
// what went wrong. Functions of the api_* files return 0, or a negative code after one of the
// api_fail functions here has set the Status that the client will get. Pure.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

struct auth_role;

struct api_user {
  struct str name;
  const struct str *groups;
  size_t group_count;
  const struct auth_role *role; // what it may do; NULL: nothing
  struct str ns;                // the only namespace it may work in; empty: everywhere
  uint64_t id;                  // of its token; never 0 behind a token
};

// What the Status object will say. code 0: nothing failed.
struct api_fault {
  int code;           // HTTP status
  const char *reason; // "NotFound"; may be NULL
  struct str message;
  struct json *details; // may be NULL
  int retry_after;      // seconds; 0: none
};

struct api_warning {
  struct str text;
};

struct api_call {
  struct arena *arena; // lives until the answer is sent
  const struct api_user *user;
  struct str user_agent;
  int64_t now_ms;
  struct api_warning *warnings; // for Warning headers
  size_t warning_count, warning_capacity;
  struct api_fault fault;
};

#define API_WARNINGS_MAX 20u

void api_warn(struct api_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

// All return the negative code that stands for the HTTP status.
int api_fail(struct api_call *call, int code, const char *reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int api_fail_err(struct api_call *call, const struct err *err); // by the code of err
int api_bad_request(struct api_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int api_not_found(struct api_call *call, const struct kind_desc *kind, struct str name);
int api_already_exists(struct api_call *call, const struct kind_desc *kind, struct str name);
// 409: "Operation cannot be fulfilled on ...: why".
int api_conflict(struct api_call *call, const struct kind_desc *kind, struct str name,
                 const char *why);
// 403: `rollouts.serin.dev "x" is forbidden: why`.
int api_forbidden(struct api_call *call, const struct kind_desc *kind, struct str name,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
int api_too_old(struct api_call *call, int64_t revision, int64_t oldest); // 410
int api_media_type(struct api_call *call, const char *accepted);          // 415

// 422 with one cause. reason: "FieldValueInvalid" and the like.
int api_invalid(struct api_call *call, const struct kind_desc *kind, struct str name,
                const char *field, const char *reason, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
// 422 with one cause for each error in `findings`; 0 when there is none.
int api_invalid_findings(struct api_call *call, const struct kind_desc *kind, struct str name,
                         const struct findings *findings);

// 422 of an option of the request itself: options is "CreateOptions" and the like.
int api_bad_option(struct api_call *call, const char *options, const char *field,
                   const char *reason, struct str why);
// 422 with one cause at "patch": what came out of a patch cannot be read.
int api_bad_patch(struct api_call *call, struct str why);

// The Status object of call->fault.
struct json *api_status(const struct api_call *call);
// {"kind":"Status","status":"Success","details":{...}} as the answer of a DELETE.
struct json *api_status_deleted(struct api_call *call, const struct kind_desc *kind,
                                struct str name, struct str uid);
// "rollouts.serin.dev", "pods".
struct str api_resource_name(struct arena *arena, const struct kind_desc *kind);
