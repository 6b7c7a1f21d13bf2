// SPDX-License-Identifier: Apache-2.0
// Several kubeconfig files read as one ($KUBECONFIG is a list). Private to kube_config*.c.
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

// The entry `name` of a list ("contexts") and below it `field` ("context"); the first file that has
// it wins.
const struct json *kube_config_find(const struct kube_config_files *files, const char *list,
                                    const char *field, struct str name, struct str *ret_file);
// The names in a list, and the paths of the files, for messages.
struct str kube_config_names(const struct kube_config_files *files, const char *list);
struct str kube_config_paths(const struct kube_config_files *files);
// A PEM given inline in base64 (`data`), or as a file (`name`, then its path too); the inline one
// wins, as in client-go.
int kube_config_pem(struct arena *arena, const struct json *from, const char *name,
                    const char *data, struct str file, struct str *ret_pem, struct str *ret_path,
                    struct err *err);
// users[].user (empty name: no credentials) into `config`, whose cluster is read already.
int kube_config_user(const struct kube_config_files *files, struct str name,
                     const struct json *cluster, struct kube_config *config, struct err *err);
