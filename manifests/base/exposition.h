// SPDX-License-Identifier: Apache-2.0
// Prometheus text exposition format 0.0.4, written into a buf.
// Source: prometheus.io/docs/instrumenting/exposition_formats.
#pragma once

#include "manifests/base/buf.h"

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition_label {
  const char *name;
  struct str value; // escaped on the way out
};

// "# HELP" (left out when help is NULL) and "# TYPE". type: counter, gauge or histogram.
void exposition_family(struct buf *out, const char *name, const char *type, const char *help);
// One sample line; value printed shortest that reads back the same.
void exposition_sample(struct buf *out, const char *name, const struct exposition_label *labels,
                       size_t count, double value);
// Only {a="b",...}; nothing when count is 0.
void exposition_labels(struct buf *out, const struct exposition_label *labels, size_t count);
// A number as the format wants it (NaN, +Inf, integers without a point).
void exposition_number(struct buf *out, double value);
