// SPDX-License-Identifier: Apache-2.0
// Credential plugins of a kubeconfig (client.authentication.k8s.io/v1 and v1beta1): what they are
// told and what they answer. Pure; kube_credentials.c runs them.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

struct json;

struct kube_exec_env {
  struct str name, value;
};

struct kube_exec {
  struct str command; // empty: no plugin. A path, or a name to be found in PATH
  struct str api_version;
  const struct str *args;
  size_t arg_count;
  const struct kube_exec_env *env; // beside our own environment
  size_t env_count;
  struct str install_hint;
  struct str info; // KUBERNETES_EXEC_INFO
};

// users[].user.exec of a kubeconfig. `cluster` (of provideClusterInfo) and `file` as in the
// kubeconfig; a command with a slash is relative to the file. RC_INVALID and RC_UNSUPPORTED (other
// versions; plugins that must talk to a person).
int kube_exec_read(const struct json *exec, const struct json *cluster, struct str ca_pem,
                   struct str file, struct arena *arena, struct kube_exec *ret_exec,
                   struct err *err);

struct kube_exec_credential {
  struct str token;
  struct str cert_pem, key_pem;
  int64_t expires_ms; // since 1970; 0: it does not say
};

// What a plugin printed: an ExecCredential of the version it was asked for, with a token or a
// certificate and its key. No message repeats any of it.
int kube_exec_parse(struct str text, struct str api_version, struct arena *arena,
                    struct kube_exec_credential *ret_credential, struct err *err);
