// SPDX-License-Identifier: Apache-2.0
// What a user types for a kind ("deploy", "rollouts.serin.dev") and for objects ("deploy/web", "sro
// a b") as resources of the API: our own kinds from their tables, others asked from the server.
#pragma once

#include "operator/cli/session.h"

struct resource_name { // one object, or a whole kind when name is empty
  const struct kube_resource *resource;
  struct str name;
};

// RC_NOT_FOUND names the nearest known kind.
int resource_find(struct session *session, struct str typed, struct arena *arena,
                  const struct kube_resource **ret_resource, struct err *err);
// By apiVersion and kind of a manifest.
int resource_of_object(struct session *session, const struct json *object, struct arena *arena,
                       const struct kube_resource **ret_resource, struct err *err);
// "KIND NAME...", "KIND/NAME...", "KIND[,KIND...]", "all". At least one argument.
int resource_parse(struct session *session, const struct str *arguments, size_t count,
                   struct arena *arena, struct resource_name **ret_names, size_t *ret_count,
                   struct err *err);
// "deployment.apps/web", as kubectl says it.
struct str resource_title(const struct kube_resource *resource, struct str name,
                          struct arena *arena);
// A Rollout by "NAME" or "rollout/NAME", in the session's namespace. What is missing is said with
// what to do.
int resource_get_rollout(struct session *session, struct str typed, struct arena *arena,
                         struct json **ret_rollout, struct err *err);
// The NAME of "NAME" or "rollout/NAME".
struct str resource_base_name(struct str typed);
// The namespace to use for a kind: empty when it has none.
struct str resource_ns(const struct kube_resource *resource, struct str ns);

extern const struct kube_resource resource_rollouts;
extern const struct kube_resource resource_actions;
extern const struct kube_resource resource_deployments;
