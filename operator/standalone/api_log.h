// SPDX-License-Identifier: Apache-2.0
// pods/log: reads what the runtime writes to DATA/logs/<namespace>_<pod>/<container>.log, from the
// end or from the start, and goes on as the file grows. Blocking reads of local files, a piece at a
// time.
#pragma once

#include "operator/standalone/api.h"
#include "operator/standalone/rest_path.h"

struct api_log;

#define API_LOG_POLL_MS 300 // how often a followed file is looked at

// Refused with a fault: no such pod or container, options that raw logs cannot serve.
int api_log_open(struct api *api, struct api_call *call, struct str ns, struct str pod,
                 const struct rest_query *query, struct api_log **ret_log);
void api_log_close(struct api_log *log);
// 0: nothing now (only when followed); -1: the end.
ptrdiff_t api_log_read(struct api_log *log, char *to, size_t max);
