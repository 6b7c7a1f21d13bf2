// SPDX-License-Identifier: Apache-2.0
// Counters and their text: labels in Envoy's order, cumulative buckets, workers added up, caps.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "proxy/exchange.h"
#include "proxy/grpc_frames.h"
#include "proxy/stats_plain.h"
#include "proxy/stats_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct table_peer peer = {STR("agent-v2"), STR("team1"), STR("agent"),     STR("v2"),
                                       STR("agent"),    STR("v2"),    STR("Kubernetes")};
static const struct stats_source source = {.workload = STR("proxy"),
                                           .workload_namespace = STR("serin-system")};

static struct stats_base *base_of(struct stats *stats) {
  return stats_base(stats, &peer, STR("agent.team1.svc.cluster.local"), STR("agent"), STR("team1"));
}

static bool has(struct buf *text, const char *line) {
  return strstr(buf_z(text), line) != NULL;
}

static void labels_are_in_envoys_order(void **state) {
  struct stats *stats = stats_new(&source);
  struct buf text;
  (void)state;
  struct stats_sample sample = {.status = 200, .grpc_status = -1, .duration_ms = 7};
  stats_record(stats, base_of(stats), &sample);
  buf_init(&text, 1 << 20);
  struct stats_view input = {.workers = &stats, .count = 1, .reporters = STATS_SOURCE};
  assert_int_equal(stats_text_prometheus(&text, &input), 0);
  assert_true(
      has(&text,
          "istio_requests_total{reporter=\"source\",source_workload=\"proxy\","
          "source_canonical_service=\"proxy\",source_canonical_revision=\"latest\","
          "source_workload_namespace=\"serin-system\",source_principal=\"unknown\","
          "source_app=\"unknown\",source_version=\"unknown\",source_cluster=\"Kubernetes\","
          "destination_workload=\"agent-v2\",destination_workload_namespace=\"team1\","
          "destination_principal=\"unknown\",destination_app=\"agent\",destination_version=\"v2\","
          "destination_service=\"agent.team1.svc.cluster.local\","
          "destination_canonical_service=\"agent\",destination_canonical_revision=\"v2\","
          "destination_service_name=\"agent\",destination_service_namespace=\"team1\","
          "destination_cluster=\"Kubernetes\",request_protocol=\"http\",response_code=\"200\","
          "grpc_response_status=\"\",response_flags=\"-\","
          "connection_security_policy=\"unknown\"} 1\n"));
  assert_true(has(&text, "# TYPE istio_request_duration_milliseconds histogram\n"));
  assert_true(has(&text, "istio_build{component=\"proxy\",tag=\"" SERIN_VERSION "\"} 1\n"));
  buf_dispose(&text);
  stats_free(stats);
}

static void buckets_are_cumulative_and_workers_add_up(void **state) {
  struct stats *both[2] = {stats_new(&source), stats_new(&source)};
  const uint64_t values[] = {0, 1, 7, 100, 101, 4000000};
  struct buf text;
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(values); i++) {
    struct stats_sample sample = {.status = 503,
                                  .grpc_status = -1,
                                  .flags = EXCHANGE_UF | EXCHANGE_URX,
                                  .duration_ms = values[i]};
    stats_record(both[i % 2], base_of(both[i % 2]), &sample);
  }
  buf_init(&text, 1 << 20);
  struct stats_view input = {
      .workers = both, .count = 2, .reporters = STATS_SOURCE | STATS_DESTINATION};
  assert_int_equal(stats_text_prometheus(&text, &input), 0);
  static const struct {
    const char *le;
    int count;
  } expected[] = {{"0.5", 1}, {"1", 2},     {"5", 2},       {"10", 3},  {"100", 4},
                  {"250", 5}, {"60000", 5}, {"3600000", 5}, {"+Inf", 6}};
  for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
    struct buf line;
    buf_init(&line, 4096);
    (void)buf_addf(
        &line, "response_flags=\"UF,URX\",connection_security_policy=\"unknown\",le=\"%s\"} %d\n",
        expected[i].le, expected[i].count);
    assert_true(has(&text, buf_z(&line)));
    buf_dispose(&line);
  }
  assert_true(has(&text, "connection_security_policy=\"none\"} 6\n"));
  assert_true(has(&text, "} 4000209\n"));
  buf_dispose(&text);
  stats_free(both[0]);
  stats_free(both[1]);
}

