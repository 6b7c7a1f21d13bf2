// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats_plain.h"

#include "manifests/base/bug.h"
#include "manifests/text/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 2048u

struct row {
  char name[NAME_MAX_BYTES];
  size_t len;
};

// upstream_rq_total of a cluster; circuit_breakers_default_rq_open becomes
// circuit_breakers.default.rq_open, as Envoy writes it.
static void row_name(struct row *row, const char *scope, struct str of, const char *name) {
  static const struct {
    const char *prefix, *dotted;
  } scopes[] = {{"circuit_breakers_default_", "circuit_breakers.default."},
                {"circuit_breakers_high_", "circuit_breakers.high."},
                {"outlier_detection_", "outlier_detection."},
                {"fault_", "fault."},
                {"cors_", "cors."}};
  const char *dotted = "";
  for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
    if (strncmp(name, scopes[i].prefix, strlen(scopes[i].prefix)) != 0)
      continue;
    dotted = scopes[i].dotted;
    name += strlen(scopes[i].prefix);
    break;
  }
  int len = snprintf(row->name, sizeof(row->name), "%s%s%.*s%s%s%s", scope, of.len ? "." : "",
                     STR_ARG(of), scope[0] ? "." : "", dotted, name);
  row->len = len < 0 ? 0 : (size_t)len < sizeof(row->name) ? (size_t)len : sizeof(row->name) - 1;
}

static bool is_wanted(struct stats_plain *plain, const struct row *row) {
  const struct regex *regex = plain->options.regex;
  return !regex ||
         regex_match(regex, (struct str){row->name, row->len}, &plain->worker) == REGEX_YES;
}

static void number(struct stats_plain *plain, const struct row *row, bool is_gauge, uint64_t value,
                   struct buf *out) {
  struct str name = {row->name, row->len};
  if (!(plain->options.types & (is_gauge ? STATS_GAUGES : STATS_COUNTERS)))
    return;
  if (!is_gauge && plain->options.zero) {
    uint64_t zero = (uintptr_t)map_get(plain->options.zero, name);
    value = value > zero ? value - zero : 0;
  }
  if ((plain->options.used_only && value == 0) || !is_wanted(plain, row))
    return;
  if (!plain->options.json) {
    (void)buf_addf(out, "%.*s: %" PRIu64 "\n", STR_ARG(name), value);
    return;
  }
  (void)buf_add_z(out, plain->comma ? ",{\"name\":" : "{\"name\":");
  (void)json_write_string(out, name);
  (void)buf_addf(out, ",\"value\":%" PRIu64 "}", value);
  plain->comma = true;
}

static void cluster_numbers(struct stats_plain *plain, const struct table_cluster *cluster,
                            struct buf *out) {
  struct row row;
  for (size_t r = 0; r < stats_cluster_row_count; r++) {
    const struct stats_row *desc = &stats_cluster_rows[r];
    row_name(&row, "cluster", cluster->id, desc->name);
    number(plain, &row, desc->is_gauge,
           stats_sum_cluster(&plain->view, cluster->slot, desc->offset), out);
  }
  struct stats_code_total codes[STATS_CODE_TOTALS];
  size_t count = stats_sum_codes(&plain->view, cluster->slot, codes);
  for (size_t i = 0; i < count; i++) {
    char name[32];
    (void)snprintf(name, sizeof(name), "upstream_rq_%u", codes[i].status);
    row_name(&row, "cluster", cluster->id, name);
    number(plain, &row, false, codes[i].count, out);
  }
  for (size_t i = 0; i < stats_derived_row_count; i++) {
    row_name(&row, "cluster", cluster->id, stats_derived_rows[i].name);
    number(plain, &row, true, stats_derived_rows[i].value(&plain->view, cluster), out);
  }
}

struct listener_lines {
  struct stats_plain *plain;
  struct buf *out;
  const char *name;
  bool is_gauge;
};

static void listener_line(void *ctx, const char *address, uint64_t value) {
  struct listener_lines *lines = ctx;
  struct row row;
  row_name(&row, "listener", str_of(address), lines->name);
  number(lines->plain, &row, lines->is_gauge, value, lines->out);
}

static void listener_numbers(struct stats_plain *plain, struct buf *out) {
  struct listener_lines total = {plain, out, "downstream_cx_total", false},
                        active = {plain, out, "downstream_cx_active", true};
  stats_sum_listeners(&plain->view, offsetof(struct stats_listener, downstream_cx_total),
                      listener_line, &total);
  stats_sum_listeners(&plain->view, offsetof(struct stats_listener, downstream_cx_active),
                      listener_line, &active);
}

static void other_numbers(struct stats_plain *plain, struct buf *out) {
  struct row row;
  struct stats_value values[STATS_VALUES];
  for (size_t r = 0; r < stats_downstream_row_count; r++) {
    const struct stats_row *desc = &stats_downstream_rows[r];
    row_name(&row, "http", STR("mesh"), desc->name);
    number(plain, &row, desc->is_gauge, stats_sum_worker(&plain->view, desc->offset), out);
  }
  listener_numbers(plain, out);
  size_t count = stats_sum_server(&plain->view, values);
  for (size_t i = 0; i < count; i++) {
    const char *scope = values[i].scope;
    row_name(&row, strncmp(scope, "envoy_", 6) == 0 ? scope + 6 : scope, STR_NULL, values[i].name);
    number(plain, &row, values[i].is_gauge, values[i].value, out);
  }
}

