// SPDX-License-Identifier: Apache-2.0
#include "analysis/sample.h"

#include "analysis/query.h"

#include <math.h>
#include <stdlib.h>

#define SPACING_SERIES 256u // enough for a median

#define SERVICE_LABEL STR("destination_service")

// Flags of requests that never reached an endpoint because the chosen subset had none, or was not
// known.
static const struct str NO_ENDPOINT_FLAGS[] = {
    {"UH", 2},
    {"NC", 2},
};
// gRPC statuses that are the server's fault; the rest are answers (NOT_FOUND and so on) or the
// client's doing.
static const char *const GRPC_BAD[] = {"2", "4", "8", "13", "14", "15"};

static bool has_flag(struct str flags, struct str flag) {
  struct str part;
  while (str_next(&flags, ',', &part))
    if (str_eq(str_trim(part), flag))
      return true;
  return false;
}

enum request_class sample_classify(const struct prom_series *series) {
  struct str code = prom_label(series, STR("response_code"));
  struct str flags = prom_label(series, STR("response_flags"));
  bool client_left = has_flag(flags, STR("DC")) || str_eq(code, STR("499"));
  if (code.len == 3 && code.ptr[0] == '5')
    return REQUEST_BAD;
  if (client_left)
    return REQUEST_IGNORED;
  if (str_eq(code, STR("0")))
    return REQUEST_BAD;
  struct str grpc = prom_label(series, STR("grpc_response_status"));
  if (str_is_empty(grpc))
    grpc = prom_label(series, STR("grpc_status"));
  for (size_t i = 0; i < sizeof GRPC_BAD / sizeof *GRPC_BAD; i++)
    if (str_eq_z(grpc, GRPC_BAD[i]))
      return REQUEST_BAD;
  return REQUEST_GOOD;
}

// The value a counter's series had grown by at point `i`, from the point before.
static double step_up(const struct prom_series *series, const struct scrapes *scrapes, size_t i) {
  const struct prom_point *now = &series->points[i];
  if (i == 0)
    return scrapes_any_before(scrapes, series, now->at_ms) ? now->value : 0;
  const struct prom_point *before = &series->points[i - 1];
  if (now->value < before->value || scrapes_any_between(scrapes, series, before->at_ms, now->at_ms))
    return now->value;
  return now->value - before->value;
}

double sample_increment(const struct prom_series *series, const struct scrapes *scrapes,
                        struct span span) {
  double sum = 0;
  for (size_t i = 0; i < series->point_count; i++) {
    const struct prom_point *point = &series->points[i];
    if (point->at_ms <= span.from_ms || point->at_ms > span.to_ms)
      continue;
    double up = step_up(series, scrapes, i);
    if (isfinite(up) && up > 0)
      sum += up;
  }
  return sum;
}

enum side { SIDE_NONE, SIDE_CANARY, SIDE_STABLE, SIDE_UNKNOWN };

static bool is_of_service(struct str service, const struct subject *subject) {
  return str_eq(service, subject->service) ||
         (subject->canary_service.len && str_eq(service, subject->canary_service));
}

// Where the subject's series are in a result: [from, to), in one or two stretches.
struct stretches {
  size_t from[2], to[2], count;
};

static struct stretches stretches_of(const struct prom_result *result,
                                     const struct subject *subject) {
  struct stretches found = {.count = 1};
  prom_range(result, SERVICE_LABEL, subject->service, &found.from[0], &found.to[0]);
  if (!subject->canary_service.len || str_eq(subject->canary_service, subject->service) ||
      !result->sorted_by.len)
    return found;
  prom_range(result, SERVICE_LABEL, subject->canary_service, &found.from[1], &found.to[1]);
  found.count = 2;
  return found;
}

// Walks them: struct walk walk = {0}; while ((series = next_series(&stretches, result, &walk)))
struct walk {
  size_t stretch, at;
};

static const struct prom_series *next_series(const struct stretches *stretches,
                                             const struct prom_result *result, struct walk *walk) {
  for (; walk->stretch < stretches->count; walk->stretch++, walk->at = 0) {
    size_t at = stretches->from[walk->stretch] + walk->at;
    if (at < stretches->to[walk->stretch]) {
      walk->at++;
      return &result->series[at];
    }
  }
  return NULL;
}

static enum side series_side(const struct prom_series *series, const struct subject *subject) {
  struct str reporter = str_is_empty(subject->reporter) ? STR("source") : subject->reporter;
  struct str label = str_is_empty(subject->label) ? STR("destination_version") : subject->label;
  if (!str_eq(prom_label(series, STR("reporter")), reporter) ||
      !is_of_service(prom_label(series, SERVICE_LABEL), subject))
    return SIDE_NONE;
  struct str version = prom_label(series, label);
  if (str_eq(version, subject->canary))
    return SIDE_CANARY;
  if (str_eq(version, subject->stable))
    return SIDE_STABLE;
  if (str_eq(version, STR("unknown")))
    return SIDE_UNKNOWN;
  return SIDE_NONE;
}

static void newest_within(const struct prom_series *series, struct span span, int64_t *newest_ms) {
  for (size_t i = series->point_count; i-- > 0;) {
    int64_t at = series->points[i].at_ms;
    if (at > span.to_ms)
      continue;
    if (at > *newest_ms)
      *newest_ms = at;
    return;
  }
}

static bool found_no_endpoint(const struct prom_series *series) {
  struct str flags = prom_label(series, STR("response_flags"));
  for (size_t i = 0; i < sizeof NO_ENDPOINT_FLAGS / sizeof *NO_ENDPOINT_FLAGS; i++)
    if (has_flag(flags, NO_ENDPOINT_FLAGS[i]))
      return true;
  return false;
}

