// SPDX-License-Identifier: Apache-2.0
// The metric families of stats_text.c, and how those of Istio are written (stats_text_istio.c).
#pragma once

#include "proxy/stats_text.h"

struct stats_stage;
typedef size_t (*stats_count_fn)(const struct stats_text *text, const struct stats_stage *stage);
typedef void (*stats_write_fn)(const struct stats_text *text, const struct stats_stage *stage,
                               size_t item, struct buf *out);

// A metric family: how many pieces it has and how one is written.
struct stats_stage {
  const char *name, *type;
  size_t offset;
  stats_count_fn count;
  stats_write_fn write;
};

void stats_text_write_histogram(struct buf *out, const char *name, struct str labels,
                                const struct stats_totals *totals);
size_t stats_text_count_requests(const struct stats_text *text, const struct stats_stage *stage);
void stats_text_write_requests(const struct stats_text *text, const struct stats_stage *stage,
                               size_t item, struct buf *out);
void stats_text_write_request_histogram(const struct stats_text *text,
                                        const struct stats_stage *stage, size_t item,
                                        struct buf *out);
size_t stats_text_count_bases(const struct stats_text *text, const struct stats_stage *stage);
size_t stats_text_count_connections(const struct stats_text *text, const struct stats_stage *stage);
void stats_text_write_connections(const struct stats_text *text, const struct stats_stage *stage,
                                  size_t item, struct buf *out);
void stats_text_write_messages(const struct stats_text *text, const struct stats_stage *stage,
                               size_t item, struct buf *out);
