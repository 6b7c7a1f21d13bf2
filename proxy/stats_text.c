// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats_text.h"
#include "proxy/stats_text_parts.h"

#include "manifests/base/bug.h"
#include "manifests/base/exposition.h"

#include <inttypes.h>
#include <stdio.h>

#define CLUSTERS_A_PIECE 64u

// ---- Envoy's ----

static size_t count_one(const struct stats_text *text, const struct stats_stage *stage) {
  (void)text, (void)stage;
  return 1;
}

static size_t count_clusters(const struct stats_text *text, const struct stats_stage *stage) {
  (void)stage;
  size_t clusters = text->view.table ? text->view.table->cluster_count : 0;
  return (clusters + CLUSTERS_A_PIECE - 1) / CLUSTERS_A_PIECE;
}

// Calls `each` for the clusters of a piece.
static void each_cluster(const struct stats_text *text, const struct stats_stage *stage,
                         size_t item, struct buf *out,
                         void (*each)(const struct stats_text *, const struct stats_stage *,
                                      const struct table_cluster *, struct buf *)) {
  const struct proxy_table *table = text->view.table;
  size_t end = (item + 1) * CLUSTERS_A_PIECE;
  for (size_t i = item * CLUSTERS_A_PIECE; i < table->cluster_count && i < end; i++)
    each(text, stage, &table->clusters[i], out);
}

static void cluster_sample(struct buf *out, const struct stats_stage *stage, struct str cluster,
                           uint64_t value) {
  const struct exposition_label label = {"cluster_name", cluster};
  (void)buf_add_z(out, stage->name);
  exposition_labels(out, &label, 1);
  (void)buf_addf(out, " %" PRIu64 "\n", value);
}

static void one_cluster(const struct stats_text *text, const struct stats_stage *stage,
                        const struct table_cluster *cluster, struct buf *out) {
  cluster_sample(out, stage, cluster->id,
                 stats_sum_cluster(&text->view, cluster->slot, stage->offset));
}

static void write_cluster(const struct stats_text *text, const struct stats_stage *stage,
                          size_t item, struct buf *out) {
  each_cluster(text, stage, item, out, one_cluster);
}

// One family after the other: that of row `item / pieces`, of it piece `item % pieces`.
static size_t count_derived(const struct stats_text *text, const struct stats_stage *stage) {
  return count_clusters(text, stage) * stats_derived_row_count;
}

static void write_derived(const struct stats_text *text, const struct stats_stage *stage,
                          size_t item, struct buf *out) {
  size_t pieces = count_clusters(text, stage), first = item % pieces * CLUSTERS_A_PIECE;
  const struct stats_derived *row = &stats_derived_rows[item / pieces];
  const struct proxy_table *table = text->view.table;
  if (first == 0)
    (void)buf_addf(out, "# TYPE envoy_cluster_%s gauge\n", row->name);
  for (size_t i = first; i < table->cluster_count && i < first + CLUSTERS_A_PIECE; i++) {
    const struct exposition_label label = {"cluster_name", table->clusters[i].id};
    (void)buf_addf(out, "envoy_cluster_%s", row->name);
    exposition_labels(out, &label, 1);
    (void)buf_addf(out, " %" PRIu64 "\n", row->value(&text->view, &table->clusters[i]));
  }
}

// envoy_cluster_upstream_rq{response_code="200"} and its classes, as Envoy tags them.
static void one_codes(const struct stats_text *text, const struct stats_stage *stage,
                      const struct table_cluster *cluster, struct buf *out) {
  struct stats_code_total codes[STATS_CODE_TOTALS];
  size_t count = stats_sum_codes(&text->view, cluster->slot, codes);
  for (size_t i = 0; i < count; i++) {
    char status[12];
    (void)snprintf(status, sizeof(status), "%u", codes[i].status);
    const struct exposition_label labels[] = {{"response_code", str_of(status)},
                                              {"cluster_name", cluster->id}};
    (void)buf_add_z(out, stage->name);
    exposition_labels(out, labels, 2);
    (void)buf_addf(out, " %" PRIu64 "\n", codes[i].count);
  }
}

static void write_codes(const struct stats_text *text, const struct stats_stage *stage, size_t item,
                        struct buf *out) {
  each_cluster(text, stage, item, out, one_codes);
}

