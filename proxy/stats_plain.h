// SPDX-License-Identifier: Apache-2.0
// The counters as Envoy's /stats shows them: lines `name: value`, or JSON. Written piece by piece
// like stats_text.h.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/base/map.h"
#include "manifests/kinds/regex.h"
#include "proxy/stats_sum.h"

enum stats_plain_type { STATS_COUNTERS = 1, STATS_GAUGES = 2, STATS_HISTOGRAMS = 4 };

struct stats_plain_options {
  bool json;
  bool used_only;            // above zero
  unsigned types;            // bits of enum stats_plain_type
  const struct regex *regex; // names it is found in; NULL: all
  // What counters stood at when they were last "reset": name -> number. NULL: nothing.
  const struct map *zero;
};

struct stats_plain {
  struct stats_view view;
  struct stats_plain_options options;
  struct regex_worker worker;
  size_t step; // clusters, then the rest, then the clusters' histograms
  bool comma, histograms_open, done;
};

// The table of `view`, the regex and the map must live until stats_plain_close.
void stats_plain_open(struct stats_plain *plain, const struct stats_view *view,
                      const struct stats_plain_options *options);
bool stats_plain_next(struct stats_plain *plain, struct buf *out);
void stats_plain_close(struct stats_plain *plain);

// Puts every counter above zero into `zero`, as a number behind the pointer.
void stats_plain_zero(const struct stats_view *view, struct map *zero);
