// SPDX-License-Identifier: Apache-2.0
// Which Kubernetes API to speak to, and as whom: kubeconfig files, the in-cluster service account,
// a plain URL. Reads files; makes no connection and runs no plugin (kube_client.h does). What is
// not supported (auth-provider, impersonation) is refused with a message.
#pragma once

#include "manifests/source/http_client.h"
#include "manifests/source/kube_exec.h"

struct kube_config {
  struct arena arena; // holds all below
  struct str server;  // https://127.0.0.1:6443, no slash at the end
  struct str ns;      // the context's namespace; "default" when it names none
  struct str context; // name of the context; empty for a URL and in-cluster
  struct str origin;  // where this comes from, for people: a path, "in-cluster", "--kube-api"
  struct str proxy;   // proxy-url; empty: what the environment says
  struct http_tls tls;
  // Files are read again by the client: they rotate. What they said when the configuration was
  // read is in `tls`.
  struct str ca_file, cert_file, key_file;
  struct str token;      // empty when there is none or token_file is used
  struct str token_file; // wins over token
  struct str user, password;
  struct kube_exec exec; // a plugin that is asked for the credentials
};

struct kube_config_lookup {
  const char *kubeconfig; // --kubeconfig
  const char *context;    // --context; NULL: the current-context
  const char *kube_api;   // --kube-api URL: no credentials, comes first
  const char *data_dir;   // DATA of `serin up`; NULL: $XDG_STATE_HOME/serin or ~/.local/state/serin
  bool as_kubectl;        // look exactly where kubectl looks
  // The environment, replaceable by tests; NULL: getenv.
  const char *(*env)(const char *name, void *data);
  void *env_data;
  const char *service_account; // NULL: /var/run/secrets/kubernetes.io/serviceaccount
};

// The order: kube_api; kubeconfig; $KUBECONFIG (a list of files, first mention wins); in-cluster; a
// running `serin up`; ~/.kube/config. As kubectl: kubeconfig, $KUBECONFIG, ~/.kube/config,
// in-cluster. RC_NOT_FOUND when none of them is there, and the message says what to do.
int kube_config_load(const struct kube_config_lookup *lookup, struct kube_config *ret_config,
                     struct err *err);
// One kubeconfig text; `file` is for messages and relative paths. `context` empty: the current one.
int kube_config_parse(struct str text, struct str file, struct str context,
                      struct kube_config *ret_config, struct err *err);
void kube_config_dispose(struct kube_config *config);
