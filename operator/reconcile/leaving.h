// SPDX-License-Identifier: Apache-2.0
// Workload form: what becomes of the Deployment that workloadRef names when its Rollout goes, once
// traffic and routes are as they were found. Pure; the operator's plan and `serin uninstall` share
// it.
#pragma once

#include "manifests/kinds/rollout.h"

enum leaving {
  LEAVING_UNTOUCHED, // it was found paused, or we do not keep it paused
  LEAVING_RESUMED,   // its pods run its template: nothing rolls
  LEAVING_PUT_BACK,  // the template that its pods run goes back into it, and it is resumed
  LEAVING_ROLLED,    // it rolls to a template that was not released
  LEAVING_PAUSED     // it stays paused, and says so itself
};

struct leaving_plan {
  enum leaving what;
  const struct json
      *patch;      // JSON Patch on the Deployment as it was looked at; NULL: nothing is to do
  struct str text; // for people
};

// `set`: its ReplicaSet that serves; NULL: not known, then status says what its pods run.
struct leaving_plan leaving_of(const struct rollout *rollout, const struct json *deployment,
                               const struct json *set, struct arena *arena);
