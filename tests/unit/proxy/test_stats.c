// SPDX-License-Identifier: Apache-2.0
// Counters and their text: labels in Envoy's order, cumulative buckets, workers added up, caps.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "proxy/exchange.h"
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
  struct stats_text_input input = {.workers = &stats, .count = 1, .reporters = STATS_SOURCE};
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
  struct stats_text_input input = {
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
  struct stats_text_input input = {.workers = &stats, .count = 1, .reporters = STATS_SOURCE};
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

static void peers_cannot_make_series_without_end(void **state) {
  struct stats *stats = stats_new(&source);
  (void)state;
  struct stats_sample sample = {.status = 200, .grpc_status = -1};
  for (uint32_t flags = 0; flags < STATS_SERIES_MAX + 100; flags++) {
    sample.flags = flags;
    stats_record(stats, base_of(stats), &sample);
  }
  assert_int_equal(stats->series_count, STATS_SERIES_MAX);
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(labels_are_in_envoys_order),
      cmocka_unit_test(buckets_are_cumulative_and_workers_add_up),
      cmocka_unit_test(label_values_are_escaped),
      cmocka_unit_test(a_label_set_is_one_however_often_asked),
      cmocka_unit_test(peers_cannot_make_series_without_end),
      cmocka_unit_test(a_slot_starts_anew_with_its_generation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
