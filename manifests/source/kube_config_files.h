// SPDX-License-Identifier: Apache-2.0
// Several kubeconfig files read as one ($KUBECONFIG is a list). Private to kube_config.c and
// kube_config_load.c.
#pragma once

#include "manifests/source/kube_config.h"
#include "manifests/text/json.h"

struct kube_config_file {
  struct str path;
  struct json *root;
};

struct kube_config_files {
  struct arena *arena;
  struct kube_config_file *items;
  size_t count, capacity;
};

int kube_config_files_add(struct kube_config_files *files, struct str text, struct str file,
                          struct err *err);
// The context (empty: the current one) with its cluster and user, the first mention of each name.
int kube_config_files_resolve(const struct kube_config_files *files, struct str context,
                              struct kube_config *ret_config, struct err *err);
