// SPDX-License-Identifier: Apache-2.0
// Waits, in a process of its own, until a list of URLs answers: so the supervisor needs no TLS and
// no HTTP client, and what the check allocates goes with it.
#pragma once

#include "manifests/base/str.h"

#include <sys/types.h>

struct ready_check {
  struct str url;
  const char *what; // for the message: "the API server"
};

// Starts the process. It ends with 0 when all have answered with 2xx, with 1 after `timeout_ms` (it
// then says on stderr what is missing). -1 when it cannot be started.
pid_t ready_start(const struct ready_check *checks, size_t count, int64_t timeout_ms);
