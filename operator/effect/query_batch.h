// SPDX-License-Identifier: Apache-2.0
// Asks one Prometheus all questions of a plan, outside of the operator: for `serin judge` and
// `serin analyze --prometheus`. Credentials come from a folder (a mounted Secret) that is read for
// each batch, so that changed ones count at once; they are in no option, log or answer.
#pragma once

#include "analysis/query.h"
#include "manifests/source/http_client.h"

struct prometheus_target {
  struct str address; // without a slash at its end
  struct str
      credentials;    // folder with token, username, password, ca.crt, tls.crt, tls.key; or empty
  int64_t timeout_ms; // of each query
};

// Refuses an address that is none or that holds credentials. Takes slashes off its end.
int prometheus_target_check(struct prometheus_target *target, struct err *err);

struct batch_query;
struct query_batch { // embedded by the caller; the first six are its to fill
  struct http_client *http;
  const struct prometheus_target *target;
  struct query_plan *plan;
  struct arena *arena; // of results
  int64_t at_ms;       // evaluation time; 0: now
  void (*done)(struct query_batch *batch);
  // private
  struct batch_query *queries;
  size_t pending;
};

// True: `done` follows, once, from the loop, when every item has a result. False: they all have one
// already (nothing could be asked), and `done` is not called. The plan is not sealed.
bool query_batch_start(struct query_batch *batch);
void query_batch_cancel(struct query_batch *batch); // `done` still follows
