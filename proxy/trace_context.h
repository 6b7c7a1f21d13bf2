// SPDX-License-Identifier: Apache-2.0
// Trace headers of requests: W3C trace context (traceparent, tracestate) and B3 in both forms. What
// comes is passed on as it is; a request that carries no trace begins one, so that the backends of
// one request find each other (docs/dataplane.md 6.1). The proxy reports no spans of its own. Pure.
#pragma once

#include "proxy/head.h"

#include <stdint.h>

enum trace_mode { TRACE_W3C, TRACE_B3, TRACE_OFF };

#define TRACE_TEXT 56u // of the ids, for as long as the head lives
#define TRACE_RANDOM 3u

// Whether the request carries a trace: a valid traceparent, or any of b3 and x-b3-traceid.
bool trace_context_is_there(const struct head *head);
// Begins a trace. A traceparent that is not valid is replaced and its tracestate dropped, as the
// W3C says.
void trace_context_start(struct head *head, enum trace_mode mode,
                         const uint64_t random[TRACE_RANDOM], char out[TRACE_TEXT]);
// Whether the text is a traceparent.
bool trace_context_is_valid(struct str traceparent);
