// SPDX-License-Identifier: Apache-2.0
// What a container is started with: its environment and its command line, as the kubelet makes
// them. Pure. Source: kubernetes pkg/kubelet/kubelet_pods.go makeEnvironmentVariables,
// third_party/forked/golang/expansion. Not made: <SERVICE>_SERVICE_HOST variables (services have no
// address of their own here).
#pragma once

#include "operator/standalone/pod_image.h"
#include "operator/standalone/pod_source.h"

struct pod_env_list {
  struct string_pair *items; // in order; a later one of the same name has replaced the earlier
  size_t count, capacity;
};

void pod_env_set(struct pod_env_list *list, struct arena *arena, struct str name, struct str value);
struct str pod_env_get(const struct pod_env_list *list, struct str name); // STR_NULL when absent
// $(NAME) becomes its value, $$ becomes $, $(UNKNOWN) stays as it is.
struct str pod_expand(struct str text, const struct pod_env_list *list, struct arena *arena);

// Adds envFrom, then env, to what is in *list (the host's PATH and the like, POD_IP, PORT).
// RC_NOT_FOUND: a ConfigMap, Secret or key that is not optional is missing; the message is what the
// container's Waiting state says. Names of envFrom keys that cannot be variables are left out and
// counted in *ret_skipped.
int pod_env_build(const struct pod_facts *facts, const struct pod_container *container,
                  const struct pod_lookup *lookup, struct arena *arena, struct pod_env_list *list,
                  size_t *ret_skipped, struct err *err);
// command and args with $(VAR) expanded; without command the image's command line from `images`.
// RC_NOT_FOUND when the image is not mapped.
int pod_argv(const struct pod_container *container, const struct pod_env_list *env,
             const struct pod_images *images, struct arena *arena, struct str **ret_argv,
             size_t *ret_count, struct err *err);
