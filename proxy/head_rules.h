// SPDX-License-Identifier: Apache-2.0
// What the proxy adds to and takes from heads on their way (docs/dataplane.md 6.1, 1.7). Pure.
#pragma once

#include "proxy/head.h"
#include "proxy/table.h"

struct head_rules_request {
  bool is_gateway;   // overwrite what an outside client claims
  struct str new_id; // x-request-id when the request brings none
  struct str peer;   // the client's address without port
};

// Once a request, before its first try: request id, forwarded headers, control headers taken out.
void head_rules_request(struct head *head, const struct head_rules_request *rules);
// Before each try: x-envoy-attempt-count, x-envoy-expected-rq-timeout-ms ("" for none).
void head_rules_try(struct head *head, struct str attempt, struct str expected_timeout);

struct head_rules_response {
  struct str server, date;
  struct str service_time; // "" for replies of our own
};

void head_rules_response(struct head *head, const struct head_rules_response *rules);
// Remove, set, add, in this order. `computed`: ops->format_count values of the headers that have a
// format, in the order of set and add; an empty one is left out. Values must outlive the head.
void head_rules_apply(struct head *head, const struct table_header_ops *ops,
                      const struct str *computed);
// The value of a control header as a count of milliseconds or tries; `fallback` when absent or no
// number.
int64_t head_rules_number(struct head *head, enum head_name id, int64_t fallback);
