// SPDX-License-Identifier: Apache-2.0
// Outlier detection: which endpoint is taken out, and until when (docs/dataplane.md 3.3; Envoy's
// outlier_detection_impl with the settings Istio gives it). Pure: state, event and time in, state
// out. outlier_set.h keeps the states and shares them between workers.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_cluster;
struct table_endpoint;
struct worker;

// From the block as declared, with Istio's defaults filled in.
struct outlier_policy {
  uint32_t consecutive_5xx, consecutive_gateway, consecutive_local; // thresholds; 0: off
  bool enforce_gateway; // else it is counted as detected, and nothing is ejected for it
  bool split_local;     // failures to connect and the like have a counter of their own
  int64_t interval_ms;  // between sweeps
  int64_t base_ms, max_ms;
  uint32_t max_percent;
  const int64_t *codes; // statuses that count instead of 5xx; NULL: 5xx
  size_t code_count;
};

// What became of one try. Replies the proxy makes itself, overflows and faults are no events.
enum outlier_event {
  OUTLIER_CONNECTED, // a connection stands; only looked at with split_local
  OUTLIER_RESPONSE,  // a response head came; its status counts
  OUTLIER_FAILURE,   // could not connect, or the connection was reset: 503 unless split
  OUTLIER_TIMEOUT,   // of the try or of the request: 504 unless split
};

struct outlier_host {
  uint32_t consecutive_5xx, consecutive_gateway, consecutive_local;
  uint32_t ejections; // recent ones: the factor of the next ejection's time
  bool is_ejected;
  int64_t ejected_ms; // since when
};

// Bits of what a step did, for counters.
enum outlier_effect {
  OUTLIER_DETECTED_5XX = 1 << 0,
  OUTLIER_DETECTED_GATEWAY = 1 << 1,
  OUTLIER_DETECTED_LOCAL = 1 << 2,
  OUTLIER_EJECTED_5XX = 1 << 3,
  OUTLIER_EJECTED_GATEWAY = 1 << 4,
  OUTLIER_EJECTED_LOCAL = 1 << 5,
  OUTLIER_OVERFLOW = 1 << 6, // more than max_percent would be out
};
#define OUTLIER_EJECTED (OUTLIER_EJECTED_5XX | OUTLIER_EJECTED_GATEWAY | OUTLIER_EJECTED_LOCAL)

// `ejected`: how many of the cluster's `total` endpoints are out; grows by an ejection. `status`
// counts for OUTLIER_RESPONSE.
uint32_t outlier_step(const struct outlier_policy *policy, struct outlier_host *host,
                      uint32_t *ejected, size_t total, enum outlier_event event, int status,
                      int64_t now_ms);
// To be called for each endpoint every interval_ms. True when it is back; *ejected shrinks then.
bool outlier_sweep(const struct outlier_policy *policy, struct outlier_host *host,
                   uint32_t *ejected, int64_t now_ms);
// Whether a success would change nothing: the common case, which must cost nothing.
bool outlier_is_quiet(const struct outlier_host *host);
// Whether this event clears counters and cannot raise any.
bool outlier_is_success(const struct outlier_policy *policy, enum outlier_event event, int status);
// When its time is over; it returns with the first sweep after that.
int64_t outlier_until_ms(const struct outlier_policy *policy, const struct outlier_host *host);
// The HTTP status a grpc-status in the head of a response counts as (Envoy's grpcToHttpStatus).
int outlier_grpc_status(int64_t grpc_status);

// Tells the end of one try, from the worker's thread (outlier_set.c). Costs one branch for clusters
// without outlierDetection, one load for a success of an endpoint without recent failures.
void outlier_report(struct worker *worker, const struct table_cluster *cluster,
                    const struct table_endpoint *endpoint, enum outlier_event event, int status);
