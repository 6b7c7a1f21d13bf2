// SPDX-License-Identifier: Apache-2.0
// From raw counter samples to how much was counted in a span of time: per series first, then
// summed. Stateless: the caller keeps one number, up to where it has counted; the window of samples
// must reach back before it.
//
// Results that are sorted by destination_service (prom_sort) are read without looking at the other
// services' series.
//
// An increment belongs to the time of its later sample. For one series, sample after sample:
//   no smaller than before                  the difference
//   smaller than before                     the new value (the process started again)
//   absent in a successful scrape of its target in between   the new value (it was born again from
//   0) first sample in the window, its target was scraped earlier in the window   the new value
//   (born) first sample in the window, its target was not seen earlier                nothing
//   (baseline only)
#pragma once

#include "analysis/histogram.h"
#include "analysis/scrapes.h"
#include "analysis/subject.h"

// (from, to] in milliseconds.
struct span {
  int64_t from_ms, to_ms;
};

// What one series counted within the span. Its points outside of it serve as the sample before.
double sample_increment(const struct prom_series *series, const struct scrapes *scrapes,
                        struct span span);

// Requests of one version within a span.
struct counts {
  double total; // answered requests; those whose client left are not in it
  double bad;   // 5xx, gRPC status 2 4 8 13 14 15, or no answer at all
};
enum request_class { REQUEST_GOOD, REQUEST_BAD, REQUEST_IGNORED };
// By response_code, grpc_response_status (or grpc_status) and response_flags.
enum request_class sample_classify(const struct prom_series *series);

// One replica of stable: what the split of the errors over equal replicas says of their clustering.
struct replica_counts {
  struct str name; // label pod, else instance
  struct counts counts;
};
#define SAMPLE_REPLICAS_MAX 64u // more are left out of the split, not of the sums

struct request_counts {
  struct counts canary, stable;
  struct replica_counts replicas[SAMPLE_REPLICAS_MAX]; // of stable, in no order
  size_t replica_count;
  // Requests to the service for which no endpoint was found (flags UH, NC: the version is unknown).
  // They are the canary's when stable answered in the same span, and are then in `canary` already.
  double unattributed;
  int64_t newest_ms; // newest sample of this service up to the span's end; 0: none
  size_t series;     // series of this subject
};
// Counts of a subject in the result of a QUERY_REQUESTS.
struct request_counts sample_requests(const struct prom_result *result,
                                      const struct subject *subject, const struct scrapes *scrapes,
                                      struct span span);

// How often targets are scraped, by the series of a result: the median of their mean spacing. 0:
// not to be told.
int64_t sample_spacing_ms(const struct prom_result *result);

// What stable did in the hour before, by a QUERY_HISTORY: tunes the expected rate and picks the
// boundaries of latency; evidence never rests on it.
struct stable_history {
  bool known; // any request was seen
  double seconds;
  struct counts requests;
  struct histogram durations;
};
void sample_history(const struct prom_result *result, const struct subject *subject,
                    struct stable_history *ret_history);

// Durations within a span, from the result of a QUERY_BUCKETS.
struct latency_counts {
  struct histogram canary, stable;
  // Stable's newest raw values, so all since its proxies started: boundaries to compare at are
  // picked from it.
  struct histogram stable_ever;
  size_t series;
  bool native_only; // the metric is there, but only as native histograms
};
void sample_latency(const struct prom_result *result, const struct subject *subject,
                    const struct scrapes *scrapes, struct span span,
                    struct latency_counts *ret_counts);
