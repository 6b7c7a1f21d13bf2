// SPDX-License-Identifier: Apache-2.0
// The embedded API server as a process: opens DATA, makes what is missing (store, certificates,
// token, kubeconfig), serves until SIGTERM or SIGINT. Run by `serin apiserver`.
//
// DATA holds: store.db (SQLite), pki/{ca,server}.{crt,key}, token, kubeconfig, apiserver.lock.
#pragma once

#include "manifests/base/err.h"

#include <stdbool.h>

struct apiserver_options {
  const char *data;
  int listen_fd; // an inherited listening socket; -1: none
  int port;      // without one: on 127.0.0.1; 0 takes any free port
  bool announce; // one line on standard output when it serves: "ready https://127.0.0.1:PORT
                 // KUBECONFIG"
};

// 0 after a clean stop.
int apiserver_run(const struct apiserver_options *options, struct err *err);
