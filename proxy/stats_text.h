// SPDX-License-Identifier: Apache-2.0
// Prometheus' text format 0.0.4: Istio's metrics and Envoy's (docs/dataplane.md 5.3). Written piece
// by piece, so that ten thousand series never stand in memory as text.
#pragma once

#include "manifests/base/buf.h"
#include "proxy/stats_sum.h"

struct stats_text {
  struct stats_view view;
  struct stats_sum sum;
  size_t stage, item; // the next family and the next of its samples
  bool head_done;
};

// The table of `view` must live until stats_text_close.
void stats_text_open(struct stats_text *text, const struct stats_view *view);
// Appends the next piece, some ten kilobytes at most; false when there is no more.
bool stats_text_next(struct stats_text *text, struct buf *out);
void stats_text_close(struct stats_text *text);
// All of it. 0 or RC_LIMIT.
int stats_text_prometheus(struct buf *out, const struct stats_view *view);
