// SPDX-License-Identifier: Apache-2.0
// The filters of a route (table_filters.h) and computed header values, for one request: draws the
// dice, asks the pure parts (fault.h, cors.h, header_format.h) and does what they say. Part of
// exchange_run.c, which calls it at the points of Envoy's filter chain: fault, CORS, then the
// router. A route without filters costs one branch at each point.
#pragma once

#include "proxy/exchange.h"

struct buf;
struct exchange_run;
struct head;
struct http1_write_options;
struct table_header_ops;

// After routing, before the exchange's first event is given to it: may hold it back or turn it into
// an answer of our own.
void exchange_filters_begin(struct exchange_run *run, struct exchange_event *event);
// Changes a head as a route or a destination says. Computed values live as long as the exchange.
void exchange_filters_apply(struct exchange_run *run, struct head *head,
                            const struct table_header_ops *ops);
// The request's head was written with these options for its first try, and what is kept of its body
// with it: copies begin.
void exchange_filters_sent(struct exchange_run *run, const struct http1_write_options *options);
// What is added to a response of any origin, after the route's own operations.
void exchange_filters_response(struct exchange_run *run, struct head *head);
// Turns a reply of our own into one a gRPC client understands: 200, no body, the status in headers.
// True when it was; the message is in `text` then.
bool exchange_filters_grpc(struct exchange_run *run, struct head *head, struct buf *text);
// Once, at the end.
void exchange_filters_end(struct exchange_run *run);
