// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats_text_parts.h"

#include "proxy/exchange.h"

#include <inttypes.h>
#include <stdio.h>

static const char *reporter_name(unsigned reporter) {
  return reporter == STATS_SOURCE ? "source" : "destination";
}

static const char *security_name(unsigned reporter) {
  return reporter == STATS_SOURCE ? "unknown" : "none";
}

// All 25 labels in Envoy's order (docs/dataplane.md 5.2), without braces.
static void request_labels(struct buf *out, const struct stats_merged *merged, unsigned reporter) {
  const struct stats_series *kind = merged->kind;
  char flags[64], grpc[8] = "";
  struct str flag_text = exchange_flags_text(kind->flags, flags);
  if (kind->is_grpc && kind->grpc_status >= 0)
    (void)snprintf(grpc, sizeof(grpc), "%d", kind->grpc_status);
  (void)buf_addf(out,
                 "reporter=\"%s\",%.*s,request_protocol=\"%s\",response_code=\"%u\",grpc_"
                 "response_status=\"%s\",response_flags=\"%.*s\",connection_security_policy=\"%s\"",
                 reporter_name(reporter), STR_ARG(merged->base->labels),
                 kind->is_grpc ? "grpc" : "http", kind->status, grpc, STR_ARG(flag_text),
                 security_name(reporter));
}

void stats_text_write_histogram(struct buf *out, const char *name, struct str labels,
                                const struct stats_totals *totals) {
  uint64_t count = 0;
  for (size_t i = 0; i < STATS_BUCKETS; i++) {
    count += totals->buckets[i];
    (void)buf_addf(out, "%s_bucket{%.*s,le=\"", name, STR_ARG(labels));
    if (i < STATS_BOUNDS)
      (void)buf_addf(out, "%.32g", stats_bounds[i]);
    else
      (void)buf_add_z(out, "+Inf");
    (void)buf_addf(out, "\"} %" PRIu64 "\n", count);
  }
  (void)buf_addf(out, "%s_sum{%.*s} %" PRIu64 "\n", name, STR_ARG(labels), totals->sum);
  (void)buf_addf(out, "%s_count{%.*s} %" PRIu64 "\n", name, STR_ARG(labels), count);
}

size_t stats_text_count_requests(const struct stats_text *text, const struct stats_stage *stage) {
  (void)stage;
  return text->sum.request_count;
}

void stats_text_write_requests(const struct stats_text *text, const struct stats_stage *stage,
                               size_t item, struct buf *out) {
  const struct stats_merged *merged = &text->sum.requests[item];
  for (unsigned reporter = STATS_SOURCE; reporter <= STATS_DESTINATION; reporter <<= 1) {
    if (!(text->view.reporters & reporter))
      continue;
    (void)buf_addf(out, "%s{", stage->name);
    request_labels(out, merged, reporter);
    (void)buf_addf(out, "} %" PRIu64 "\n", stats_sum_requests(merged));
  }
}

void stats_text_write_request_histogram(const struct stats_text *text,
                                        const struct stats_stage *stage, size_t item,
                                        struct buf *out) {
  const struct stats_merged *merged = &text->sum.requests[item];
  struct stats_totals totals;
  struct buf labels;
  buf_init(&labels, 64u << 10);
  stats_sum_series(merged, stage->offset, &totals);
  for (unsigned reporter = STATS_SOURCE; reporter <= STATS_DESTINATION; reporter <<= 1) {
    if (!(text->view.reporters & reporter))
      continue;
    buf_reset(&labels);
    request_labels(&labels, merged, reporter);
    stats_text_write_histogram(out, stage->name, buf_str(&labels), &totals);
  }
  buf_dispose(&labels);
}

size_t stats_text_count_bases(const struct stats_text *text, const struct stats_stage *stage) {
  (void)stage;
  return text->sum.base_count;
}

size_t stats_text_count_connections(const struct stats_text *text,
                                    const struct stats_stage *stage) {
  return text->view.tcp_for_http ? stats_text_count_bases(text, stage) : 0;
}

static void write_base(const struct stats_text *text, const struct stats_stage *stage, size_t item,
                       const char *rest, struct buf *out) {
  const struct stats_merged *merged = &text->sum.bases[item];
  uint64_t value = stats_sum_base(merged, stage->offset);
  for (unsigned reporter = STATS_SOURCE; reporter <= STATS_DESTINATION; reporter <<= 1) {
    if (text->view.reporters & reporter)
      (void)buf_addf(out,
                     "%s{reporter=\"%s\",%.*s,%s,connection_security_policy=\"%s\"} %" PRIu64 "\n",
                     stage->name, reporter_name(reporter), STR_ARG(merged->base->labels), rest,
                     security_name(reporter), value);
  }
}

void stats_text_write_connections(const struct stats_text *text, const struct stats_stage *stage,
                                  size_t item, struct buf *out) {
  if (stats_sum_base(&text->sum.bases[item], offsetof(struct stats_base, connections_opened)) > 0)
    write_base(text, stage, item, "request_protocol=\"tcp\",response_flags=\"-\"", out);
}

// Without the labels that the end of a response brings.
void stats_text_write_messages(const struct stats_text *text, const struct stats_stage *stage,
                               size_t item, struct buf *out) {
  const struct stats_merged *merged = &text->sum.bases[item];
  uint64_t value = stats_sum_base(merged, stage->offset);
  for (unsigned reporter = STATS_SOURCE; value > 0 && reporter <= STATS_DESTINATION;
       reporter <<= 1) {
    if (text->view.reporters & reporter)
      (void)buf_addf(out, "%s{reporter=\"%s\",%.*s,request_protocol=\"grpc\"} %" PRIu64 "\n",
                     stage->name, reporter_name(reporter), STR_ARG(merged->base->labels), value);
  }
}
