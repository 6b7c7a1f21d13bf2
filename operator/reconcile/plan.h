// SPDX-License-Identifier: Apache-2.0
// The planner's door: a snapshot in, an ordered list of actions out. Pure. Doing any prefix of the
// actions and planning again reaches the same end; status comes last of what it tells, once.
//
// The rule behind it: a pass first makes the world agree with what status says is asked, and then
// decides what is asked next. A raise of the canary's weight is thus in status before it is in a
// route; taking traffic away is in the route first, because it waits for nothing.
#pragma once

#include "operator/reconcile/snapshot.h"

// XX(name, what it does, for logs)
#define PLAN_ACTION_MAP(XX)                                                                        \
  XX(LOWER_ROUTE, "take traffic from the canary")  /* name: the route; body: JSON Patch */         \
  XX(PAUSE, "pause a Deployment")                  /* workload form; name; body: merge patch */    \
  XX(FINALIZER, "change the Rollout's finalizers") /* body: merge patch */                         \
  XX(COPY_CONTENT, "keep content")             /* name: the copy; body: it, without its content */ \
  XX(CREATE_DEPLOYMENT, "create a Deployment") /* body: the object */                              \
  XX(CREATE_SERVICE, "create a version's Service")     /* body: the object */                      \
  XX(PATCH_SERVICE, "change a version's Service")      /* name; body: merge patch */               \
  XX(PATCH_RULE, "change the subsets")                 /* name: the DestinationRule; JSON Patch */ \
  XX(SCALE_UP, "scale up a Deployment")                /* name; body: merge patch */               \
  XX(PATCH_ROUTE, "set the weights")                   /* name; JSON Patch */                      \
  XX(PATCH_SPEC, "change the Rollout's spec")          /* undo; JSON Patch */                      \
  XX(STATUS, "write the status")                       /* merge patch with resourceVersion */      \
  XX(EVENT, "write an event")                          /* body: the object */                      \
  XX(ANSWER, "answer a RolloutAction")                 /* name; body: merge patch of status */     \
  XX(PATCH_WORKLOAD, "change a Deployment's template") /* undo, workload form; JSON Patch */       \
  XX(UNPAUSE, "let a Deployment roll")             /* workload form; name; body: merge patch */    \
  XX(SCALE_DOWN, "scale down a Deployment")        /* name; body: merge patch */                   \
  XX(DELETE_CONTENT, "delete kept content")        /* name */                                      \
  XX(DELETE_DEPLOYMENT, "delete a Deployment")     /* name */                                      \
  XX(CLEAN_RULE, "remove a subset")                /* name; JSON Patch */                          \
  XX(DELETE_SERVICE, "delete a version's Service") /* name */                                      \
  XX(DELETE_ACTION, "delete an old RolloutAction") /* name */                                      \
  XX(RELEASE_FINALIZER, "remove the finalizer")    /* body: merge patch */

enum plan_action_kind {
#define XX(name, text) PLAN_##name,
  PLAN_ACTION_MAP(XX)
#undef XX
      PLAN_ACTION_COUNT
};

struct plan_action {
  enum plan_action_kind kind;
  const struct kind_desc *of; // the route's or the copy's kind; NULL where it is plain
  struct str name;            // of the object, in the Rollout's namespace
  const struct json *body;    // NULL for deletes
  struct str why;             // one phrase with numbers
};

#define PLAN_NEVER INT64_MAX

struct plan {
  struct plan_action *actions; // in the order to do them; stop at the first failure and plan again
  size_t count, capacity;
  int64_t requeue_after_ms; // plan again then at the latest; PLAN_NEVER: only on a change
  struct str reason;        // what this pass did, or what it waits for
  bool leaves; // the Rollout goes with this plan, and `status` is written nowhere: who is to be
               // told of its notices is told when the finalizer is off
  const struct rollout_status *status; // as it will be
};

struct plan *plan_rollout(const struct snapshot *snapshot, struct arena *arena);
const char *plan_action_text(enum plan_action_kind kind);