// ---- histograms ----

static const double quantiles[] = {0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100};

// Linear within a bucket; what is above all bounds counts as the last of them.
static double quantile(const struct stats_totals *totals, double percent) {
  double rank = percent / 100 * (double)totals->count, below = 0;
  for (size_t i = 0; i < STATS_BUCKETS; i++) {
    double in = (double)totals->buckets[i];
    double low = i == 0 ? 0 : stats_bounds[i - 1];
    if (in <= 0 || below + in < rank) {
      below += in;
      continue;
    }
    return i < STATS_BOUNDS ? low + (stats_bounds[i] - low) * (rank - below) / in : low;
  }
  return stats_bounds[STATS_BOUNDS - 1];
}

static void histogram_text(const struct row *row, const struct stats_totals *totals,
                           struct buf *out) {
  (void)buf_addf(out, "%.*s:", (int)row->len, row->name);
  // Envoy shows the last interval beside all there was; here is only the latter.
  for (size_t i = 0; i < ARRAY_LEN(quantiles) && totals->count > 0; i++)
    (void)buf_addf(out, " P%g(nan,%g)", quantiles[i], quantile(totals, quantiles[i]));
  (void)buf_add_z(out, totals->count > 0 ? "\n" : " No recorded values\n");
}

static void histogram_json(struct stats_plain *plain, const struct row *row,
                           const struct stats_totals *totals, struct buf *out) {
  if (!plain->histograms_open) {
    (void)buf_add_z(out, plain->comma ? "," : "");
    (void)buf_add_z(out, "{\"histograms\":{\"supported_quantiles\":[");
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
      (void)buf_addf(out, "%s%g", i ? "," : "", quantiles[i]);
    (void)buf_add_z(out, "],\"computed_quantiles\":[");
  }
  (void)buf_add_z(out, plain->histograms_open ? ",{\"name\":" : "{\"name\":");
  plain->histograms_open = true;
  (void)json_write_string(out, (struct str){row->name, row->len});
  (void)buf_add_z(out, ",\"values\":[");
  for (size_t i = 0; i < ARRAY_LEN(quantiles); i++) {
    (void)buf_add_z(out, i ? "," : "");
    if (totals->count > 0)
      (void)buf_addf(out, "{\"interval\":null,\"cumulative\":%g}", quantile(totals, quantiles[i]));
    else
      (void)buf_add_z(out, "{\"interval\":null,\"cumulative\":null}");
  }
  (void)buf_add_z(out, "]}");
}

static void cluster_histogram(struct stats_plain *plain, const struct table_cluster *cluster,
                              struct buf *out) {
  struct row row;
  struct stats_totals totals;
  stats_sum_rq_time(&plain->view, cluster->slot, &totals);
  row_name(&row, "cluster", cluster->id, "upstream_rq_time");
  if (!(plain->options.types & STATS_HISTOGRAMS) ||
      (plain->options.used_only && totals.count == 0) || !is_wanted(plain, &row))
    return;
  if (plain->options.json)
    histogram_json(plain, &row, &totals, out);
  else
    histogram_text(&row, &totals, out);
}

// ---- pieces ----

void stats_plain_open(struct stats_plain *plain, const struct stats_view *view,
                      const struct stats_plain_options *options) {
  *plain = (struct stats_plain){.view = *view, .options = *options};
  regex_worker_init(&plain->worker);
}

void stats_plain_close(struct stats_plain *plain) {
  regex_worker_dispose(&plain->worker);
}

bool stats_plain_next(struct stats_plain *plain, struct buf *out) {
  const struct proxy_table *table = plain->view.table;
  size_t clusters = table ? table->cluster_count : 0, step = plain->step++;
  if (plain->done)
    return false;
  if (step == 0 && plain->options.json)
    (void)buf_add_z(out, "{\"stats\":[");
  if (step < clusters) {
    cluster_numbers(plain, &table->clusters[step], out);
  } else if (step == clusters) {
    other_numbers(plain, out);
  } else if (step <= 2 * clusters) {
    cluster_histogram(plain, &table->clusters[step - clusters - 1], out);
  } else {
    if (plain->options.json)
      (void)buf_add_z(out, plain->histograms_open ? "]}}]}\n" : "]}\n");
    plain->done = true;
  }
  return true;
}

void stats_plain_zero(const struct stats_view *view, struct map *zero) {
  struct row row;
  for (size_t i = 0; view->table && i < view->table->cluster_count; i++) {
    const struct table_cluster *cluster = &view->table->clusters[i];
    for (size_t r = 0; r < stats_cluster_row_count; r++) {
      uint64_t value = stats_sum_cluster(view, cluster->slot, stats_cluster_rows[r].offset);
      if (value == 0 || stats_cluster_rows[r].is_gauge)
        continue;
      row_name(&row, "cluster", cluster->id, stats_cluster_rows[r].name);
      (void)map_put(zero, (struct str){row.name, row.len}, (void *)(uintptr_t)value);
    }
  }
  for (size_t r = 0; r < stats_downstream_row_count; r++) {
    uint64_t value = stats_sum_worker(view, stats_downstream_rows[r].offset);
    if (value == 0 || stats_downstream_rows[r].is_gauge)
      continue;
    row_name(&row, "http", STR("mesh"), stats_downstream_rows[r].name);
    (void)map_put(zero, (struct str){row.name, row.len}, (void *)(uintptr_t)value);
  }
}
