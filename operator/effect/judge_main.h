// SPDX-License-Identifier: Apache-2.0
// `serin judge` as a process: client, service, server, signals.
#pragma once

#include "operator/effect/judge_server.h"

struct judge_options {
  struct prometheus_target target;
  struct str address;
  int port;
  struct str token_file;
  int64_t scrape_ms, max_runs, expire_ms;
};

// Runs until SIGTERM or SIGINT. RC_OK then; else what could not be started.
int judge_run(const struct judge_options *options, struct err *err);