static void label_values_are_escaped(void **state) {
  struct stats *stats = stats_new(&source);
  struct buf text;
  (void)state;
  struct stats_base *base = stats_base(stats, NULL, STR("a\"b\\c\nd"), STR("x"), STR("y"));
  struct stats_sample sample = {.status = 200, .grpc_status = -1};
  stats_record(stats, base, &sample);
  buf_init(&text, 1 << 20);
  struct stats_view input = {.workers = &stats, .count = 1, .reporters = STATS_SOURCE};
  (void)stats_text_prometheus(&text, &input);
  assert_true(has(&text, "destination_service=\"a\\\"b\\\\c\\nd\""));
  buf_dispose(&text);
  stats_free(stats);
}

static void a_label_set_is_one_however_often_asked(void **state) {
  struct stats *stats = stats_new(&source);
  (void)state;
  struct stats_base *base = base_of(stats);
  assert_ptr_equal(base, base_of(stats));
  struct stats_sample sample = {.status = 200, .grpc_status = -1};
  size_t before = stats->series_count;
  for (int i = 0; i < 1000; i++) {
    sample.status = i % 2 ? 200 : 500;
    stats_record(stats, base, &sample);
  }
  assert_int_equal(stats->series_count - before, 2);
  stats_free(stats);
}

static uint64_t overflow_of(struct stats *stats) {
  struct stats_view view = {.workers = &stats, .count = 1, .reporters = STATS_SOURCE};
  struct stats_value values[STATS_VALUES];
  size_t count = stats_sum_server(&view, values);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(values[i].name, "series_overflow_total") == 0)
      return values[i].value;
  }
  return 0;
}

static void peers_cannot_make_series_without_end(void **state) {
  struct stats *stats = stats_new(&source);
  (void)state;
  struct stats_base *base = base_of(stats);
  struct stats_sample sample = {.status = 200, .grpc_status = -1};
  for (uint32_t flags = 0; flags < STATS_SERIES_MAX + 100; flags++) {
    sample.flags = flags;
    stats_record(stats, base, &sample);
  }
  assert_int_equal(stats->series_count, STATS_SERIES_MAX);
  assert_int_equal(stats_read(&stats->shared_series->requests), stats_read(&stats->overflow));
  assert_true(stats_read(&stats->overflow) >= 100);
  assert_true(overflow_of(stats) >= 100);
  for (unsigned i = 0; i < STATS_BASES_MAX + 100; i++) {
    char name[32];
    (void)snprintf(name, sizeof(name), "host-%u", i);
    (void)stats_base(stats, NULL, str_of(name), STR("x"), STR("y"));
  }
  assert_int_equal(stats->base_count, STATS_BASES_MAX);
  stats_free(stats);
}

static void a_slot_starts_anew_with_its_generation(void **state) {
  struct stats *stats = stats_new(&source);
  (void)state;
  struct table_slot slot = {.index = 300, .generation = 1};
  assert_null(stats_find_endpoint(stats, slot));
  stats_add(&stats_endpoint(stats, slot)->rq_total, 3);
  stats_add(&stats_cluster(stats, slot)->upstream_rq_total, 4);
  assert_int_equal(stats_read(&stats_find_endpoint(stats, slot)->rq_total), 3);
  assert_int_equal(stats_read(&stats_find_cluster(stats, slot)->upstream_rq_total), 4);
  slot.generation = 2;
  assert_null(stats_find_cluster(stats, slot));
  assert_int_equal(stats_read(&stats_endpoint(stats, slot)->rq_total), 0);
  stats_free(stats);
}

static void buckets_are_those_of_the_bounds(void **state) {
  (void)state;
  for (uint64_t value = 0; value < 5000000; value += value < 70000 ? 1 : 997) {
    size_t i = 0;
    while (i < STATS_BOUNDS && (double)value > stats_bounds[i])
      i++;
    assert_int_equal(stats_bucket(value), i);
  }
  assert_int_equal(stats_bucket(3600000), 18);
  assert_int_equal(stats_bucket(3600001), STATS_BOUNDS);
  assert_int_equal(stats_bucket(UINT64_MAX), STATS_BOUNDS);
}

