// SPDX-License-Identifier: Apache-2.0
// The embedded API server as a process: opens DATA, makes what is missing (store, certificates,
// token, kubeconfig), serves until SIGTERM or SIGINT. Run by `serin apiserver`.
//
// DATA holds: store.db (SQLite), pki/ (pki.h), token and access/ (auth.h), kubeconfig,
// apiserver.lock. What changes in pki/ and access/ while it runs is read again at once.
#pragma once

#include "manifests/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct apiserver_options {
  const char *data;
  int listen_fd;       // an inherited listening socket; -1: none
  int port;            // without one: on 127.0.0.1; 0 takes any free port
  bool announce;       // one line on standard output when it serves: "ready https://127.0.0.1:PORT
                       // KUBECONFIG"
  int64_t rate, burst; // requests a second of one token, and at once; 0: API_HTTP_RATE and _BURST
};

// 0 after a clean stop.
int apiserver_run(const struct apiserver_options *options, struct err *err);