static void one_classes(const struct stats_text *text, const struct stats_stage *stage,
                        const struct table_cluster *cluster, struct buf *out) {
  static const struct {
    const char *name;
    size_t offset;
  } classes[] = {{"2", offsetof(struct stats_cluster, upstream_rq_2xx)},
                 {"3", offsetof(struct stats_cluster, upstream_rq_3xx)},
                 {"4", offsetof(struct stats_cluster, upstream_rq_4xx)},
                 {"5", offsetof(struct stats_cluster, upstream_rq_5xx)}};
  for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
    const struct exposition_label labels[] = {{"response_code_class", str_of(classes[i].name)},
                                              {"cluster_name", cluster->id}};
    (void)buf_add_z(out, stage->name);
    exposition_labels(out, labels, 2);
    (void)buf_addf(out, " %" PRIu64 "\n",
                   stats_sum_cluster(&text->view, cluster->slot, classes[i].offset));
  }
}

static void write_classes(const struct stats_text *text, const struct stats_stage *stage,
                          size_t item, struct buf *out) {
  each_cluster(text, stage, item, out, one_classes);
}

static void one_time(const struct stats_text *text, const struct stats_stage *stage,
                     const struct table_cluster *cluster, struct buf *out) {
  struct stats_totals totals;
  struct buf labels;
  const struct exposition_label label = {"cluster_name", cluster->id};
  stats_sum_rq_time(&text->view, cluster->slot, &totals);
  if (totals.count == 0)
    return;
  buf_init(&labels, 4096);
  exposition_labels(&labels, &label, 1);
  struct str inner = str_slice(buf_str(&labels), 1, labels.len - 1);
  stats_text_write_histogram(out, stage->name, inner, &totals);
  buf_dispose(&labels);
}

static void write_time(const struct stats_text *text, const struct stats_stage *stage, size_t item,
                       struct buf *out) {
  each_cluster(text, stage, item, out, one_time);
}

static void write_downstream(const struct stats_text *text, const struct stats_stage *stage,
                             size_t item, struct buf *out) {
  (void)item;
  (void)buf_addf(out, "%s{http_conn_manager_prefix=\"mesh\"} %" PRIu64 "\n", stage->name,
                 stats_sum_worker(&text->view, stage->offset));
}

// What every worker of this process has taken over: whether the kernel shares connections out.
static void write_workers(const struct stats_text *text, const struct stats_stage *stage,
                          size_t item, struct buf *out) {
  (void)item;
  for (size_t w = 0; w < text->view.count; w++) {
    struct stats_view one = {.workers = &text->view.workers[w], .count = 1};
    (void)buf_addf(out, "%s{worker_id=\"%zu\"} %" PRIu64 "\n", stage->name, w,
                   stats_sum_worker(&one, stage->offset));
  }
}

struct listener_family {
  struct buf *out;
  const char *name;
};

static void listener_sample(void *ctx, const char *address, uint64_t value) {
  struct listener_family *family = ctx;
  (void)buf_addf(family->out, "%s{listener_address=\"%s\"} %" PRIu64 "\n", family->name, address,
                 value);
}

static void write_listeners(const struct stats_text *text, const struct stats_stage *stage,
                            size_t item, struct buf *out) {
  struct listener_family family = {out, stage->name};
  (void)item;
  stats_sum_listeners(&text->view, stage->offset, listener_sample, &family);
}

static void write_server(const struct stats_text *text, const struct stats_stage *stage,
                         size_t item, struct buf *out) {
  struct stats_value values[STATS_VALUES];
  size_t count = stats_sum_server(&text->view, values);
  (void)stage, (void)item;
  for (size_t i = 0; i < count; i++)
    (void)buf_addf(out, "# TYPE %s_%s %s\n%s_%s %" PRIu64 "\n", values[i].scope, values[i].name,
                   values[i].is_gauge ? "gauge" : "counter", values[i].scope, values[i].name,
                   values[i].value);
}

static void write_build(const struct stats_text *text, const struct stats_stage *stage, size_t item,
                        struct buf *out) {
  (void)text, (void)item;
  (void)buf_addf(out, "%s{component=\"proxy\",tag=\"%s\"} 1\n", stage->name, SERIN_VERSION);
}

#define SERIES(field) offsetof(struct stats_series, field), stats_text_count_requests
#define BASE(field) offsetof(struct stats_base, field)