// A reader that stands still in the middle of its answer: whoever counts goes on, with series and
// label sets that are new, too. Were a lock shared, this thread would wait for itself.
static void a_reader_that_stands_still_holds_nobody_up(void **state) {
  struct stats *stats = stats_new(&source);
  struct stats_view view = {.workers = &stats, .count = 1, .reporters = STATS_SOURCE};
  struct stats_text reader;
  struct buf text, whole;
  (void)state;
  struct stats_sample sample = {.status = 200, .grpc_status = -1};
  for (unsigned i = 0; i < 100; i++) {
    char name[32];
    (void)snprintf(name, sizeof(name), "host-%u", i);
    stats_record(stats, stats_base(stats, NULL, str_of(name), STR("x"), STR("y")), &sample);
  }
  buf_init(&text, 64 << 20);
  buf_init(&whole, 64 << 20);
  stats_text_open(&reader, &view);
  for (int i = 0; i < 150; i++)
    assert_true(stats_text_next(&reader, &text));
  for (unsigned i = 50; i < 200; i++) {
    char name[32];
    (void)snprintf(name, sizeof(name), "host-%u", i);
    stats_record(stats, stats_base(stats, NULL, str_of(name), STR("x"), STR("y")), &sample);
  }
  while (stats_text_next(&reader, &text))
    assert_true(text.len < 64u << 20);
  stats_text_close(&reader);
  assert_true(has(&text, "host-99"));
  assert_false(has(&text, "host-100"));
  assert_int_equal(stats_text_prometheus(&whole, &view), 0);
  assert_true(has(&whole, "host-199"));
  buf_dispose(&text);
  buf_dispose(&whole);
  stats_free(stats);
}

// The text of 10,000 series is some hundred megabytes: it must never stand in memory at once.
static void pieces_stay_small(void **state) {
  struct stats *stats = stats_new(&source);
  struct stats_view view = {
      .workers = &stats, .count = 1, .reporters = STATS_SOURCE | STATS_DESTINATION};
  struct stats_text reader;
  struct buf piece;
  size_t most = 0, all = 0;
  (void)state;
  struct stats_sample sample = {.grpc_status = -1};
  for (unsigned i = 0; i < 600; i++) {
    char name[32];
    (void)snprintf(name, sizeof(name), "host-%u", i / 5);
    sample.status = (uint16_t)(200 + i % 5);
    stats_record(stats, stats_base(stats, NULL, str_of(name), STR("x"), STR("y")), &sample);
  }
  buf_init(&piece, 64u << 20);
  stats_text_open(&reader, &view);
  while (buf_reset(&piece), stats_text_next(&reader, &piece)) {
    most = piece.len > most ? piece.len : most;
    all += piece.len;
  }
  stats_text_close(&reader);
  buf_dispose(&piece);
  assert_true(all > 30u << 20);
  assert_true(most < 64u << 10);
  stats_free(stats);
}

static struct proxy_table table_of_one(struct table_cluster *cluster) {
  *cluster = (struct table_cluster){.slot = {.index = 3, .generation = 1},
                                    .id = STR("outbound|80|v1|a.b.svc.cluster.local"),
                                    .endpoint_count = 2,
                                    .unready_count = 1};
  return (struct proxy_table){.clusters = cluster, .cluster_count = 1};
}

static struct str plain_text(const struct stats_view *view,
                             const struct stats_plain_options *options, struct buf *out) {
  struct stats_plain plain;
  buf_reset(out);
  stats_plain_open(&plain, view, options);
  while (stats_plain_next(&plain, out))
    ;
  stats_plain_close(&plain);
  (void)buf_z(out);
  return buf_str(out);
}

