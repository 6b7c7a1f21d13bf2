// SPDX-License-Identifier: Apache-2.0
// A reply of Prometheus' /api/v1/query or query_range, read. Data, no data and a failed query are
// three different things and stay so; what the reply means for a rollout is decided elsewhere.
#pragma once

#include "manifests/text/json.h"

enum prom_status {
  PROM_DATA,    // at least one series with at least one point
  PROM_NO_DATA, // the query worked and matched nothing
  PROM_ERROR,   // the query failed, or the reply cannot be read; `error` says why
};
enum prom_type { PROM_VECTOR, PROM_MATRIX, PROM_SCALAR, PROM_STRING };

struct prom_label {
  struct str name, value;
};
struct prom_point {
  int64_t at_ms; // since 1970
  double value;  // may be NaN or infinite
};
struct prom_series {
  const struct prom_label *labels; // sorted by name
  size_t label_count;
  const struct prom_point *points; // in order of time
  size_t point_count;
  bool native_histogram; // has native histogram samples, which are not in `points`
};
struct prom_result {
  enum prom_status status;
  enum prom_type type;
  struct prom_series *series; // a scalar is one series without labels
  size_t series_count;
  struct str text;      // PROM_STRING
  struct str error;     // PROM_ERROR: one sentence
  struct str warnings;  // joined by "; ", e.g. a partial answer; empty when none
  bool too_large;       // PROM_ERROR: the answer was over a cap; smaller questions may do
  struct str sorted_by; // name of the label the series are in order of; empty: any order
};

// Reads a reply's body. Never fails: whatever is wrong gives PROM_ERROR with the reason. All is in
// `arena`; `body` may go.
struct prom_result *prom_parse(int http_status, struct str body, struct arena *arena);
// prom_parse for a request that carried secrets: where the reply repeats one of them, as proxies
// that show a request's headers do, the error says "***" instead.
struct prom_result *prom_parse_hiding(int http_status, struct str body, const struct str *secrets,
                                      size_t count, struct arena *arena);
// The result of a query that got no reply: PROM_ERROR with `why` (connection refused, timed out,
// not asked yet).
struct prom_result *prom_failed(struct arena *arena, struct str why);
// Puts the series in order of one label, so that prom_range finds those of one value at once.
void prom_sort(struct prom_result *result, struct str label);
// The series [*ret_from, *ret_to) among which all with that value of `label` are: those alone when
// the result is sorted by it, else all.
void prom_range(const struct prom_result *result, struct str label, struct str value,
                size_t *ret_from, size_t *ret_to);
// A label's value; empty when the series has none of that name.
struct str prom_label(const struct prom_series *series, struct str name);

// One number from a result, as a custom metric needs it.
enum prom_reading_kind { READING_VALUE, READING_NO_DATA, READING_ERROR, READING_NAN, READING_MANY };
struct prom_reading {
  enum prom_reading_kind kind;
  double value;   // READING_VALUE: finite or infinite
  size_t series;  // how many series there were
  struct str why; // a sentence for all kinds but READING_VALUE
};
// A matrix gives its newest point.
struct prom_reading prom_read(const struct prom_result *result, struct arena *arena);
