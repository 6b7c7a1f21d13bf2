// SPDX-License-Identifier: Apache-2.0
// Which route a request takes: virtual host, match, weighted destination, cluster
// (docs/dataplane.md 1.2 to 1.6). Pure: the same table, request and draws give the same decision.
// No allocation. It picks no endpoint (pick.h).
#pragma once

#include "manifests/base/buf.h"
#include "proxy/match.h"
#include "manifests/kinds/regex.h"
#include "proxy/table.h"

// What routing keeps between requests, one for each worker: regex buffers, and for each weighted
// route its place in a low-discrepancy sequence, so that after n requests each share is right to a
// few in n and not to 1/sqrt(n).
struct route_worker {
  struct regex_worker regex;
  uint64_t *draws; // one for each split of the table
  uint32_t draw_count;
  uint64_t seed;
  struct buf path, original; // of route_rewrite
};

void route_worker_init(struct route_worker *worker, uint64_t seed);
// To be called by the worker when it takes a new table, before it routes with it.
void route_worker_fit(struct route_worker *worker, const struct proxy_table *table);
void route_worker_dispose(struct route_worker *worker);

// A reply the proxy makes itself. Strings are static or the table's.
struct route_reply {
  int status;
  struct str flag;    // "NR", "NC", "UH"; "" for none (logged as "-")
  struct str body;    // "" for none
  struct str details; // response code details
};

enum route_kind {
  ROUTE_FORWARD,  // to decision.cluster
  ROUTE_REPLY,    // decision.reply
  ROUTE_REDIRECT, // status decision.reply.status, Location by route_location
};

struct route_decision {
  enum route_kind kind;
  const struct table_host *host;               // NULL: the host is not known
  const struct table_route *route;             // NULL: no route matched
  const struct table_destination *destination; // its header operations; NULL when there is none
  const struct table_cluster *cluster;         // ROUTE_FORWARD
  struct route_reply reply;                    // ROUTE_REPLY, ROUTE_REDIRECT
  uint16_t port;                               // the service port the request is for
  int64_t timeout_ms;                          // 0: none
  const struct retry_policy *retry;            // never NULL
  // For metrics and logs, never empty: destination_service, destination_service_name and
  // _namespace, "unknown" where there is no cluster; route name ("default", "block_all"), "-" where
  // there is none; cluster name.
  struct str service, service_name, service_namespace;
  struct str route_name, cluster_name;
};

// `worker` must have been fitted to `table`.
void route_match(const struct proxy_table *table, const struct route_request *request,
                 struct route_worker *worker, struct route_decision *ret_decision);

// 503 UH "no healthy upstream": what to answer when pick_endpoint finds none.
struct route_reply route_reply_no_endpoint(void);

// How much longer than the request's a rewritten path may be.
#define ROUTE_REWRITE_GROWTH 8192u

// Appends the Location of a redirect. Fails with RC_LIMIT when `out` is full or a pattern needs too
// many steps.
int route_location(const struct route_decision *decision, const struct route_request *request,
                   struct buf *out);
// The cluster another destination of the same route leads to for a request to this port; NULL for
// none. For hash policies, which all destinations of a route have a part in.
const struct table_cluster *route_destination_cluster(const struct table_destination *destination,
                                                      uint16_t listener_port, uint16_t port);
// Header operations in the order in which they are to be applied (docs/dataplane.md 1.7): one
// destination: the route's, then the destination's; several: the other way round. Returns how many
// of ret_ops are set.
size_t route_header_ops(const struct route_decision *decision, bool of_response,
                        const struct table_header_ops *ret_ops[2]);
// The new Host of a forwarded request; "" when it stays.
struct str route_authority(const struct route_decision *decision);
// Whether the path of a forwarded request is rewritten.
bool route_has_rewrite(const struct route_decision *decision);
// The path to send, without query (request->path itself when it stays), and for
// x-envoy-original-path the one that came, with its query. Views into the request or the worker,
// until its next call. Cannot fail for a decision to forward: route_match has tried, and answers
// 500 where a path would become too long or a pattern needs too many steps.
void route_rewrite(const struct route_decision *decision, const struct route_request *request,
                   struct route_worker *worker, struct str *ret_path, struct str *ret_original);
