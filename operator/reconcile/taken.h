// SPDX-License-Identifier: Apache-2.0
// What a Rollout took by its form: the Deployments and the routes that its spec named when it did.
// It is kept in status.taken, so that a spec that names something else by now can be seen, and what
// was taken be let go first (plan_switch.c). Pure; the operator's plan and `serin uninstall` share
// it.
#pragma once

#include "manifests/text/json.h"

enum taken {
  TAKEN_SAME,   // the spec names what was taken
  TAKEN_ROUTES, // it names other routes, and a release still runs on those that were
  TAKEN_FORM    // it names another Deployment for workloadRef, or has another form
};

// What is to be kept of a spec: an object with those of its fields.
struct json *taken_of(const struct json *spec, struct arena *arena);
// The Rollout that is to be acted on: `rollout` itself, or one with the fields that were taken in
// place of those of its spec, which is not to be written anywhere.
enum taken taken_apply(const struct json *rollout, struct arena *arena,
                       const struct json **ret_rollout);
// In words: "Deployment web (workloadRef)", "Deployments a and b (stable, canary)", "its template".
struct str taken_words(const struct json *taken, struct arena *arena);