static void count_replica(struct request_counts *counts, const struct prom_series *series,
                          double requests, bool bad) {
  struct str name = prom_label(series, STR("pod"));
  if (str_is_empty(name))
    name = prom_label(series, STR("instance"));
  size_t i = 0;
  while (i < counts->replica_count && !str_eq(counts->replicas[i].name, name))
    i++;
  if (i == SAMPLE_REPLICAS_MAX)
    return;
  if (i == counts->replica_count)
    counts->replicas[counts->replica_count++] = (struct replica_counts){.name = name};
  counts->replicas[i].counts.total += requests;
  counts->replicas[i].counts.bad += bad ? requests : 0;
}

struct request_counts sample_requests(const struct prom_result *result,
                                      const struct subject *subject, const struct scrapes *scrapes,
                                      struct span span) {
  struct request_counts counts = {0};
  struct stretches stretches = stretches_of(result, subject);
  struct walk walk = {0};
  const struct prom_series *series;
  while ((series = next_series(&stretches, result, &walk))) {
    enum side side = series_side(series, subject);
    if (side == SIDE_NONE)
      continue;
    counts.series++;
    newest_within(series, span, &counts.newest_ms);
    enum request_class class = sample_classify(series);
    if (class == REQUEST_IGNORED)
      continue;
    double more = sample_increment(series, scrapes, span);
    if (side == SIDE_UNKNOWN) {
      if (class == REQUEST_BAD && found_no_endpoint(series))
        counts.unattributed += more;
      continue;
    }
    struct counts *version = side == SIDE_CANARY ? &counts.canary : &counts.stable;
    version->total += more;
    if (class == REQUEST_BAD)
      version->bad += more;
    if (side == SIDE_STABLE)
      count_replica(&counts, series, more, class == REQUEST_BAD);
  }
  if (counts.unattributed > 0 && counts.stable.total > counts.stable.bad) {
    counts.canary.total += counts.unattributed;
    counts.canary.bad += counts.unattributed;
  }
  return counts;
}

static bool bucket_bound(const struct prom_series *series, double *ret_bound) {
  struct str le = prom_label(series, STR("le"));
  if (str_eq(le, STR("+Inf")) || str_eq(le, STR("Inf"))) {
    *ret_bound = INFINITY;
    return true;
  }
  return str_to_double(le, ret_bound);
}

void sample_latency(const struct prom_result *result, const struct subject *subject,
                    const struct scrapes *scrapes, struct span span,
                    struct latency_counts *ret_counts) {
  *ret_counts = (struct latency_counts){0};
  bool native = false;
  struct stretches stretches = stretches_of(result, subject);
  struct walk walk = {0};
  const struct prom_series *series;
  while ((series = next_series(&stretches, result, &walk))) {
    enum side side = series_side(series, subject);
    double bound = 0;
    if (side != SIDE_CANARY && side != SIDE_STABLE)
      continue;
    native = native || series->native_histogram;
    if (sample_classify(series) == REQUEST_IGNORED || !bucket_bound(series, &bound))
      continue;
    ret_counts->series++;
    double more = sample_increment(series, scrapes, span);
    histogram_add(side == SIDE_CANARY ? &ret_counts->canary : &ret_counts->stable, bound, more);
    if (side == SIDE_STABLE && series->point_count) {
      double newest = series->points[series->point_count - 1].value;
      histogram_add(&ret_counts->stable_ever, bound, newest > 0 && isfinite(newest) ? newest : 0);
    }
  }
  ret_counts->native_only = native && !ret_counts->series;
  histogram_seal(&ret_counts->canary);
  histogram_seal(&ret_counts->stable);
  histogram_seal(&ret_counts->stable_ever);
}

void sample_history(const struct prom_result *result, const struct subject *subject,
                    struct stable_history *ret_history) {
  struct stable_history history = {.seconds = QUERY_HISTORY_S};
  size_t first = 0, end = 0;
  if (result->status == PROM_DATA)
    prom_range(result, SERVICE_LABEL, subject->service, &first, &end);
  for (size_t i = first; i < end; i++) {
    const struct prom_series *series = &result->series[i];
    double bound = 0, value = series->point_count ? series->points[0].value : 0;
    if (series_side(series, subject) != SIDE_STABLE || !(value > 0) || !isfinite(value))
      continue;
    if (!str_is_empty(prom_label(series, STR("le")))) {
      if (bucket_bound(series, &bound))
        histogram_add(&history.durations, bound, value);
      continue;
    }
    enum request_class class = sample_classify(series);
    if (class == REQUEST_IGNORED)
      continue;
    history.requests.total += value;
    history.requests.bad += class == REQUEST_BAD ? value : 0;
  }
  histogram_seal(&history.durations);
  history.known = history.requests.total > 0;
  *ret_history = history;
}

static int order_spacing(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

int64_t sample_spacing_ms(const struct prom_result *result) {
  int64_t found[SPACING_SERIES];
  size_t count = 0;
  for (size_t i = 0; i < result->series_count && count < SPACING_SERIES; i++) {
    const struct prom_series *series = &result->series[i];
    size_t n = series->point_count;
    if (n >= 3)
      found[count++] = (series->points[n - 1].at_ms - series->points[0].at_ms) / (int64_t)(n - 1);
  }
  if (!count)
    return 0;
  qsort(found, count, sizeof *found, order_spacing);
  return found[count / 2];
}
