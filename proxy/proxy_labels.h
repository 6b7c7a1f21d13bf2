// SPDX-License-Identifier: Apache-2.0
// The labels of this proxy's own workload: for sourceLabels of routes and for the source_* labels
// of the metrics (docs/dataplane.md 5.2). Pure.
#pragma once

#include "manifests/base/err.h"
#include "proxy/stats.h"
#include "proxy/table_build.h"

// "KEY=VALUE" each.
int proxy_labels_parse(struct arena *arena, const struct str *texts, size_t count,
                       const struct table_label **ret_labels, struct err *err);
// Labels 2 to 9 of the metrics. Values are views.
struct stats_source proxy_labels_source(struct str workload, struct str namespace_,
                                        const struct table_label *labels, size_t count);