static void plain_lines_are_envoys(void **state) {
  struct stats *stats = stats_new(&source);
  struct table_cluster cluster;
  struct proxy_table table = table_of_one(&cluster);
  struct stats_view view = {.workers = &stats, .count = 1, .table = &table};
  struct stats_plain_options options = {.types = 7};
  struct buf out;
  (void)state;
  buf_init(&out, 1u << 20);
  struct stats_cluster *counters = stats_cluster(stats, cluster.slot);
  for (int i = 0; i < 10; i++)
    stats_response(counters, i < 9 ? 200 : 503, i);
  stats_add(&stats->downstream_rq_total, 10);
#define ID "cluster.outbound|80|v1|a.b.svc.cluster.local."
  struct str all = plain_text(&view, &options, &out);
  assert_true(str_contains(all, STR(ID "upstream_rq_completed: 10\n")));
  assert_true(str_contains(all, STR(ID "upstream_rq_200: 9\n")));
  assert_true(str_contains(all, STR(ID "upstream_rq_503: 1\n")));
  assert_true(str_contains(all, STR(ID "upstream_rq_5xx: 1\n")));
  assert_true(str_contains(all, STR(ID "membership_total: 2\n")));
  assert_true(str_contains(all, STR(ID "upstream_rq_time: P0(nan,")));
  assert_true(str_contains(all, STR("http.mesh.downstream_rq_total: 10\n")));
  assert_true(str_contains(all, STR("\nserver.live: 0\n")));
  options.used_only = true;
  assert_false(str_contains(plain_text(&view, &options, &out), STR("upstream_rq_4xx")));
  options.types = STATS_GAUGES;
  assert_false(str_contains(plain_text(&view, &options, &out), STR("upstream_rq_200")));
  options.types = 7;
  struct regex *regex;
  assert_int_equal(regex_compile(STR("upstream_rq_\\d+$"), false, &regex, NULL), 0);
  options.regex = regex;
  assert_string_equal(plain_text(&view, &options, &out).ptr,
                      ID "upstream_rq_200: 9\n" ID "upstream_rq_503: 1\n");
  options.json = true;
  assert_string_equal(plain_text(&view, &options, &out).ptr,
                      "{\"stats\":[{\"name\":\"" ID "upstream_rq_200\",\"value\":9},{\"name\":\"" ID
                      "upstream_rq_503\",\"value\":1}]}\n");
  regex_free(regex);
  buf_dispose(&out);
  stats_free(stats);
}

static void a_reset_takes_the_old_values_off(void **state) {
  struct stats *stats = stats_new(&source);
  struct table_cluster cluster;
  struct proxy_table table = table_of_one(&cluster);
  struct stats_view view = {.workers = &stats, .count = 1, .table = &table};
  struct map zero;
  struct stats_plain_options options = {.types = 7, .zero = &zero};
  struct buf out;
  (void)state;
  buf_init(&out, 1u << 20);
  map_init(&zero);
  stats_add(&stats_cluster(stats, cluster.slot)->upstream_rq_total, 5);
  stats_add(&stats->downstream_cx_active, 2);
  stats_plain_zero(&view, &zero);
  stats_add(&stats_cluster(stats, cluster.slot)->upstream_rq_total, 1);
  struct str all = plain_text(&view, &options, &out);
  assert_true(str_contains(all, STR(ID "upstream_rq_total: 1\n")));
  assert_true(str_contains(all, STR("http.mesh.downstream_cx_active: 2\n")));
  map_dispose(&zero);
  buf_dispose(&out);
  stats_free(stats);
}

static void grpc_messages_are_counted_however_they_are_cut(void **state) {
  // Three messages of 0, 3 and 300 bytes, and the trailers of gRPC-Web.
  char body[5 + 8 + 305 + 9] = {0};
  (void)state;
  body[9] = 3;
  body[13 + 3] = 1;
  body[13 + 4] = 44;
  body[318] = (char)0x80;
  body[322] = 4;
  for (size_t step = 1; step <= sizeof(body); step++) {
    struct grpc_frames frames = {0};
    unsigned count = 0;
    for (size_t at = 0; at < sizeof(body); at += step) {
      size_t len = sizeof(body) - at < step ? sizeof(body) - at : step;
      count += grpc_frames_count(&frames, (struct str){body + at, len});
    }
    assert_int_equal(count, 3);
    assert_int_equal(frames.left, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(labels_are_in_envoys_order),
      cmocka_unit_test(buckets_are_cumulative_and_workers_add_up),
      cmocka_unit_test(label_values_are_escaped),
      cmocka_unit_test(a_label_set_is_one_however_often_asked),
      cmocka_unit_test(peers_cannot_make_series_without_end),
      cmocka_unit_test(buckets_are_those_of_the_bounds),
      cmocka_unit_test(a_reader_that_stands_still_holds_nobody_up),
      cmocka_unit_test(pieces_stay_small),
      cmocka_unit_test(plain_lines_are_envoys),
      cmocka_unit_test(a_reset_takes_the_old_values_off),
      cmocka_unit_test(grpc_messages_are_counted_however_they_are_cut),
      cmocka_unit_test(a_slot_starts_anew_with_its_generation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
