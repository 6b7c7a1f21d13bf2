// SPDX-License-Identifier: Apache-2.0
// From raw counter samples to how much was counted in a span of time: per series first, then
// summed. Stateless: the caller keeps one number, up to where it has counted; the window of samples
// must reach back before it.
//
// An increment belongs to the time of its later sample. For one series, sample after sample:
//   no smaller than before                  the difference
//   smaller than before                     the new value (the process started again)
//   absent in a scrape of its target that succeeded in between (see scrapes)   the new value (it
//   was born from 0) first sample in the window, its target was scraped earlier in the window   the
//   new value (born) first sample in the window, its target was not seen earlier nothing (baseline
//   only)
// A target is the pair of labels job and instance; series without both are never taken for born.
#pragma once

#include "analysis/prometheus.h"
#include "analysis/subject.h"

// (from, to] in milliseconds.
struct span {
  int64_t from_ms, to_ms;
};

// When each target was scraped with success, from `up` and from every other result of the same
// window.
struct scrapes;
struct scrapes *scrapes_new(struct arena *arena);
void scrapes_add_up(struct scrapes *scrapes, const struct prom_result *up); // points with value 1
void scrapes_add(struct scrapes *scrapes,
                 const struct prom_result *result); // any sample proves a scrape
// The newest scrape at or before `to_ms` of any target, 0 when there is none.
int64_t scrapes_newest(const struct scrapes *scrapes, int64_t to_ms);

// What one series counted within the span. Its points outside of it serve as the sample before.
double sample_increment(const struct prom_series *series, const struct scrapes *scrapes,
                        struct span span);

// Requests of one version within a span.
struct counts {
  double total; // answered requests; those whose client left are not in it
  double bad;   // 5xx, gRPC status 2 4 8 13 14 15, or no answer at all
};
enum request_class { REQUEST_GOOD, REQUEST_BAD, REQUEST_IGNORED };
// By response_code, grpc_response_status (grpc_status) and response_flags.
enum request_class sample_classify(const struct prom_series *series);

struct request_counts {
  struct counts canary, stable;
  // Requests to the service for which no endpoint was found (flags UH, NC: the version is unknown).
  // They are the canary's when stable answered in the same span, and are then in `canary` already.
  double unattributed;
  int64_t newest_ms; // newest sample of this service in the span; 0: none
  size_t series;     // how many series of this subject were there at all
};
// Counts of a subject in the result of a QUERY_REQUESTS.
struct request_counts sample_requests(const struct prom_result *result,
                                      const struct subject *subject, const struct scrapes *scrapes,
                                      struct span span);

#define SAMPLE_BOUNDS_MAX 64
// Durations of one version within a span: for each boundary, how many took at most that long.
struct histogram {
  size_t count; // boundaries, ascending, the last one infinite
  double bound_ms[SAMPLE_BOUNDS_MAX];
  double at_most[SAMPLE_BOUNDS_MAX]; // cumulative and made monotone
};
struct latency_counts {
  struct histogram canary, stable;
  struct histogram
      stable_ever; // stable's newest raw values: all since its proxies started; picks boundaries
  int64_t newest_ms;
  size_t series;
  bool native_only; // the metric is there, but only as native histograms
};
void sample_latency(const struct prom_result *result, const struct subject *subject,
                    const struct scrapes *scrapes, struct span span,
                    struct latency_counts *ret_counts);
double histogram_total(const struct histogram *histogram);
// Requests slower than boundary `bound_ms` (must be one of them, else the next larger one decides).
double histogram_above(const struct histogram *histogram, double bound_ms);
// The largest boundary <= x and the smallest >= x among finite ones; equal when x is a boundary. 0
// and INFINITY where there is none.
void histogram_around(const struct histogram *histogram, double x, double *ret_low,
                      double *ret_high);
