// SPDX-License-Identifier: Apache-2.0
// A worker without a thread, for fuzz targets that turn its loop themselves.
#pragma once

#include "proxy/worker.h"

// Routes the host x (x.d and so on, with any port) to one backend: *ret_listener, a listening
// socket that does not block. Lives as long as the process.
struct worker *support_worker(int *ret_listener);