static const struct stats_stage stages[] = {
    {"istio_build", "gauge", 0, count_one, write_build},
    {"istio_requests_total", "counter", 0, stats_text_count_requests, stats_text_write_requests},
    {"istio_request_duration_milliseconds", "histogram", SERIES(duration_ms),
     stats_text_write_request_histogram},
    {"istio_request_bytes", "histogram", SERIES(request_bytes), stats_text_write_request_histogram},
    {"istio_response_bytes", "histogram", SERIES(response_bytes),
     stats_text_write_request_histogram},
    {"istio_request_messages_total", "counter", BASE(request_messages), stats_text_count_bases,
     stats_text_write_messages},
    {"istio_response_messages_total", "counter", BASE(response_messages), stats_text_count_bases,
     stats_text_write_messages},
    {"istio_tcp_connections_opened_total", "counter", BASE(connections_opened),
     stats_text_count_connections, stats_text_write_connections},
    {"istio_tcp_connections_closed_total", "counter", BASE(connections_closed),
     stats_text_count_connections, stats_text_write_connections},
    {"istio_tcp_sent_bytes_total", "counter", BASE(sent_bytes), stats_text_count_connections,
     stats_text_write_connections},
    {"istio_tcp_received_bytes_total", "counter", BASE(received_bytes),
     stats_text_count_connections, stats_text_write_connections},
#define XX(name)                                                                                   \
  {"envoy_cluster_" #name, "counter", offsetof(struct stats_cluster, name), count_clusters,        \
   write_cluster},
    STATS_CLUSTER_MAP(XX)
#undef XX
#define XX(name)                                                                                   \
  {"envoy_cluster_" #name, "gauge", offsetof(struct stats_cluster, name), count_clusters,          \
   write_cluster},
        STATS_CLUSTER_GAUGE_MAP(XX)
#undef XX
            {"envoy_cluster_upstream_rq", "counter", 0, count_clusters, write_codes},
    {"envoy_cluster_upstream_rq_xx", "counter", 0, count_clusters, write_classes},
    {"envoy_cluster_upstream_rq_time", "histogram", 0, count_clusters, write_time},
    {NULL, NULL, 0, count_derived, write_derived},
#define XX(name)                                                                                   \
  {"envoy_http_" #name, "counter", offsetof(struct stats, name), count_one, write_downstream},
    STATS_DOWNSTREAM_MAP(XX)
#undef XX
#define XX(name)                                                                                   \
  {"envoy_http_" #name, "gauge", offsetof(struct stats, name), count_one, write_downstream},
        STATS_DOWNSTREAM_GAUGE_MAP(XX)
#undef XX
            {"envoy_listener_downstream_cx_total", "counter",
             offsetof(struct stats_listener, downstream_cx_total), count_one, write_listeners},
    {"envoy_listener_downstream_cx_active", "gauge",
     offsetof(struct stats_listener, downstream_cx_active), count_one, write_listeners},
    {"envoy_listener_worker_downstream_cx_total", "counter",
     offsetof(struct stats, downstream_cx_total), count_one, write_workers},
    {"envoy_listener_worker_downstream_cx_active", "gauge",
     offsetof(struct stats, downstream_cx_active), count_one, write_workers},
    {NULL, NULL, 0, count_one, write_server},
};

void stats_text_open(struct stats_text *text, const struct stats_view *view) {
  *text = (struct stats_text){.view = *view};
  stats_sum_open(&text->sum, view);
}

void stats_text_close(struct stats_text *text) {
  stats_sum_close(&text->sum);
}

bool stats_text_next(struct stats_text *text, struct buf *out) {
  while (text->stage < ARRAY_LEN(stages)) {
    const struct stats_stage *stage = &stages[text->stage];
    if (text->item >= stage->count(text, stage)) {
      text->stage++;
      text->item = 0;
      text->head_done = false;
      continue;
    }
    size_t before = out->len;
    if (!text->head_done && stage->name)
      exposition_family(out, stage->name, stage->type, NULL);
    size_t head_end = out->len;
    stage->write(text, stage, text->item++, out);
    if (out->len == head_end) { // nothing to say here: its head waits for one that has
      out->len = before;
      continue;
    }
    text->head_done = true;
    return true;
  }
  return false;
}

int stats_text_prometheus(struct buf *out, const struct stats_view *view) {
  struct stats_text text;
  stats_text_open(&text, view);
  while (!out->failed && stats_text_next(&text, out))
    ;
  stats_text_close(&text);
  return out->failed ? RC_LIMIT : 0;
}
